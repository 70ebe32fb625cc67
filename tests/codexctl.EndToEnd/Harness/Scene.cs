using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.ModelServers;
using Codexctl.Settings;

namespace Codexctl.EndToEnd.Harness;

/// <summary>How a program ended and what it said.</summary>
public sealed record Outcome(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit code {ExitCode}\n--- output\n{Output}\n--- error\n{Error}";
}

/// <summary>What standard input is.</summary>
public enum Input
{
    /// <summary>A pipe that holds <see cref="Call.Text"/> and then ends.</summary>
    Pipe,

    /// <summary>`&lt;&amp;-`</summary>
    Closed,
    DevNull,

    /// <summary>A pipe that stays open; write to the process's standard input.</summary>
    Open,
}

/// <summary>One call of codexctl.</summary>
public sealed record Call(params string[] Arguments)
{
    public Input Input { get; init; } = Input.Pipe;
    public string Text { get; init; } = "";

    /// <summary>Null for the scene's folder `work`.</summary>
    public string? Folder { get; init; }

    /// <summary>A file that gets standard output, to be read while the program runs.</summary>
    public string? OutputTo { get; init; }

    /// <summary>Over the scene's own; a null value takes a variable away.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>After that the program is killed and the test fails.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>
/// A person's machine for one test: an own home, state folder and model server; everything that came to life in it is gone
/// at the end, whatever happened.
/// </summary>
public sealed class Scene : IAsyncDisposable
{
    private readonly Stack<Func<Task>> _undo = new();
    private readonly List<Action> _last = [];
    private readonly Dictionary<string, string?> _emulation = new(StringComparer.Ordinal);
    private readonly Person _person;

    private Scene(Engine engine, Person person)
    {
        Engine = engine;
        _person = person;
        Root = Path.Combine(Path.GetTempPath(), $"ce-{Guid.NewGuid().ToString("N")[..8]}");
    }

    public Engine Engine { get; }

    public string Root { get; }

    /// <summary>Unlike every other scene's: for names that engines share.</summary>
    public string Id => Root[^8..];
    public string Home => Path.Combine(Root, "home");
    public string State => Path.Combine(Root, "state");

    /// <summary>The folder that codexctl is called in.</summary>
    public string Work { get; private set; } = "";

    public FakeOllama Model { get; private set; } = null!;

    /// <summary>All variables that codexctl gets.</summary>
    public Dictionary<string, string> Environment { get; } = new(StringComparer.Ordinal);

    public Paths Paths => new(new HostEnvironment(new Dictionary<string, string> { ["HOME"] = Home, ["CODEXCTL_STATE_DIR"] = State }));

    /// <param name="person">Ordinary needs a test run as root.</param>
    public static async Task<Scene> CreateAsync(Engine engine, Person person = Person.Self)
    {
        if (person != Person.Self && Processes.Libc.GetUserId() != 0)
        {
            Assert.Skip("Only root can run codexctl as somebody else.");
        }
        await Machine.NeedAsync(engine, rootless: person == Person.Ordinary);
        var scene = new Scene(engine, person);
        try
        {
            await scene.MakeAsync();
            return scene;
        }
        catch
        {
            await scene.DisposeAsync();
            throw;
        }
    }

    /// <summary>Somebody who is not root: the tests' own user, or an ordinary one where that is root.</summary>
    public static Person NotRoot => Processes.Libc.GetUserId() == 0 ? Person.Ordinary : Person.Self;

    /// <summary>A folder of the person's, beside `work`.</summary>
    public string NewFolder(string name)
    {
        var folder = Path.Combine(Root, name);
        Directory.CreateDirectory(folder);
        if (_person == Person.Ordinary)
        {
            Machine.Run("chown", "-R", $"{Machine.OrdinaryId}:{Machine.OrdinaryId}", folder);
        }
        return folder;
    }

    /// <summary>Runs codexctl to its end.</summary>
    public Task<Outcome> RunAsync(params string[] arguments) => RunAsync(new Call(arguments));

    public async Task<Outcome> RunAsync(Call call)
    {
        await using var running = Start(call);
        return await running.EndAsync(call.Limit);
    }

    /// <summary>Starts codexctl and leaves it alone.</summary>
    public Running Start(params string[] arguments) => Start(new Call(arguments));

    public Running Start(Call call)
    {
        var words = CommandLine(call.Arguments);
        if (call.Input is Input.Closed or Input.DevNull)
        {
            words = ["/bin/sh", "-c", call.Input == Input.Closed ? "exec \"$@\" <&-" : "exec \"$@\" </dev/null", "sh", .. words];
        }
        if (call.OutputTo is { } file)
        {
            words = ["/bin/sh", "-c", $"exec \"$@\" > {file}", "sh", .. words];
        }
        var start = new ProcessStartInfo(words[0], words.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            WorkingDirectory = call.Folder ?? Work,
        };
        start.Environment.Clear();
        foreach (var (name, value) in Variables(call.Environment))
        {
            start.Environment[name] = value;
        }
        var running = new Running(Process.Start(start)!, $"codexctl {string.Join(' ', call.Arguments)}");
        running.Process.StandardInput.Write(call.Text);
        if (call.Input != Input.Open)
        {
            running.Process.StandardInput.Close();
        }
        Later(() => running.DisposeAsync().AsTask());
        return running;
    }

    /// <summary>Starts a run that does nothing, so that the container is there for other calls; waits until it is.</summary>
    public async Task<Running> HoldAsync(params string[] options)
    {
        var mark = $".holding-{Guid.NewGuid().ToString("N")[..6]}";
        var running = Start(["run", .. options, "--cmd", "sh", "-c", $"echo > /workdir/{mark}; exec sleep 2000"]);
        await EventuallyAsync(() => File.Exists(Path.Combine(Work, mark)) || running.Process.HasExited, "the container is up", 60);
        if (running.Process.HasExited)
        {
            throw new InvalidOperationException((await running.EndAsync()).ToString());
        }
        File.Delete(Path.Combine(Work, mark));
        return running;
    }

    /// <summary>Opens a terminal with a shell in the scene's folder; `codexctl` is a command there.</summary>
    public Tmux OpenTerminal(int columns = 110, int rows = 35, string? folder = null)
    {
        var terminal = new Tmux(this, Variables(new Dictionary<string, string?>()), folder ?? Work, columns, rows);
        Later(() =>
        {
            terminal.Dispose();
            return Task.CompletedTask;
        });
        return terminal;
    }

    /// <summary>The words that run codexctl as the scene's person.</summary>
    public List<string> CommandLine(params IEnumerable<string> arguments)
    {
        List<string> words = [Machine.Program, .. arguments];
        if (_person == Person.Ordinary && Engine == Engine.Podman)
        {
            return Rootless.Words(words);
        }
        if (_person == Person.OnMac)
        {
            return ["unshare", "--user", $"--map-user={Machine.MacId}", $"--map-group={Machine.MacGroup}", "--", .. words];
        }
        if (_person == Person.Ordinary)
        {
            List<string> groups = Engine != Engine.Bubblewrap ? ["--groups", DockerGroup()] : ["--clear-groups"];
            words = ["setpriv", "--reuid", Machine.OrdinaryId, "--regid", Machine.OrdinaryId, .. groups, "--", .. words];
        }
        return words;
    }

    /// <summary>What the engine has in this scene's folders, as `codexctl ls --json` tells it.</summary>
    public async Task<List<JsonObject>> ContainersAsync()
    {
        var listed = await RunAsync("ls", "--json");
        listed.ExitCode.ShouldBe(0, listed.ToString());
        return
        [
            .. JsonNode
                .Parse(listed.Output)!
                .AsArray()
                .Select(row => (JsonObject)row!)
                .Where(row => ((string?)row["workdir"])?.StartsWith(Root, StringComparison.Ordinal) == true),
        ];
    }

    /// <summary>The states of this scene's containers by their names.</summary>
    public async Task<Dictionary<string, string>> StatesAsync() =>
        (await ContainersAsync()).ToDictionary(row => (string)row["name"]!, row => (string)row["state"]!);

    /// <summary>What is kept on disk for containers, but for recordings and receipts.</summary>
    public IReadOnlyList<string> ContainerFiles()
    {
        var folder = Paths.EngineState(Engine.Word());
        return Directory.Exists(folder)
            ?
            [
                .. Directory
                    .EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                    .Select(file => Path.GetRelativePath(folder, file))
                    .Where(file => file[0] != '.' && !file.Contains("/record/") && !file.Contains("/receipt/")),
            ]
            : [];
    }

    /// <summary>The gateways of this scene.</summary>
    public IReadOnlyList<int> Gateways() =>
        [.. Host.Processes().Where(process => process.Arguments is [_, "gateway", ..] && Belongs(process)).Select(process => process.Id)];

    /// <summary>Kills what runs in this scene's containers, as an engine's crash would.</summary>
    public async Task KillBoxesAsync()
    {
        foreach (var (name, state) in await StatesAsync())
        {
            if (state == "running" && Engine != Engine.Bubblewrap)
            {
                RunEngine("kill", Engine == Engine.Apple ? Emulated(name) : name).ExitCode.ShouldBe(0);
            }
        }
        foreach (var box in Background().Where(process => Path.GetFileName(process.Arguments[0]) == "bwrap"))
        {
            Host.Kill(box.Id);
        }
    }

    /// <summary>The program that stands for Apple's `container` in this scene.</summary>
    public string Container => Path.Combine(Root, "apple", "container");

    /// <summary>Sets how the emulator behaves from now on; null for its usual way. See its Settings.</summary>
    public void Emulate(string setting, string? value)
    {
        _emulation[setting] = value;
        Directory.CreateDirectory(EmulatorHome);
        File.WriteAllLines(
            Path.Combine(EmulatorHome, "config"),
            _emulation.Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={pair.Value}")
        );
    }

    private string EmulatorHome => Path.Combine(Root, "apple", "home");

    /// <summary>Docker's name for a box of the emulator.</summary>
    internal string Emulated(string name) => $"fake-container-{Codexctl.Paths.Hash(EmulatorHome, 12)}-{name}";

    /// <summary>The engine's own program, as the scene's person; the one behind the emulator.</summary>
    public (int ExitCode, string Output, string Error) RunEngine(params string[] arguments)
    {
        List<string> words = [Engine == Engine.Apple ? "docker" : Engine.Word(), .. arguments];
        if (_person == Person.Ordinary && Engine == Engine.Podman)
        {
            words = Rootless.Words(words);
        }
        return Machine.Run(words[0], [.. words.Skip(1)]);
    }

    /// <summary>Another program as the scene's person, who may see other numbers of people than the machine has.</summary>
    public (int ExitCode, string Output, string Error) AsPerson(params string[] command)
    {
        var words = CommandLine();
        // All but codexctl itself.
        List<string> all = [.. words[..^1], .. command];
        return Machine.Run(all[0], [.. all.Skip(1)]);
    }

    /// <summary>All processes on the host that belong to this scene, but for those that tests started: gateways, boxes.</summary>
    public IReadOnlyList<HostProcess> Background() =>
        [.. Host.Processes().Where(process => Belongs(process) && process.Arguments is not ["tmux", ..])];

    /// <summary>What a test can wait for.</summary>
    public static async Task EventuallyAsync(Func<Task<bool>> holds, string what, int seconds = 20)
    {
        var watch = Stopwatch.StartNew();
        while (!await holds())
        {
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(seconds), what);
            await Task.Delay(50);
        }
    }

    public static Task EventuallyAsync(Func<bool> holds, string what, int seconds = 20) =>
        EventuallyAsync(() => Task.FromResult(holds()), what, seconds);

    /// <summary>Something to do at the end, before what was there earlier is undone.</summary>
    public void Later(Func<Task> undo) => _undo.Push(undo);

    /// <summary>Something to do when every process is gone, before the folders are removed.</summary>
    public void AtTheEnd(Action undo) => _last.Add(undo);

    public async ValueTask DisposeAsync()
    {
        List<Exception> troubles = [];
        while (_undo.TryPop(out var undo))
        {
            try
            {
                await undo();
            }
            catch (Exception error)
            {
                troubles.Add(error);
            }
        }
        if (troubles.Count > 0)
        {
            throw new AggregateException("The scene could not be cleared away.", troubles);
        }
    }

    private async Task MakeAsync()
    {
        Directory.CreateDirectory(Root);
        Later(RemoveFoldersAsync);
        Work = NewFolder("work-" + Id);
        NewFolder("home");
        if (_person == Person.Ordinary)
        {
            // The state folder is made by codexctl itself.
            Machine.Run("chown", $"{Machine.OrdinaryId}:{Machine.OrdinaryId}", Root);
        }
        Model = await FakeOllama.StartAsync();
        Later(() => Model.DisposeAsync().AsTask());
        Later(RemoveContainersAsync);
        Later(EndProcessesAsync);
        Environment["PATH"] = Machine.Variable("PATH")!;
        Environment["HOME"] = Home;
        Environment["TERM"] = "xterm-256color";
        Environment["LANG"] = "C.UTF-8";
        Environment["CODEXCTL_STATE_DIR"] = State;
        Environment["CODEXCTL_CACHE_DIR"] = _person == Person.Ordinary ? Machine.OrdinaryCache : Machine.Cache;
        Environment["CODEXCTL_ENGINE"] = Engine.Word();
        Environment["CODEXCTL_BASE_IMAGE"] = Machine.BaseImage;
        Environment["CODEXCTL_BUILD_NETWORK"] = "host";
        Environment["OLLAMA_HOST"] = Model.Address.AbsoluteUri.TrimEnd('/');
        Environment["HOST_SECRET"] = "not for the box";
        foreach (var name in (string[])["DOCKER_HOST", "CONTAINERS_CONF"])
        {
            if (Machine.Variable(name) is { } value)
            {
                Environment[name] = value;
            }
        }
        if (Engine == Engine.Apple)
        {
            MakeMac();
        }
    }

    /// <summary>Puts the emulator into this scene: its own store, on Docker's images.</summary>
    private void MakeMac()
    {
        Directory.CreateDirectory(EmulatorHome);
        File.CreateSymbolicLink(Container, Path.Combine(BoxHarness.ProgramsFor(_person), "container"));
        Emulate("IMAGES", "codex");
        if (_person == Person.OnMac)
        {
            Emulate("UID0", "1");
        }
        if (_person == Person.Ordinary)
        {
            Machine.Run("chown", "-R", $"{Machine.OrdinaryId}:{Machine.OrdinaryId}", Path.GetDirectoryName(Container)!);
        }
        Environment["PATH"] = $"{Path.GetDirectoryName(Container)}:{Environment["PATH"]}";
        Environment["FAKE_CONTAINER_HOME"] = EmulatorHome;
        Environment.Remove("CODEXCTL_BUILD_NETWORK");
        if (Machine.Variable("DOTNET_ROOT") is { } runtime)
        {
            Environment["DOTNET_ROOT"] = runtime;
        }
    }

    private Dictionary<string, string> Variables(IReadOnlyDictionary<string, string?> over)
    {
        var all = new Dictionary<string, string>(Environment, StringComparer.Ordinal);
        foreach (var (name, value) in over)
        {
            if (value is null)
            {
                all.Remove(name);
            }
            else
            {
                all[name] = value;
            }
        }
        return all;
    }

    private bool Belongs(HostProcess process) =>
        process.Environment.Contains(Root, StringComparison.Ordinal)
        || process.Arguments.Any(argument => argument.Contains(Root, StringComparison.Ordinal));

    private Task RemoveContainersAsync()
    {
        if (Engine == Engine.Apple)
        {
            var label = $"label=fake.container={Codexctl.Paths.Hash(EmulatorHome, 12)}";
            var left = Machine.Run("docker", "ps", "--all", "--quiet", "--filter", label).Output;
            if (left.Split('\n', StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } boxes)
            {
                Machine.Run("docker", ["rm", "--force", "--volumes", .. boxes]);
            }
            // Where the network of boxes was a real one (VMNET).
            Machine.Run("docker", "network", "rm", Emulated("default"));
            var store = $"fake-container/{Codexctl.Paths.Hash(EmulatorHome, 12)}";
            var built = Machine.Run("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", store).Output;
            if (built.Split('\n', StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } images)
            {
                Machine.Run("docker", ["image", "rm", .. images]);
            }
        }
        if (Engine is Engine.Docker or Engine.Podman)
        {
            // The two write labels in their own ways, and only docker can be asked for one of them.
            var all = RunEngine("ps", "-a", "--filter", "label=codexctl.workdir", "--format", "{{.ID}} {{.Labels}}");
            string[] ours =
            [
                .. all
                    .Output.Split('\n')
                    .Where(line =>
                        line.Contains($"codexctl.workdir={Root}/", StringComparison.Ordinal)
                        || line.Contains($"codexctl.workdir:{Root}/", StringComparison.Ordinal)
                    )
                    .Select(line => line.Split(' ', 2)[0]),
            ];
            if (ours.Length > 0)
            {
                RunEngine(["rm", "--force", "--volumes", .. ours]);
            }
        }
        return Task.CompletedTask;
    }

    private async Task EndProcessesAsync()
    {
        // Gateways that are about to end by themselves may do so; the rest is killed, by number.
        for (var i = 0; i < 100 && Background().Count > 0; i++)
        {
            if (i % 10 == 9)
            {
                foreach (var process in Background())
                {
                    Host.Kill(process.Id);
                }
            }
            await Task.Delay(50);
        }
    }

    private Task RemoveFoldersAsync()
    {
        _last.ForEach(undo => undo());
        // Folders without write permission are possible, and so are files of the box's user.
        Machine.Run("chmod", "-R", "u+rwX", Root);
        Directory.Delete(Root, recursive: true);
        return Task.CompletedTask;
    }

    private static string DockerGroup() =>
        Machine.Run("stat", "-Lc", "%g", "/var/run/docker.sock").Output.Trim() is { Length: > 0 } group
            ? group
            : throw new InvalidOperationException("There is no /var/run/docker.sock.");
}

/// <summary>A codexctl that runs.</summary>
public sealed class Running(Process process, string name) : IAsyncDisposable
{
    private readonly Task<string> _output = process.StandardOutput.ReadToEndAsync();
    private readonly Task<string> _error = process.StandardError.ReadToEndAsync();

    public Process Process { get; } = process;

    /// <summary>SIGKILL where nothing else is said.</summary>
    public void Signal(string name = "KILL") =>
        Machine.Run("kill", $"-{name}", Process.Id.ToString(CultureInfo.InvariantCulture)).ExitCode.ShouldBe(0);

    public async Task<Outcome> EndAsync(TimeSpan? limit = null)
    {
        using var limits = new CancellationTokenSource(limit ?? TimeSpan.FromSeconds(60));
        try
        {
            await Process.WaitForExitAsync(limits.Token);
            // Somebody may have inherited the pipes.
            return new Outcome(Process.ExitCode, await _output.WaitAsync(limits.Token), await _error.WaitAsync(limits.Token));
        }
        catch (OperationCanceledException late)
        {
            var ended = Process.HasExited;
            Process.Kill(entireProcessTree: true);
            var said = await Task.WhenAny(_error, Task.Delay(500)) == _error ? await _error : "(nothing to be read)";
            throw new TimeoutException($"{name} {(ended ? "left its output open" : "did not end in time")}.\n{said}", late);
        }
    }

    public ValueTask DisposeAsync()
    {
        try
        {
            if (!Process.HasExited)
            {
                Process.Kill(entireProcessTree: true);
            }
        }
        catch (InvalidOperationException)
        {
            // Disposed already.
        }
        Process.Dispose();
        return ValueTask.CompletedTask;
    }
}
