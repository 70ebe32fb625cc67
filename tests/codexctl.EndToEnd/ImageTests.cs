using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;
using Codexctl.Images;

namespace Codexctl.EndToEnd;

/// <summary>The four images, really built on the test base by the program itself, once for all of these tests.</summary>
public class ImageTests
{
    /// <summary>Builds the four, once for all tests.</summary>
    internal static Lazy<Task> Four { get; } = new(BuildAsync);

    private static async Task BuildAsync()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var built = await scene.RunAsync(
            new Call("build", "--json") { Environment = RegistrySettings(), Limit = TimeSpan.FromMinutes(15) }
        );
        built.ExitCode.ShouldBe(0, built.ToString());
        JsonNode
            .Parse(built.Output)!
            .AsArray()
            .Select(row => (string?)row!["name"])
            .Order(StringComparer.Ordinal)
            .ShouldBe(["codex", "codex-office", "codex-python", "codex-swift"]);
    }

    /// <summary>As the plain `run` lines of other programs use an image: without codexctl.</summary>
    private static Outcome Plain(string image, params string[] command)
    {
        var (code, output, error) = Machine.Run("docker", ["run", "--rm", "--network", "none", image, .. command]);
        return new Outcome(code, output, error);
    }

    [Fact]
    public async Task In_codex_every_tool_answers_and_git_commits_without_being_asked_who_it_is()
    {
        await Machine.NeedAsync(Engine.Docker);

        var said = Plain(
            "codex",
            "bash",
            "-c",
            "set -e; for t in bash npm npx node file curl git rg jq setpriv socat codex codex-code-mode-host; do command -v $t >/dev/null || echo MISSING $t; done;"
                + "npm --version; npm ls -g --depth 0; codex --version; id -un; pwd; stat -c %U /workdir; grep CapEff /proc/self/status;"
                + "cd /tmp; git init -q g; cd g; touch f; git add f; git commit -qm m; git log --format='%an <%ae>'; git branch --show-current;"
                + "git config --system --get-all safe.directory; grep -c 192.168.64.1:11434 ~/.codex/config.toml; codex --profile gpt-oss --version"
        );

        said.ExitCode.ShouldBe(0, said.ToString());
        said.Output.ShouldNotContain("MISSING");
        foreach (
            var expected in new[]
            {
                "npm@10.",
                $"codex-cli {CodexLock.Embedded.Version}",
                "\ncoder\n/workdir\ncoder\n",
                "CapEff:\t0000000000000000",
                "Codex CLI <codex@localhost>\nmain\n/workdir\n1\n",
            }
        )
        {
            said.Output.ShouldContain(expected);
        }
    }

    [Fact]
    public async Task In_codex_python_the_environment_comes_first_and_can_be_written_to()
    {
        await Four.Value;

        var said = Plain(
            "codex-python",
            "bash",
            "-lc",
            "command -v python pip; touch /opt/venv/probe && echo writable; python --version; npm --version"
        );

        said.ExitCode.ShouldBe(0, said.ToString());
        said.Output.ShouldStartWith("/opt/venv/bin/python\n/opt/venv/bin/pip\nwritable\nPython 3.");
    }

    [Fact]
    public async Task In_codex_office_documents_of_each_kind_are_made_and_read_back()
    {
        await Four.Value;

        var said = Plain(
            "codex-office",
            "bash",
            "-c",
            await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "Images/check-office.sh"))
        );

        said.ExitCode.ShouldBe(0, said.ToString());
        foreach (var part in new[] { "docx", "xlsx", "pdf", "pptx", "plot", "fonts", "headers" })
        {
            said.Output.ShouldContain($"{part} ok");
        }
        said.Output.ShouldContain("venv writable");
        said.Output.ShouldContain("1 passed");
    }

    /// <summary>With a stand-in for swift-format: the test base has no Swift toolchain, and so no swiftly either, which the image says.</summary>
    [Fact]
    public async Task In_codex_swift_format_and_lint_take_the_packages_folders_and_lint_fails_on_violations()
    {
        await Four.Value;

        var said = Plain(
            "codex-swift",
            "bash",
            "-c",
            """
            set -e; mkdir -p /tmp/bin /tmp/p/Sources && cd /tmp/p
            printf '#!/bin/sh\necho "$*"\n[ "$1" != lint ] || ! grep -rq BAD Sources\n' >/tmp/bin/swift-format && chmod +x /tmp/bin/swift-format
            PATH=/tmp/bin:$PATH; echo 'let a = 1' >Sources/a.swift
            format; lint; echo "clean $?"; echo BAD >>Sources/a.swift; lint || echo "dirty $?"
            mkdir Tests; format; cd /tmp/bin; format; format x.swift
            make --version >/dev/null; python --version; echo $SWIFTLY_HOME_DIR; test -w ~/.local/bin; cat /usr/local/share/codexctl-swift/left-out
            """
        );

        said.ExitCode.ShouldBe(0, said.ToString());
        said.Output.Split('\n')
            .Take(8)
            .ShouldBe([
                "format --in-place --parallel --recursive Sources",
                "lint --strict --parallel --recursive Sources",
                "clean 0",
                "lint --strict --parallel --recursive Sources",
                "dirty 1",
                "format --in-place --parallel --recursive Sources Tests",
                "format --in-place --parallel --recursive .",
                "format --in-place --parallel --recursive x.swift",
            ]);
        said.Output.ShouldContain("\n/home/coder/.swiftly\nswiftly: this base image has no Swift toolchain");
    }

    [Fact]
    public async Task Own_images_are_built_on_codex_recognised_when_they_change_and_kept_by_killed_builds()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var name = $"own-{scene.Id}";
        var recipe = await OwnImageAsync(scene, name, "FROM codex\nRUN echo one > /tmp/version\n");

        // Built on first use.
        var first = await scene.RunAsync(
            new Call("run", "--image", name, "--cmd", "cat", "/tmp/version") { Limit = TimeSpan.FromMinutes(3) }
        );
        (first.ExitCode, first.Output).ShouldBe((0, "one\n"), first.ToString());

        await File.WriteAllTextAsync(recipe, "FROM codex\nRUN sleep 600\n");
        var log = Path.Combine(scene.Paths.BuildLogs, $"{name}.log");
        Task SleepsAsync() =>
            Scene.EventuallyAsync(
                () => File.Exists(log) && File.ReadAllText(log).Contains("Running in", StringComparison.Ordinal),
                "the build has come to its step"
            );
        File.Delete(log);
        await using (var killed = scene.Start("build", "--image", name))
        {
            await SleepsAsync();
            killed.Signal();
        }
        // What a killed build leaves is all that was said until then.
        File.ReadAllText(log).ShouldContain("RUN sleep 600");
        File.Delete(log);
        await using (var interrupted = scene.Start("build", "--image", name))
        {
            await SleepsAsync();
            interrupted.Signal("INT");
            var end = await interrupted.EndAsync();
            end.ExitCode.ShouldBe(130, end.ToString());
        }
        Plain(name, "cat", "/tmp/version").Output.ShouldBe("one\n");

        await File.WriteAllTextAsync(recipe, "FROM codex\nRUN echo two > /tmp/version\n");
        var outdated = await scene.RunAsync("run", "--temp", "--image", name, "--cmd", "cat", "/tmp/version");
        outdated.Output.ShouldBe("one\n");
        outdated.Error.ShouldContain($"codexctl build --image {name}");
        var old = await scene.RunAsync(
            "run",
            "--image",
            name,
            "--cmd",
            "sh",
            "-c",
            "mkdir -p ~/.codex-local/sessions; echo said > ~/.codex-local/sessions/one"
        );
        old.Error.ShouldContain("codexctl upgrade");

        // The container moves, with what Codex knows.
        var moved = await scene.RunAsync(new Call("upgrade") { Limit = TimeSpan.FromMinutes(3) });
        moved.ExitCode.ShouldBe(0, moved.ToString());
        var after = await scene.RunAsync(
            "run",
            "--image",
            name,
            "--cmd",
            "sh",
            "-c",
            "cat /tmp/version ~/.codex-local/sessions/one; hostname"
        );
        after.Output.ShouldBe($"two\nsaid\ncodex-work-{scene.Id}\n", after.ToString());
        after.Error.ShouldNotContain("upgrade");
        (await scene.ContainersAsync()).Count.ShouldBe(1);

        var used = await scene.RunAsync("images", "rm", name);
        used.ExitCode.ShouldBe(1);
        used.Error.ShouldContain($"codex-work-{scene.Id}");
    }

    [Fact]
    public async Task A_container_that_cannot_be_moved_stays_as_it_is()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var name = $"bad-{scene.Id}";
        await OwnImageAsync(scene, name, "FROM codex\nUSER root\nRUN rm /usr/local/bin/codex\nUSER coder\n");
        (await scene.RunAsync("run", "--cmd", "sh", "-c", "mkdir -p ~/.codex-local; echo said > ~/.codex-local/one")).ExitCode.ShouldBe(0);

        var moved = await scene.RunAsync(new Call("upgrade", "--image", name) { Limit = TimeSpan.FromMinutes(3) });

        moved.ExitCode.ShouldBe(1, moved.ToString());
        moved.Error.ShouldContain("the old one is as it was");
        (await scene.RunAsync("run", "--cmd", "sh", "-c", "cat ~/.codex-local/one; codex --version")).Output.ShouldStartWith(
            "said\ncodex-cli"
        );
        (await scene.ContainersAsync()).Count.ShouldBe(1);
    }

    /// <summary>From a made-up earlier choice to the real release: asked of the registry, tried with a real turn, chosen; and back.</summary>
    [Fact]
    public async Task Another_codex_is_tried_before_it_is_chosen()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var real = CodexLock.Embedded;
        var earlier = real with
        {
            Version = "0.1.0",
            Platforms = real.Platforms.ToDictionary(p => p.Key, p => p.Value with { Version = "0.1.0" }, StringComparer.Ordinal),
        };
        new CodexPin(real, false, []).Choose(earlier).Save(scene.Paths);
        (await scene.RunAsync("codex", "version")).Output.ShouldBe("0.1.0\n");
        // The settings of the person who runs the tests: where the registry is.
        var call = new Call("codex", "upgrade", real.Version) { Environment = RegistrySettings(), Limit = TimeSpan.FromMinutes(5) };

        var chosen = await scene.RunAsync(call);
        chosen.ExitCode.ShouldBe(0, chosen.ToString());
        chosen.Output.ShouldBe($"{real.Version}\n");
        (await scene.RunAsync("codex", "version", "--json")).Output.ShouldContain("\"0.1.0\"");

        var wrong = await scene.RunAsync(call with { Arguments = ["codex", "upgrade", "0.0.1-none"] });
        wrong.ExitCode.ShouldBe(1, wrong.ToString());
        (await scene.RunAsync("codex", "version")).Output.ShouldBe($"{real.Version}\n");
    }

    /// <summary>An image of the person's own, gone from the engine with its scene; returns the path of its recipe.</summary>
    internal static async Task<string> OwnImageAsync(Scene scene, string name, string recipe)
    {
        var path = Path.Combine(scene.Home, ".config/codexctl/images", name, "Dockerfile");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, recipe);
        scene.Later(() =>
        {
            Machine.Run("docker", "image", "rm", "--force", name);
            return Task.CompletedTask;
        });
        return path;
    }

    private static Dictionary<string, string?> RegistrySettings()
    {
        var settings = new Dictionary<string, string?>(StringComparer.Ordinal);
        var file = Path.Combine(Machine.Variable("HOME") ?? "/", ".npmrc");
        if (File.Exists(file))
        {
            settings["npm_config_userconfig"] = file;
        }
        foreach (var name in new[] { "npm_config_registry", "HTTPS_PROXY", "https_proxy", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE" })
        {
            if (Machine.Variable(name) is { } value)
            {
                settings[name] = value;
            }
        }
        return settings;
    }
}
