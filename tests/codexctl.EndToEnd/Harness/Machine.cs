using System.Diagnostics;
using System.Runtime.CompilerServices;
using Codexctl.Images;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.EndToEnd.Harness;

public enum Engine
{
    Docker,
    Bubblewrap,

    /// <summary>The emulator of Apple's `container`, which runs its boxes by Docker.</summary>
    Apple,

    /// <summary>As root; with an ordinary person rootless, see <see cref="Rootless"/>.</summary>
    Podman,
}

/// <summary>What all tests of a run share: the published program, Codex's files, the image, and which engines are there.</summary>
public static class Machine
{
    /// <summary>An ordinary user: no account, no groups, no home.</summary>
    public const string OrdinaryId = "4711";

    /// <summary>The first person of a Mac, and its group.</summary>
    public const string MacId = "501";
    public const string MacGroup = "20";

    private static readonly Lazy<string> _program = new(FindProgram);
    private static readonly Lazy<Task<CodexFiles>> _codex = new(DownloadCodexAsync);
    private static readonly Lazy<Task> _image = new(MakeImageAsync);
    private static readonly Lazy<Task> _podmanImage = new(() => MakePodmanImageAsync(_ => []));
    private static readonly Lazy<Task> _rootlessImage = new(() => MakePodmanImageAsync(Rootless.Words));
    private static readonly Lazy<string?> _podman = new(() => PodmanProblem([]));
    private static readonly Lazy<string?> _rootless = new(() => PodmanProblem(Rootless.Words([])));
    private static readonly Lazy<string?> _docker = new(DockerProblem);
    private static readonly Lazy<string?> _bubblewrap = new(BubblewrapProblem);
    private static readonly Lazy<string> _ordinaryCache = new(MakeOrdinaryCache);

    /// <summary>The published binary, copied to where every user can run it.</summary>
    public static string Program => _program.Value;

    /// <summary>The base of the image `codex`.</summary>
    public static string BaseImage => Variable("CODEXCTL_TEST_BASE") ?? "codexctl-test-base:bookworm";

    /// <summary>Shared by all tests and all runs of them: Codex is 300 MB.</summary>
    public static string Cache => new Paths(HostEnvironment.FromProcess()).Cache;

    /// <summary>The same for a user who may not look into ours.</summary>
    public static string OrdinaryCache => _ordinaryCache.Value;

    public static Task<CodexFiles> CodexAsync() => _codex.Value;

    /// <summary>Makes ready what the engine needs; skips the test where the engine is missing.</summary>
    public static async Task NeedAsync(Engine engine, bool rootless = false)
    {
        var problem = engine switch
        {
            Engine.Docker or Engine.Apple => _docker,
            Engine.Podman => rootless ? _rootless : _podman,
            _ => _bubblewrap,
        };
        if (problem.Value is { } words)
        {
            Assert.Skip($"{engine} cannot be used here: {words}");
        }
        await CodexAsync();
        switch (engine)
        {
            case Engine.Docker:
            case Engine.Apple:
                await _image.Value;
                break;
            case Engine.Podman:
                await (rootless ? _rootlessImage : _podmanImage).Value;
                break;
        }
    }

    /// <summary>The name that `--engine` takes.</summary>
    public static string Word(this Engine engine) => engine.ToString().ToLowerInvariant();

    internal static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    internal static (int ExitCode, string Output, string Error) Run(string file, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(file, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{file} {string.Join(' ', arguments)} does not end.");
        }
        return (process.ExitCode, output.Result, error.Result);
    }

    private static string FindProgram()
    {
        var published = Variable("CODEXCTL_BINARY") ?? Path.Combine(Repository(), "artifacts", "publish", "codexctl");
        File.Exists(published).ShouldBeTrue($"Publish first: dotnet publish src/codexctl -c Release -o artifacts/publish ({published})");
        var folder = Path.Combine(Path.GetTempPath(), $"ce-bin-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        var program = Path.Combine(folder, "codexctl");
        // By another program: what this one has open for writing, children that other tests start at that moment have too, and it cannot be run.
        Run("install", "-m", "755", published, program).ExitCode.ShouldBe(0);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return program;
    }

    private static async Task<CodexFiles> DownloadCodexAsync()
    {
        // With the person's own home, because that has the settings of npm.
        var environment = HostEnvironment.FromProcess();
        var store = new CodexStore(new Paths(environment), environment, TimeProvider.System, CodexLock.Embedded.ForThisMachine());
        return await store.EnsureAsync(new NoProgress());
    }

    private static async Task MakeImageAsync()
    {
        await CodexAsync();
        var found = Run("docker", "image", "inspect", "--format", $"{{{{index .Config.Labels \"{ImageLabels.Recipe}\"}}}}", "codex");
        var wanted = ImageCatalogue.BuiltIn.Fingerprint(
            ImageCatalogue.BuiltIn.Find("codex")!,
            CodexLock.Embedded.ForThisMachine(),
            BaseImage
        );
        if (found.ExitCode == 0 && found.Output.Trim() == wanted)
        {
            return;
        }
        if (found.ExitCode == 0)
        {
            // Of another version; containers of it go on, and the layers that are still right are taken from the cache.
            Run("docker", "image", "tag", "codex", "codex:before-tests");
            Run("docker", "image", "rm", "codex:latest");
        }
        var built = Run(
            "/usr/bin/env",
            $"CODEXCTL_BASE_IMAGE={BaseImage}",
            "CODEXCTL_BUILD_NETWORK=host",
            Program,
            "build",
            "--image",
            "codex",
            "--engine",
            "docker"
        );
        built.ExitCode.ShouldBe(0, built.Error);
    }

    /// <summary>podman has no daemon that could be of another machine, so it takes the image that docker has just been given.</summary>
    private static async Task MakePodmanImageAsync(Func<IReadOnlyList<string>, List<string>> asPerson)
    {
        await _image.Value;
        string Id(List<string> words) => Run(words[0], [.. words.Skip(1)]).Output.Trim().Replace("sha256:", "", StringComparison.Ordinal);
        var wanted = Id(["docker", "image", "inspect", "--format", "{{.Id}}", "codex"]);
        if (Id([.. asPerson([]), "podman", "image", "inspect", "--format", "{{.Id}}", "localhost/codex"]) == wanted)
        {
            return;
        }
        var load = string.Join(
            ' ',
            asPerson([])
                .Append("podman load --quiet")
                .Select(word => word.Contains(' ') && !word.StartsWith("podman ", StringComparison.Ordinal) ? $"'{word}'" : word)
        );
        var loaded = Run(
            "/bin/sh",
            "-c",
            $"docker save codex | {load} && {load.Replace("podman load --quiet", "podman tag " + wanted + " localhost/codex", StringComparison.Ordinal)}"
        );
        loaded.ExitCode.ShouldBe(0, loaded.Error);
    }

    private static string? PodmanProblem(List<string> words)
    {
        try
        {
            words = [.. words, "podman", "info", "--format", "{{.Host.OS}}"];
            var info = Run("timeout", ["60", .. words]);
            return info.ExitCode == 0 ? null : info.Error.Trim();
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return error.Message;
        }
    }

    private static string? DockerProblem()
    {
        try
        {
            var version = Run("timeout", "20", "docker", "version", "--format", "{{.Server.Version}}");
            return version.ExitCode == 0 ? null : version.Error.Trim();
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return error.Message;
        }
    }

    private static string? BubblewrapProblem()
    {
        try
        {
            var tried = Run("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true");
            return tried.ExitCode == 0 ? null : tried.Error.Trim();
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return error.Message;
        }
    }

    private static string MakeOrdinaryCache()
    {
        var folder = Path.Combine(Path.GetTempPath(), $"ce-cache-{Environment.ProcessId}");
        // Second names for the big files; only the folders are new.
        var made = Run(
            "/bin/sh",
            "-c",
            $"mkdir -p {folder} && (cp -al {Cache}/codex {folder}/ 2>/dev/null || cp -a {Cache}/codex {folder}/) && find {folder} -type d -exec chown {OrdinaryId}:{OrdinaryId} {{}} +"
        );
        made.ExitCode.ShouldBe(0, made.Error);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    }

    internal static string Repository() => Above();

    // The path is of this file, whoever calls.
    private static string Above([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(here, "../../../.."));

    private sealed class NoProgress : IDownloadProgress
    {
        public void Report(long done, long? total) { }

        public void Note(string text) { }
    }
}
