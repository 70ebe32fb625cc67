using System.Diagnostics;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>What cannot work is refused with a clear sentence, and nothing is created.</summary>
public class BadInputTests
{
    private sealed record Bad(int ExitCode, string Says, params string[] Arguments);

    private static readonly Bad[] _table =
    [
        new(2, "--unknown", "run", "--unknown"),
        new(2, "--unknown", "run", "--unknown", "--cmd", "true"),
        new(2, "Unexpected word exec", "run", "exec", "say hello"),
        new(2, "--unknown", "exec", "--unknown", "true"),
        new(2, "--unknown", "ls", "--unknown"),
        new(2, "bogus", "bogus"),
        new(2, " nope.", "run", "--image", "nope", "--cmd", "true"),
        new(2, "There is no image nope", "build", "--image", "nope"),
        new(2, "cannot be the name of an image", "build", "--image", "No Pe"),
        new(2, "cannot be the name of a base image", "build", "--base", ""),
        new(2, "cannot be the name of a base image", "build", "--base", "Bad Ref"),
        new(2, "--cmd needs a command after it", "run", "--cmd"),
        new(2, "--cmd and --shell cannot be used together", "run", "--shell", "--cmd", "true"),
        new(2, "--auth works only together with --openai", "run", "--auth"),
        new(2, "'lots' is no memory size", "run", "--mem", "lots", "--cmd", "true"),
        new(2, "is no memory size", "run", "--mem", "-1G", "--cmd", "true"),
        new(2, "is no memory size", "run", "--mem", "99999999999G", "--cmd", "true"),
        new(2, "is too little", "run", "--mem", "1M", "--cmd", "true"),
        new(2, "is no number of processors", "run", "--cpu", "many", "--cmd", "true"),
        new(2, "is no number of processors", "run", "--cpu", "0", "--cmd", "true"),
        new(2, "is no number of processors", "run", "--cpu", "-1", "--cmd", "true"),
        new(2, "not a host", "run", "--allow", "not a host", "--cmd", "true"),
        new(2, "example.org:x", "run", "--allow", "example.org:x", "--cmd", "true"),
        new(2, "ftp://127.0.0.1 is not the address", "run", "--model-url", "ftp://127.0.0.1", "--cmd", "true"),
        new(2, "cannot be the name of a container", "run", "--name", "a/b", "--cmd", "true"),
        new(2, "cannot be the name of a container", "run", "--name", "-x", "--cmd", "true"),
        new(2, "cannot be the name of a container", "run", "--name", new string('x', 64), "--cmd", "true"),
        new(2, "--network half is unknown", "run", "--network", "half", "--cmd", "true"),
        new(2, "There is no engine named kubernetes", "run", "--engine", "kubernetes", "--cmd", "true"),
        new(125, "There is no such folder", "run", "--workdir", "missing", "--cmd", "true"),
        new(125, "It is not a folder", "run", "--workdir", "FILE", "--cmd", "true"),
        new(125, "It belongs to the system", "run", "--workdir", "/", "--cmd", "true"),
        new(125, "It belongs to the system", "run", "--workdir", "/etc", "--cmd", "true"),
        new(125, "It is your home directory", "run", "--workdir", "HOME", "--cmd", "true"),
        new(125, "where codexctl keeps its own files", "run", "--workdir", "STATE", "--cmd", "true"),
        new(125, "There is no container for", "exec", "true"),
        new(1, "There is no container named nobody", "stop", "--name", "nobody"),
    ];

    [Theory, BothEngines]
    public async Task Bad_input_is_refused_with_a_sentence_and_nothing_is_created(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var file = Path.Combine(scene.Work, "file");
        await File.WriteAllTextAsync(file, "");
        Directory.CreateDirectory(scene.State);
        List<string> wrong = [];

        foreach (var bad in _table)
        {
            string[] words =
            [
                .. bad.Arguments.Select(word =>
                    word switch
                    {
                        "FILE" => file,
                        "HOME" => scene.Home,
                        "STATE" => scene.State,
                        _ => word,
                    }
                ),
            ];
            var outcome = await scene.RunAsync(words);
            var shown = $"codexctl {string.Join(' ', words)}: {outcome}";
            if (outcome.ExitCode != bad.ExitCode || !outcome.Error.Contains(bad.Says, StringComparison.Ordinal))
            {
                wrong.Add($"expected {bad.ExitCode} and '{bad.Says}': {shown}");
            }
            if (
                !outcome.Error.StartsWith("codexctl: ", StringComparison.Ordinal)
                || outcome.Error.Contains("   at ")
                || outcome.Output != ""
            )
            {
                wrong.Add($"not an error for people: {shown}");
            }
        }

        wrong.ShouldBeEmpty();
        (await scene.ContainersAsync()).ShouldBeEmpty();
        scene.ContainerFiles().ShouldBeEmpty();
        scene.Background().ShouldBeEmpty();
        Directory.EnumerateFileSystemEntries(scene.Work).ShouldBe([file]);
    }

    [Theory, BothEngines]
    public async Task The_home_directory_can_be_allowed_and_codexctls_own_files_stay_hidden(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var state = Path.Combine(scene.Home, ".local/state/codexctl");
        var own = new Dictionary<string, string?> { ["CODEXCTL_STATE_DIR"] = state };
        scene.Later(async () => await scene.RunAsync(new Call("rm", "--force") { Folder = scene.Home, Environment = own }));

        var outcome = await scene.RunAsync(
            new Call("run", "--allow-home", "--cmd", "sh", "-c", "touch here; ls -A .local/state/codexctl")
            {
                Folder = scene.Home,
                Environment = own,
            }
        );

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("");
        File.Exists(Path.Combine(scene.Home, "here")).ShouldBeTrue();
        Directory.EnumerateFileSystemEntries(state).ShouldNotBeEmpty();
    }

    [Theory, BothEngines]
    public async Task A_folder_may_have_any_name(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        string[] names = ["a,b:c=d", "with space", "läuft 🙂", "line\nbreak", "quote'\"$(x)`", "--option", "back\\slash", "tab\there"];
        foreach (var name in names)
        {
            var folder = scene.NewFolder($"{scene.Id}/{name}");

            var outcome = await scene.RunAsync(new Call("run", "--cmd", "sh", "-c", "echo made > made; pwd") { Folder = folder });

            outcome.ExitCode.ShouldBe(0, $"{name}: {outcome}");
            outcome.Output.ShouldBe("/workdir\n");
            (await File.ReadAllTextAsync(Path.Combine(folder, "made"))).ShouldBe("made\n", name);
            (await scene.RunAsync(new Call("run", "--cmd", "cat", "made") { Folder = folder })).Output.ShouldBe("made\n", name);
        }
        (await scene.ContainersAsync()).Count.ShouldBe(names.Length);
    }

    [Theory]
    [InlineData(Engine.Docker, "docker did not answer within 15 seconds")]
    [InlineData(Engine.Podman, "podman did not answer within 15 seconds")]
    [InlineData(Engine.Bubblewrap, "bubblewrap did not make the box within 30 seconds")]
    public async Task An_engine_that_hangs_is_an_error_within_its_time_limit(Engine engine, string words)
    {
        await using var scene = await Scene.CreateAsync(engine);
        FakeEngine(scene, "exec sleep 2000");
        var watch = Stopwatch.StartNew();

        var outcome = await scene.RunAsync("run", "--cmd", "true");

        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(50));
        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain(words);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "nothing is left");
        if (engine != Engine.Bubblewrap)
        {
            // The first call failed, so nothing was made; bubblewrap's comes last.
            scene.ContainerFiles().ShouldBeEmpty();
        }
    }

    [Theory]
    [InlineData(Engine.Docker, "echo rubbish")]
    [InlineData(Engine.Docker, "echo '{\"Name\": \"x\"'")]
    [InlineData(Engine.Docker, "head -c 100000 /dev/urandom")]
    [InlineData(Engine.Docker, "echo 'some new trouble' >&2; exit 1")]
    [InlineData(Engine.Docker, "kill -SEGV $$")]
    [InlineData(Engine.Podman, "printf '\\033[31m[[['")]
    [InlineData(Engine.Podman, "echo 'Error: some new trouble' >&2; exit 125")]
    [InlineData(Engine.Bubblewrap, "echo 'rubbish' >&4; echo 'some new trouble' >&2; exit 1")]
    [InlineData(Engine.Bubblewrap, "kill -SEGV $$")]
    public async Task An_engine_that_prints_rubbish_is_an_error_in_words(Engine engine, string script)
    {
        await using var scene = await Scene.CreateAsync(engine);
        FakeEngine(scene, script);

        var outcome = await scene.RunAsync("run", "--cmd", "true");

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldStartWith("codexctl: ");
        outcome.Error.ShouldContain(engine.Word());
        outcome.Error.ShouldNotContain("bug");
        outcome.Error.Any(c => char.IsControl(c) && c is not '\n' and not '\t').ShouldBeFalse(outcome.Error);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "nothing is left");
        if (engine != Engine.Bubblewrap)
        {
            // The first call failed, so nothing was made; bubblewrap's comes last.
            scene.ContainerFiles().ShouldBeEmpty();
        }
    }

    /// <summary>podman's own storage for this test: one container whose layer is gone while its record is not, as in the middle of a removal.</summary>
    [Fact]
    public async Task A_container_in_the_middle_of_its_removal_does_not_hide_the_others()
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman);
        var store = scene.NewFolder("store");
        await File.WriteAllTextAsync(
            Path.Combine(store, "storage.conf"),
            $"[storage]\ndriver = \"vfs\"\ngraphroot = \"{store}/graph\"\nrunroot = \"{store}/run\"\n"
        );
        scene.Environment["CONTAINERS_STORAGE_CONF"] = Path.Combine(store, "storage.conf");
        (int ExitCode, string Output, string Error) Podman(params string[] words) =>
            Machine.Run("/usr/bin/env", [$"CONTAINERS_STORAGE_CONF={store}/storage.conf", "podman", .. words]);
        Machine.Run("sh", "-c", $"mkdir {store}/empty; echo x > {store}/empty/x; tar -C {store}/empty -cf {store}/image.tar .");
        Podman("import", "-q", $"{store}/image.tar", "small").ExitCode.ShouldBe(0);
        foreach (var name in (string[])["whole", "half"])
        {
            Podman("create", "--name", name, "small", "x").ExitCode.ShouldBe(0);
        }
        var half = Podman("inspect", "--format", "{{.Id}}", "half").Output.Trim();
        var records = Path.Combine(store, "graph", "vfs-containers", "containers.json");
        var all = JsonNode.Parse(await File.ReadAllTextAsync(records))!.AsArray();
        all.Remove(all.Single(one => (string?)one!["id"] == half));
        await File.WriteAllTextAsync(records, all.ToJsonString());
        Podman("container", "inspect", "whole", "half").ExitCode.ShouldBe(125, "podman tells of none");

        var listed = await scene.RunAsync("ls", "--json");

        listed.ExitCode.ShouldBe(0, listed.ToString());
        JsonNode
            .Parse(listed.Output)!
            .AsArray()
            .ToDictionary(row => (string)row!["name"]!, row => (string)row!["state"]!)
            .ShouldBe(new Dictionary<string, string> { ["half"] = "unknown", ["whole"] = "stopped" }, ignoreOrder: true);
    }

    [Fact]
    public async Task Without_any_engine_the_error_says_what_to_install()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var outcome = await scene.RunAsync(
            new Call("run", "--engine", "docker", "--cmd", "true")
            {
                Environment = new Dictionary<string, string?> { ["PATH"] = scene.NewFolder("empty") },
            }
        );

        outcome.ExitCode.ShouldBe(125);
        outcome.Error.ShouldContain("The program docker was not found");
        outcome.Error.ShouldContain("→");
    }

    private static void FakeEngine(Scene scene, string script)
    {
        var folder = scene.NewFolder("fake");
        var program = Path.Combine(folder, scene.Engine == Engine.Bubblewrap ? "bwrap" : scene.Engine.Word());
        File.WriteAllText(program, $"#!/bin/sh\n{script}\n");
        File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);
        scene.Environment["PATH"] = $"{folder}:{scene.Environment["PATH"]}";
    }
}
