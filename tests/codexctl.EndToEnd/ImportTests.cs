using System.Text;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Auth;
using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>`codexctl import` on containers as the shell script makes them.</summary>
public class ImportTests
{
    private const string Session =
        """{"timestamp":"2026-01-02T03:04:05.000Z","type":"session_meta","payload":{"id":"0197","cwd":"/workdir","model_provider":"PROVIDER"}}"""
        + "\n{\"type\":\"other\"}\n";

    private const string Local = "sessions/2026/01/02/rollout-2026-01-02T03-04-05-0197a1b2-0000-7000-8000-000000000001.jsonl";
    private const string Online = "sessions/2026/01/02/rollout-2026-01-02T03-04-06-0197a1b2-0000-7000-8000-000000000002.jsonl";

    [Theory]
    [InlineData(Engine.Docker)]
    [InlineData(Engine.Podman)]
    [InlineData(Engine.Apple)]
    public async Task Sessions_go_over_once_and_the_old_container_stays_as_it_is(Engine engine)
    {
        await using var online = await OnlineScene.CreateAsync(engine);
        var scene = online.Scene;
        var login = online.OpenAi.Login().ToJsonString();
        var name = await OldAsync(
            scene,
            new()
            {
                [Local] = Session.Replace("PROVIDER", "myollama", StringComparison.Ordinal),
                [Online] = Session.Replace("PROVIDER", "openai", StringComparison.Ordinal),
                ["history.jsonl"] = "{\"text\":\"before\"}\n",
                ["config.toml"] = "sandbox_mode = \"danger-full-access\"\n",
                ["auth.json"] = login,
            }
        );
        var before = Looks(scene, name);

        // Only shown.
        var shown = await scene.RunAsync("import", name, "--json");
        shown.ExitCode.ShouldBe(0, shown.ToString());
        var item = Items(shown).Single(row => (string?)row["kind"] == "container");
        ((string?)item["action"]).ShouldBe("take");
        ((string?)item["detail"])!.ShouldContain(scene.Work);
        (await scene.StatesAsync()).ShouldBeEmpty();

        var taken = await scene.RunAsync(new Call("import", name, "--apply") { Limit = TimeSpan.FromMinutes(5) });

        taken.ExitCode.ShouldBe(0, taken.ToString());
        taken.Output.ShouldContain("3 files into codex-");
        Looks(scene, name).ShouldBe(before);
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        var inside = await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            $"cd; cat .codex-local/{Local} .codex/{Online} .codex-local/history.jsonl; ls .codex/auth.json .codex-local/auth.json .codex-local/config.toml 2>/dev/null; echo more >>.codex-local/{Local}; find . -name '.import*'"
        );
        inside.Output.ShouldBe(
            Session.Replace("PROVIDER", "codexctl", StringComparison.Ordinal)
                + Session.Replace("PROVIDER", "openai", StringComparison.Ordinal)
                + "{\"text\":\"before\"}\n",
            inside.ToString()
        );

        // Again is nothing; and when it is forgotten that it was done, what the box wrote since stays.
        var again = await scene.RunAsync("import", name, "--json");
        ((string?)Items(again).Single(row => (string?)row["kind"] == "container")["action"]).ShouldBe("done");
        File.Delete(scene.Paths.ImportsDone);
        (await scene.RunAsync("import", name, "--apply")).Output.ShouldContain("0 files into codex-");
        (await scene.RunAsync("run", "--cmd", $"tail -n 1 ~/.codex-local/{Local}")).Output.ShouldBe("more\n");

        // The login only when it is asked for, and nobody sees it.
        (await online.StoredAsync()).ShouldBeNull();
        var signedIn = await scene.RunAsync("import", name, "--login-from", name, "--apply");
        signedIn.ExitCode.ShouldBe(0, signedIn.ToString());
        Encoding.UTF8.GetString((await online.StoredAsync())!.Bytes.Span).ShouldBe(login);
        foreach (var secret in Secrets(JsonNode.Parse(login)!))
        {
            $"{taken}{signedIn}".ShouldNotContain(secret);
        }
        Directory.Exists(scene.Paths.ImportFolder).ShouldBeFalse();
        Looks(scene, name).ShouldBe(before);
    }

    [Fact]
    public async Task Codex_goes_on_with_a_conversation_from_before()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        (await scene.RunAsync("run", "--", "exec", "remember the word marzipan")).ExitCode.ShouldBe(0);
        var file = (await scene.RunAsync("run", "--cmd", "sh", "-c", "cd ~/.codex-local; ls sessions/*/*/*/*.jsonl")).Output.Trim();
        var session = (await scene.RunAsync("run", "--cmd", $"cat ~/.codex-local/{file}")).Output;
        session.ShouldContain("\"model_provider\":\"codexctl\"");
        (await scene.RunAsync("rm")).ExitCode.ShouldBe(0);
        var name = await OldAsync(
            scene,
            new()
            {
                [file] = session.Replace("\"model_provider\":\"codexctl\"", "\"model_provider\":\"myollama\"", StringComparison.Ordinal),
            }
        );
        (await scene.RunAsync(new Call("import", name, "--apply") { Limit = TimeSpan.FromMinutes(5) })).ExitCode.ShouldBe(0);
        var asked = scene.Model.Responses.Count();

        var resumed = await scene.RunAsync("run", "--", "exec", "resume", "--last", "which word?");

        resumed.ExitCode.ShouldBe(0, resumed.ToString());
        scene.Model.Responses.Skip(asked).Last().Body.ShouldContain("remember the word marzipan");
    }

    [Fact]
    public async Task Constants_of_the_script_become_settings_and_the_persons_own_stay()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var script = Path.Combine(scene.Root, "codexctl.sh");
        await File.WriteAllTextAsync(
            script,
            "#!/bin/bash\nDEFAULT_IMAGE=\"codex-python\"\nDEFAULT_SHELL=\"${CODEX_SHELL:-zsh}\"\nDEFAULT_CODEX_CMD=(codex --no-alt-screen)\nAUTH_NAME_PREFIX=\"$(hostname)\"\n"
        );
        (await scene.RunAsync("config", "set", "default_shell", "fish")).ExitCode.ShouldBe(0);

        var shown = await scene.RunAsync("import", "--script", script);
        shown.Output.ShouldContain("take  setting default_image: \"codex-python\"", customMessage: shown.ToString());
        shown.Output.ShouldContain("keep  setting default_shell");
        shown.Output.ShouldContain("skip  setting auth_name_prefix");
        shown.Error.ShouldContain("nothing was changed");
        (await scene.RunAsync("config", "get", "default_image")).Output.ShouldBe("codex\n");

        // Not --apply without names: other programs' containers of this machine are no part of the test.
        var missing = await scene.RunAsync("import", $"codex-none-{scene.Id}", "--script", script, "--apply");
        missing.ExitCode.ShouldBe(2);
        (await scene.RunAsync("config", "get", "default_image")).Output.ShouldBe("codex\n");
        var name = await OldAsync(scene, []);
        var taken = await scene.RunAsync("import", name, "--script", script, "--apply");
        taken.ExitCode.ShouldBe(0, taken.ToString());
        taken.Output.ShouldContain("there are no sessions in it");
        (await scene.RunAsync("config", "get", "default_image")).Output.ShouldBe("codex-python\n");
        (await scene.RunAsync("config", "get", "default_shell")).Output.ShouldBe("fish\n");
        (await scene.RunAsync("config", "get", "default_codex_cmd")).Output.ShouldBe("codex\n--no-alt-screen\n");
    }

    /// <summary>A stopped container of the shell script's for the scene's folder, with these files in its Codex home.</summary>
    private static async Task<string> OldAsync(Scene scene, Dictionary<string, string> files)
    {
        // Of podman the scene has made sure already.
        if (scene.Engine != Engine.Podman)
        {
            var built = await scene.RunAsync(
                new Call("build", "--image", "codex")
                {
                    Limit = TimeSpan.FromMinutes(5),
                    Environment = new Dictionary<string, string?> { ["HTTPS_PROXY"] = null, ["CODEX_CA_CERTIFICATE"] = null },
                }
            );
            built.ExitCode.ShouldBe(0, built.ToString());
        }
        var name = $"codex-old-{scene.Id}";
        var home = Directory.CreateDirectory(Path.Combine(scene.Root, "old", ".codex")).FullName;
        foreach (var (file, text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(home, file))!);
            await File.WriteAllTextAsync(Path.Combine(home, file), text);
        }
        string[] create =
        [
            "create",
            "--name",
            name,
            "--mount",
            $"type=bind,source={scene.Work},target=/workdir",
            "--entrypoint",
            "sleep",
            "codex",
            "1000",
        ];
        Theirs(scene, create);
        scene.Later(() =>
        {
            Theirs(scene, "rm", "--force", name);
            return Task.CompletedTask;
        });
        // Apple's can be copied into only while they run.
        Theirs(scene, "start", name);
        Theirs(scene, "cp", home, $"{name}:/home/coder");
        Theirs(scene, scene.Engine == Engine.Apple ? ["stop", "--time", "1", name] : ["stop", "-t", "1", name]);
        return name;
    }

    /// <summary>All that the engine tells of a container; the order of variables and files means nothing.</summary>
    private static string Looks(Scene scene, string name)
    {
        var told =
            scene.Engine == Engine.Apple
                ? Theirs(scene, "inspect", name)
                : Theirs(scene, "inspect", "--format", "{{json .State}}{{json .Config}}{{.Image}}", name) + Theirs(scene, "diff", name);
        return string.Join('\n', told.Split('\n').Select(line => line.TrimEnd(',')).Order(StringComparer.Ordinal));
    }

    /// <summary>The engine's own program.</summary>
    private static string Theirs(Scene scene, params string[] words)
    {
        var (code, output, error) =
            scene.Engine == Engine.Apple
                ? Machine.Run("env", [$"FAKE_CONTAINER_HOME={scene.Environment["FAKE_CONTAINER_HOME"]}", scene.Container, .. words])
                : scene.RunEngine(words);
        code.ShouldBe(0, error);
        return output;
    }

    private static List<JsonObject> Items(Outcome outcome) =>
        [.. JsonNode.Parse(outcome.Output)!["items"]!.AsArray().Select(item => (JsonObject)item!)];

    private static IEnumerable<string> Secrets(JsonNode login) =>
        login switch
        {
            JsonObject all => all.SelectMany(pair => pair.Value is null ? [] : Secrets(pair.Value)),
            JsonValue value when value.TryGetValue<string>(out var text) && text.Length > 20 => [text],
            _ => [],
        };
}
