namespace Codexctl.Processes;

/// <summary>The only way to start a process. Four kinds: capture, stream, attach, detach.</summary>
public interface IProcesses
{
    /// <summary>Where a program is on the search path; null when it is nowhere.</summary>
    string? Find(string program);

    /// <summary>Runs to the end with standard input closed (or <paramref name="input"/>) and collects what it says.</summary>
    /// <exception cref="UserError">The program is missing, or did not end within <paramref name="limit"/>; it is killed then.</exception>
    Task<ProcessResult> CaptureAsync(CommandLine command, TimeSpan limit, string? input = null, CancellationToken cancel = default);

    /// <summary>Runs to the end, giving each line of both outputs as it comes. Cancelling interrupts, then kills after five seconds.</summary>
    Task<int> StreamAsync(CommandLine command, Action<string> onLine, CancellationToken cancel = default);

    /// <summary>
    /// Hands the terminal over: the child inherits the three standard streams, Ctrl-C and Ctrl-\ are its own, SIGTERM and
    /// SIGHUP are passed on. The terminal's settings are put back afterwards. Returns the child's exit code, 128+N for signal N.
    /// </summary>
    Task<int> AttachAsync(CommandLine command);

    /// <summary>
    /// Starts a process in a session of its own, which outlives this one: standard input /dev/null, outputs to
    /// <paramref name="log"/> (appended, 0600). Waits until it closes the ready pipe (descriptor 3) and returns what it wrote there.
    /// </summary>
    /// <returns>The process id, and the text of the ready pipe ("" when it died without a word).</returns>
    Task<(int ProcessId, string Ready)> DetachAsync(CommandLine command, string log, TimeSpan limit, CancellationToken cancel = default);
}
