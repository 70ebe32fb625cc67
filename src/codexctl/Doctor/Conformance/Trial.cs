using System.Globalization;
using System.Text;
using System.Text.Json;
using Codexctl.Engines;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Doctor.Conformance;

/// <summary>What a trial needs from the rest of the program.</summary>
/// <param name="Self">How this program is started again.</param>
/// <param name="Environment">The person's variables, with which the engine's client works.</param>
/// <param name="Engine">The engine with a trial's variables: some keep their containers in the state directory.</param>
internal sealed record TrialOptions(
    Func<IReadOnlyList<string>, CommandLine> Self,
    IReadOnlyDictionary<string, string> Environment,
    IProcesses Processes,
    Func<HostEnvironment, IContainerEngine> Engine
);

/// <summary>What a call of codexctl said.</summary>
internal sealed record Said(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit code {ExitCode}; output: {Short(Output)}; error: {Short(Error)}";

    internal static string Short(string text) => text.Length <= 600 ? text.Trim() : $"{text[..300].Trim()} … {text[^300..].Trim()}";
}

/// <summary>
/// A place to try promises in: folders, settings and state of its own, beside the person's. Codexctl is called as a person
/// would call it. What came to life in it is gone at the end.
/// </summary>
internal sealed class Trial : IAsyncDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(90);

    private readonly TrialOptions _options;
    private readonly Dictionary<string, string> _environment;
    private readonly List<SpawnedProcess> _started = [];
    private readonly TimeProvider _clock;
    private int _number;
    private string? _standing;

    private Trial(string engine, TrialOptions options, TimeProvider clock)
    {
        (_options, _clock) = (options, clock);
        Id = Guid.NewGuid().ToString("N")[..6];
        Root = Path.Combine(Path.GetTempPath(), $"cx-{Id}");
        Paths.MakePrivate(Root);
        Paths.MakePrivate(Path.Combine(Root, "said"));
        // The person's settings must not change what is tried; the pinned Codex and the images are shared.
        _environment = new Dictionary<string, string>(options.Environment, StringComparer.Ordinal)
        {
            ["CODEXCTL_STATE_DIR"] = Path.Combine(Root, "state"),
            ["CODEXCTL_CONFIG"] = Path.Combine(Root, "config", "config.toml"),
            ["CODEXCTL_ENGINE"] = engine,
            ["CODEXCTL_CONFORMANCE_MARK"] = HostMark,
            ["TERM"] = "xterm-256color",
        };
        Engine = options.Engine(new HostEnvironment(_environment));
    }

    /// <summary>The value of a variable that codexctl has and no box may see.</summary>
    public const string HostMark = "only-for-the-host-4711";

    public IContainerEngine Engine { get; }

    public string Id { get; }

    /// <summary>The home of the person who tries the promises.</summary>
    public string PersonHome => new HostEnvironment(_environment).Home;

    public string Root { get; }

    public static Trial Begin(string engine, TrialOptions options, TimeProvider clock) => new(engine, options, clock);

    /// <summary>A new project folder; its name begins with <paramref name="name"/> unless <paramref name="exactly"/>.</summary>
    public string NewFolder(string name = "project", bool exactly = false)
    {
        var place = Path.Combine(Root, "work", $"{++_number}");
        var folder = Path.Combine(place, exactly ? name : $"{name}-{Id}-{_number}");
        Directory.CreateDirectory(folder);
        return folder;
    }

    /// <summary>A folder whose container runs until the end of the trial: for promises that only look into a box.</summary>
    public async Task<string> StandingAsync()
    {
        if (_standing is { } folder && (await RunAsync(folder, "exec", "true")).ExitCode == 0)
        {
            return folder;
        }
        _standing = NewFolder("standing");
        Expect(await RunAsync(_standing, "run", "--cmd", "true"), said => said.ExitCode == 0, "a run that does nothing");
        Expect(await RunAsync(_standing, "start"), said => said.ExitCode == 0, "codexctl start");
        return _standing;
    }

    /// <summary>Runs a script in a box that is there already.</summary>
    public async Task<Said> LookAsync(string script) => await RunAsync(await StandingAsync(), "exec", "bash", "-c", script);

    /// <summary>Runs codexctl in a folder to its end.</summary>
    public Task<Said> RunAsync(string folder, params string[] arguments) => RunAsync(folder, arguments, []);

    /// <param name="input">What standard input holds.</param>
    public async Task<Said> RunAsync(string folder, string[] arguments, byte[] input)
    {
        var running = Start(folder, arguments, input);
        return await running.EndAsync(_limit);
    }

    /// <summary>Starts codexctl and leaves it alone.</summary>
    public RunningProgram Start(string folder, params string[] arguments) => Start(folder, arguments, []);

    private RunningProgram Start(string folder, string[] arguments, byte[] input)
    {
        var said = Path.Combine(Root, "said", $"{++_number}");
        File.WriteAllBytes(said + ".in", input);
        var command = _options.Self(arguments);
        var process = Spawn.Start(
            new SpawnRequest(command.File, command.Arguments)
            {
                Environment = _environment,
                WorkingDirectory = folder,
                Opened =
                [
                    (0, said + ".in", Libc.OpenReadWrite),
                    (1, said + ".out", Libc.OpenWriteAppend),
                    (2, said + ".err", Libc.OpenWriteAppend),
                ],
            }
        );
        _started.Add(process);
        return new RunningProgram(process, said, $"codexctl {string.Join(' ', arguments)}", _clock);
    }

    /// <summary>Starts a run whose command does nothing for long; returns when it is on.</summary>
    public async Task<RunningProgram> HoldAsync(string folder, params string[] options)
    {
        var mark = Path.Combine(folder, $".on-{++_number}");
        var running = Start(folder, ["run", .. options, "--cmd", "sh", "-c", $"echo > /workdir/{Path.GetFileName(mark)}; exec sleep 600"]);
        await EventuallyAsync(() => File.Exists(mark) || running.HasEnded, $"the run is on: {running.SaidSoFar}");
        if (running.HasEnded)
        {
            throw new BrokenPromiseException($"the run ended at once: {await running.EndAsync(_limit)}");
        }
        File.Delete(mark);
        return running;
    }

    /// <summary>Starts codexctl on a terminal of its own.</summary>
    public TerminalProgram OnTerminal(string folder, TerminalSize size, params string[] arguments)
    {
        var command = _options.Self(arguments);
        var program = new TerminalProgram(command, _environment, folder, size, _clock);
        _started.Add(program.Process);
        return program;
    }

    /// <summary>The containers of this trial by name, with the engine's word for their state.</summary>
    public async Task<IReadOnlyDictionary<string, string>> ContainersAsync(string? folder = null)
    {
        var said = await RunAsync(Root, "ls", "--json");
        Expect(said, s => s.ExitCode == 0, "codexctl ls --json");
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        using var list = JsonDocument.Parse(said.Output);
        var root = list.RootElement;
        var rows = root.ValueKind == JsonValueKind.Array ? root : root.GetProperty("containers");
        var wanted = Libc.ResolvePath(folder ?? Root) ?? throw new BrokenPromiseException($"{folder ?? Root} is gone");
        foreach (var row in rows.EnumerateArray())
        {
            var workdir = row.TryGetProperty("workdir", out var path) ? path.GetString() : null;
            if (workdir is not null && (folder is null ? workdir.StartsWith(wanted + "/", StringComparison.Ordinal) : workdir == wanted))
            {
                found[row.GetProperty("name").GetString()!] = row.GetProperty("state").GetString()!;
            }
        }
        return found;
    }

    /// <summary>The one container of a folder.</summary>
    public async Task<(string Name, string State)> ContainerAsync(string folder)
    {
        var all = await ContainersAsync(folder);
        return all.Count == 1
            ? (all.First().Key, all.First().Value)
            : throw new BrokenPromiseException($"the folder has {all.Count} containers instead of one: {string.Join(", ", all.Keys)}");
    }

    public static void Expect(bool holds, string what)
    {
        if (!holds)
        {
            throw new BrokenPromiseException(what);
        }
    }

    public static void Expect(Said said, Func<Said, bool> holds, string what) => Expect(holds(said), $"{what}: {said}");

    public Task EventuallyAsync(Func<bool> holds, string what) => EventuallyAsync(() => Task.FromResult(holds()), what);

    /// <summary>Waits for something that takes its time, a minute at most.</summary>
    public async Task EventuallyAsync(Func<Task<bool>> holds, string what)
    {
        var started = _clock.GetTimestamp();
        while (!await holds())
        {
            Expect(_clock.GetElapsedTime(started) < TimeSpan.FromMinutes(1), $"waited in vain: {what}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), _clock);
        }
    }

    /// <summary>Kills the gateway that serves a container, as nothing polite would; an error when none runs.</summary>
    public async Task KillGatewayAsync(string container)
    {
        // The same on Linux and macOS.
        var listed = await _options.Processes.CaptureAsync(new CommandLine("ps", ["-axww", "-o", "pid=,args="]), _limit);
        var ending = $" gateway {Engine.Name} {container}";
        var line = listed.Output.Split('\n').FirstOrDefault(line => line.TrimEnd().EndsWith(ending, StringComparison.Ordinal));
        Expect(line is not null, $"no gateway runs for {container}");
        Expect(Libc.Kill(int.Parse(line!.Trim().Split(' ')[0], CultureInfo.InvariantCulture), 9) == 0, "the gateway cannot be killed");
    }

    /// <summary>Ends what a promise left running, so that the next one begins in peace.</summary>
    public async Task ClearAsync()
    {
        foreach (var process in _started.Where(process => !process.Exited.IsCompleted))
        {
            process.Signal(15);
            if (await Task.WhenAny(process.Exited, Task.Delay(TimeSpan.FromSeconds(10), _clock)) != process.Exited)
            {
                process.Signal(9);
            }
        }
        _started.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await ClearAsync();
        foreach (var name in (await ContainersAsync()).Keys)
        {
            await RunAsync(Root, "rm", "--force", "--name", name);
        }
        Directory.Delete(Root, recursive: true);
    }
}

/// <summary>A codexctl that runs.</summary>
internal sealed class RunningProgram(SpawnedProcess process, string said, string name, TimeProvider clock)
{
    public bool HasEnded => process.Exited.IsCompleted;

    public string SaidSoFar => Read(".err");

    public void Signal(int signal) => process.Signal(signal);

    public async Task<Said> EndAsync(TimeSpan limit)
    {
        try
        {
            var code = await process.Exited.WaitAsync(limit, clock);
            return new Said(code, Read(".out"), Read(".err"));
        }
        catch (TimeoutException)
        {
            process.Signal(9);
            throw new BrokenPromiseException($"{name} did not end within {limit.TotalSeconds:0} seconds: {Said.Short(Read(".err"))}");
        }
    }

    private string Read(string ending) => File.Exists(said + ending) ? Encoding.UTF8.GetString(File.ReadAllBytes(said + ending)) : "";
}
