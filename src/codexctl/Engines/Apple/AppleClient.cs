using Codexctl.Processes;

namespace Codexctl.Engines.Apple;

/// <summary>A person who may be asked and told.</summary>
/// <param name="Confirm">Asks a question of yes or no; null when nobody can be asked.</param>
/// <param name="Say">Tells a sentence.</param>
public sealed record Person(Func<string, CancellationToken, Task<bool?>> Confirm, Action<string> Say);

/// <summary>Calls of the program `container`, each with a time limit; what it says when it fails, in words for people.</summary>
internal sealed class AppleClient(IProcesses processes, Paths paths, Person person, TimeProvider clock)
{
    public const string Program = "container";

    /// <summary>The client's own look at its service takes up to 10 seconds.</summary>
    public static readonly TimeSpan LookUp = TimeSpan.FromSeconds(20);
    public static readonly TimeSpan Change = TimeSpan.FromSeconds(60);

    /// <summary>A first start may fetch a kernel.</summary>
    private static readonly TimeSpan _serviceStart = TimeSpan.FromMinutes(10);

    private bool _checked;

    public static CommandLine Command(IReadOnlyList<string> arguments) =>
        new(Program, arguments) { HealthCheck = "container system status" };

    public Task<ProcessResult> RunAsync(IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken cancel) =>
        processes.CaptureAsync(Command(arguments), limit, cancel: cancel);

    /// <summary>
    /// The first call of what a command does: makes sure that the program is new enough, and offers to start its service when
    /// that is down.
    /// </summary>
    public async Task<ProcessResult> FirstAsync(IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken cancel)
    {
        await CheckVersionAsync(cancel);
        var result = await RunAsync(arguments, limit, cancel);
        if (result.ExitCode == 0 || !ServiceIsDown(result))
        {
            return result;
        }
        await OfferStartAsync(result, cancel);
        return await RunAsync(arguments, limit, cancel);
    }

    public async Task<ProcessResult> CheckedAsync(IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken cancel)
    {
        var result = await RunAsync(arguments, limit, cancel);
        return result.ExitCode == 0 ? result : throw Explain(arguments, result);
    }

    /// <summary>Runs something that takes long, and ends it when it says nothing for long: clients of this engine are known to hang.</summary>
    public async Task StreamAsync(IReadOnlyList<string> arguments, Action<string> onLine, TimeSpan silence, CancellationToken cancel)
    {
        var tail = new Queue<string>();
        using var quiet = new CancellationTokenSource(silence, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(quiet.Token, cancel);
        int code;
        try
        {
            code = await processes.StreamAsync(
                Command(arguments),
                line =>
                {
                    quiet.CancelAfter(silence);
                    tail.Enqueue(line);
                    if (tail.Count > 20)
                    {
                        tail.Dequeue();
                    }
                    onLine(line);
                },
                either.Token
            );
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            var verb = Command(arguments).Verb;
            throw new UserError(
                $"`{verb}` said nothing for {silence.TotalMinutes:0} minutes and was ended.",
                tail.Count > 0 ? $"Its last words: {tail.Last()}" : null,
                verb.EndsWith(" build", StringComparison.Ordinal)
                    ? "Remove the builder, which may hang, then build again: container builder delete --force"
                    : "Check the network and the service (container system status), then run the command again."
            );
        }
        if (code != 0)
        {
            throw Explain(arguments, new ProcessResult(code, "", string.Join('\n', tail)));
        }
    }

    /// <summary>The engine's words as an error.</summary>
    public static Exception Explain(IReadOnlyList<string> arguments, ProcessResult result)
    {
        if (ServiceIsDown(result))
        {
            return Down(result);
        }
        if (result.Error.Contains("mount source path", StringComparison.Ordinal))
        {
            return new UserError(
                "Something that the container mounts is not there any more.",
                Lines(result.Error).FirstOrDefault(line => line.Contains("mount source path", StringComparison.Ordinal)),
                "Put it back, or remove the container (codexctl rm) and run again: a new one is made."
            );
        }
        return new ProcessError(Command(arguments), result);
    }

    public static bool Says(ProcessResult result, string words) => result.Error.Contains(words, StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether every complaint is about something that is not there, or not running.</summary>
    public static bool OnlyMissing(ProcessResult result) =>
        Lines(result.Error).ToList() is { Count: > 0 } lines
        && lines.TrueForAll(line =>
            line.Contains("not found", StringComparison.OrdinalIgnoreCase)
            || line.Contains("is not running", StringComparison.OrdinalIgnoreCase)
            || line.Contains("container is stopped", StringComparison.OrdinalIgnoreCase)
        );

    public static IEnumerable<string> Lines(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static bool ServiceIsDown(ProcessResult result) =>
        Says(result, "XPC connection error")
        || Says(result, "container system service has been started")
        || Says(result, "Plugins are unavailable");

    private static UserError Down(ProcessResult result) =>
        new(
            "The service of Apple's container is not running.",
            Lines(result.Error).FirstOrDefault(),
            "Start it, then run the command again: container system start --enable-kernel-install"
        );

    private async Task OfferStartAsync(ProcessResult result, CancellationToken cancel)
    {
        var asked = await person.Confirm(
            "The service of Apple's container is not running. Start it (container system start; fetches a Linux kernel if there is none)?",
            cancel
        );
        if (asked != true)
        {
            throw Down(result);
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await StreamAsync(AppleArguments.SystemStart(), person.Say, _serviceStart, limit.Token);
    }

    private async Task CheckVersionAsync(CancellationToken cancel)
    {
        if (_checked)
        {
            return;
        }
        var program =
            processes.Find(Program)
            ?? throw new UserError(
                "Apple's container is not installed.",
                "There is no program `container` in any folder of PATH. It needs a Mac with Apple silicon.",
                "Install it: https://github.com/apple/container/releases\nOr choose another engine: --engine docker"
            );
        var mark = AppleVersion.Mark(program);
        var file = Path.Combine(Paths.MakePrivate(paths.EngineState(AppleEngine.EngineName)), ".client");
        if (!File.Exists(file) || await File.ReadAllTextAsync(file, cancel) != mark)
        {
            var result = await RunAsync(AppleArguments.Version(), LookUp, cancel);
            AppleVersion.Check(program, result.ExitCode == 0 ? result.Output : result.Error);
            PrivateFile.Write(file, mark);
        }
        _checked = true;
    }
}
