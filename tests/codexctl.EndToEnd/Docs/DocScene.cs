using System.Diagnostics;
using Codexctl.EndToEnd.Auth;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd.Docs;

/// <summary>
/// The machine of a reader: a model server with the models that the pages name, somebody who is signed in, settings, a recorded
/// session. Its engine is bubblewrap alone, unless a line asks for what only docker has; then docker alone.
/// </summary>
public sealed class DocScene : IAsyncLifetime
{
    private readonly Dictionary<Engine, OnlineScene> _scenes = [];
    private int _folders;

    /// <summary>The folder whose session was recorded; its container is `codex-recorded`.</summary>
    private string Recorded { get; set; } = "";

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var scene in _scenes.Values)
        {
            await scene.DisposeAsync();
        }
    }

    /// <summary>The engine that can show a line.</summary>
    public static Engine EngineOf(string line) =>
        line.StartsWith("docker ", StringComparison.Ordinal)
        || Is(line, "su-exec")
        || Is(line, "upgrade")
        || Is(line, "images")
        || line.Contains("--network full", StringComparison.Ordinal)
            ? Engine.Docker
            : Engine.Bubblewrap;

    /// <summary>Whether a line is a command of codexctl, given by its first words.</summary>
    public static bool Is(string line, string command) =>
        line.StartsWith($"codexctl {command}", StringComparison.Ordinal)
        && (line.Length == command.Length + 9 || line[command.Length + 9] == ' ');

    /// <summary>The scene as the line needs it, and the folder to type it in.</summary>
    public async Task<(OnlineScene Online, string Folder)> ReadyAsync(string line)
    {
        var online = await SceneAsync(EngineOf(line));
        var scene = online.Scene;
        Directory.CreateDirectory(Path.GetDirectoryName(scene.Paths.ConfigFile)!);
        await File.WriteAllTextAsync(
            scene.Paths.ConfigFile,
            $"""
            [servers.workstation]
            url = "{scene.Environment["OLLAMA_HOST"]}"

            [servers.vllm]
            url = "{scene.Environment["OLLAMA_HOST"]}"

            [servers.lmstudio]
            url = "{scene.Environment["OLLAMA_HOST"]}"

            [model]
            name = "gpt-oss:20b"

            [profiles.fast]
            model = "qwen3-coder:30b"
            """
        );
        await online.SignedInAsync();
        if (Is(line, "log") || Is(line, "receipt") || Is(line, "stats") || line.Contains("resume --last", StringComparison.Ordinal))
        {
            File.Copy(FirstRecord(scene), Path.Combine(Recorded, "exchanges.jsonl"), overwrite: true);
            return (online, Recorded);
        }
        // A name of its own in each scene: docker has one list of names for the whole machine.
        var folder = scene.NewFolder(
            line.Contains("codex-demo", StringComparison.Ordinal) ? "demo" : $"doc{Interlocked.Increment(ref _folders)}-{scene.Id}"
        );
        await File.WriteAllTextAsync(Path.Combine(folder, "Makefile"), "test:\n\t@echo tested\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "mine.config.toml"), "model_provider = \"codexctl\"\n");
        await File.WriteAllTextAsync(Path.Combine(folder, "key.txt"), online.OpenAi.ApiKey + "\n");
        await File.WriteAllTextAsync(Path.Combine(folder, ".codexctl.toml"), "receipt = true\n");
        // What the pages mount.
        Directory.CreateDirectory(Path.Combine(scene.Home, "data"));
        Directory.CreateDirectory(Path.Combine(folder, "..", "shared"));
        if (line == "git diff" || line.Contains("docs/commands.md", StringComparison.Ordinal))
        {
            Machine.Run("git", "init", "-q", folder).ExitCode.ShouldBe(0);
            Directory.CreateDirectory(Path.Combine(folder, "docs"));
        }
        foreach (var prepare in Before(line))
        {
            var prepared = await scene.RunAsync(new Call([.. prepare.Split(' ')]) { Folder = folder });
            prepared.ExitCode.ShouldBe(0, $"before {line}: {prepare}: {prepared}");
        }
        return (online, folder);
    }

    /// <summary>Runs a line as a shell would in that folder, to its end.</summary>
    public static async Task<Outcome> TypeAsync(Scene scene, string folder, string line)
    {
        await using var running = Start(scene, folder, line);
        if (Is(line, "auth --with-api-key"))
        {
            await running.Process.StandardInput.WriteAsync("sk-not-a-real-key-000000000000\n");
        }
        running.Process.StandardInput.Close();
        return await running.EndAsync(TimeSpan.FromSeconds(90));
    }

    /// <summary>Runs a line that goes on until Ctrl-C; presses that when it has said a text.</summary>
    public static async Task<Outcome> TypeUntilAsync(Scene scene, string folder, string line, string text)
    {
        var said = Path.Combine(scene.Root, $"said-{Guid.NewGuid().ToString("N")[..6]}");
        await using var running = Start(scene, folder, $"exec {line} >{said} 2>&1");
        running.Process.StandardInput.Close();
        await Scene.EventuallyAsync(
            () => running.Process.HasExited || (File.Exists(said) && File.ReadAllText(said).Contains(text, StringComparison.Ordinal)),
            $"{line} says: {text}"
        );
        if (!running.Process.HasExited)
        {
            running.Signal("INT");
        }
        var outcome = await running.EndAsync();
        return outcome with { Output = await File.ReadAllTextAsync(said) };
    }

    private static Running Start(Scene scene, string folder, string line)
    {
        var start = new ProcessStartInfo("bash", ["-c", line])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        start.Environment.Clear();
        foreach (var (name, value) in scene.Environment)
        {
            start.Environment[name] = value;
        }
        if (Is(line, "uninstall"))
        {
            // It takes everything of its state and cache; the other lines still need theirs.
            start.Environment["CODEXCTL_STATE_DIR"] = Path.Combine(folder, "state");
            start.Environment["CODEXCTL_CACHE_DIR"] = Path.Combine(folder, "cache");
        }
        return new Running(Process.Start(start)!, line);
    }

    private static IEnumerable<string> Before(string line)
    {
        string[] running =
        [
            "exec",
            "su-exec",
            "allow",
            "deny",
            "restart",
            "stop",
            "keychain load-to-container",
            "keychain store-from-container",
        ];
        var named = line.Contains("codex-demo", StringComparison.Ordinal) ? " --name codex-demo" : "";
        if (running.Any(command => Is(line, command)) || Is(line, "start") || Is(line, "rm") || Is(line, "upgrade"))
        {
            yield return $"run{named} --cmd true";
        }
        if (running.Any(command => Is(line, command)))
        {
            yield return $"start{named}";
        }
        if (Is(line, "keychain store-from-container"))
        {
            yield return "keychain load-to-container codex-demo";
        }
        if (line.Contains("--profile mine", StringComparison.Ordinal))
        {
            yield return "run --cmd cp mine.config.toml /home/coder/.codex-local/mine.config.toml";
        }
        if (line.Contains("trust --revoke", StringComparison.Ordinal))
        {
            yield return "trust";
        }
    }

    private static string FirstRecord(Scene scene) =>
        Directory
            .EnumerateFiles(scene.Paths.Container(scene.Engine.Word(), "codex-recorded").Records)
            .Order(StringComparer.Ordinal)
            .First();

    private async Task<OnlineScene> SceneAsync(Engine engine)
    {
        if (_scenes.TryGetValue(engine, out var there))
        {
            return there;
        }
        var online = await OnlineScene.CreateAsync(engine);
        _scenes[engine] = online;
        var scene = online.Scene;
        scene.Model.Models.Add(new FakeModel("qwen3:8b", ["completion", "tools", "thinking"], Loaded: 65536));
        foreach (var folder in (string[])[".zfunc", ".config/fish/completions"])
        {
            Directory.CreateDirectory(Path.Combine(scene.Home, folder));
        }
        scene.Environment["EDITOR"] = "true";
        scene.Environment["TMPDIR"] = scene.NewFolder("tmp");
        scene.Environment["PATH"] = $"{OnlyEngine(scene)}";
        if (engine == Engine.Bubblewrap)
        {
            scene.Environment["WORKSTATION_KEY"] = "not-a-real-key";
            Recorded = scene.NewFolder("recorded");
            var said = await scene.RunAsync(new Call("run", "--record", "--", "exec", "say hello") { Folder = Recorded });
            said.ExitCode.ShouldBe(0, said.ToString());
        }
        return online;
    }

    /// <summary>A search path with every program of the machine, without other engines, with codexctl.</summary>
    private static string OnlyEngine(Scene scene)
    {
        var folder = scene.NewFolder("programs");
        var others = scene.Engine == Engine.Docker ? "podman* bwrap container" : "docker* podman* container";
        var made = Machine.Run(
            "bash",
            "-c",
            $"cd {folder} && for d in ${{PATH//:/ }}; do ln -s $d/* . 2>/dev/null; done; rm -f {others}; ln -sf {Machine.Program} codexctl"
        );
        made.ExitCode.ShouldBe(0, made.Error);
        return folder;
    }
}
