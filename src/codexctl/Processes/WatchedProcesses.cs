namespace Codexctl.Processes;

/// <summary>A program that codexctl ran: what it was, when it began after our own start, how long it took.</summary>
/// <param name="Result">The exit code, or what became of it instead.</param>
public sealed record ProgramRun(CommandLine Command, TimeSpan Began, TimeSpan Took, string Result);

/// <summary>Tells of every program that is started, for `--verbose` and `--timing`.</summary>
/// <param name="begun">Told before a program starts.</param>
/// <param name="ended">Told when it has ended, or (detached) is ready.</param>
public sealed class WatchedProcesses(IProcesses inner, TimeProvider clock, Action<CommandLine> begun, Action<ProgramRun> ended) : IProcesses
{
    private readonly long _start = clock.GetTimestamp();

    public string? Find(string program) => inner.Find(program);

    public Task<ProcessResult> CaptureAsync(
        CommandLine command,
        TimeSpan limit,
        string? input = null,
        CancellationToken cancel = default
    ) => WatchAsync(command, () => inner.CaptureAsync(command, limit, input, cancel), result => $"exit code {result.ExitCode}");

    public Task<int> StreamAsync(CommandLine command, Action<string> onLine, CancellationToken cancel = default) =>
        WatchAsync(command, () => inner.StreamAsync(command, onLine, cancel), code => $"exit code {code}");

    public Task<int> AttachAsync(CommandLine command) => WatchAsync(command, () => inner.AttachAsync(command), code => $"exit code {code}");

    public Task<(int ProcessId, string Ready)> DetachAsync(
        CommandLine command,
        string log,
        TimeSpan limit,
        CancellationToken cancel = default
    ) => WatchAsync(command, () => inner.DetachAsync(command, log, limit, cancel), _ => "in the background");

    private async Task<T> WatchAsync<T>(CommandLine command, Func<Task<T>> run, Func<T, string> result)
    {
        begun(command);
        var began = clock.GetTimestamp();
        var became = "failed";
        try
        {
            var answer = await run();
            became = result(answer);
            return answer;
        }
        finally
        {
            ended(new ProgramRun(command, clock.GetElapsedTime(_start, began), clock.GetElapsedTime(began), became));
        }
    }
}
