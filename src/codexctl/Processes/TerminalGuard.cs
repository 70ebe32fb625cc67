namespace Codexctl.Processes;

/// <summary>
/// Remembers the terminal's settings and puts them back, whatever a child did to them or however it died. Without a
/// terminal it only takes non-blocking mode off the standard streams again, which others share and do not expect.
/// </summary>
public sealed class TerminalGuard : IDisposable
{
    private const int Now = 0;
    private const int AfterDrain = 1;

    private static readonly TimeSpan _look = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan _rawByThen = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _settled = TimeSpan.FromSeconds(1);

    private readonly byte[]? _saved;
    private readonly bool[] _blocking = [.. Enumerable.Range(0, 3).Select(Libc.IsBlocking)];

    public TerminalGuard()
    {
        // Larger than any system's struct termios; its inside is never looked at.
        var attributes = new byte[256];
        if (Libc.IsTerminal(0) == 1 && Libc.GetTerminalAttributes(0, attributes) == 0)
        {
            _saved = attributes;
        }
    }

    /// <summary>Set when the child may have died before it could tidy its full-screen modes.</summary>
    public bool DiedAbnormally { get; set; }

    /// <summary>
    /// Takes output processing off once the child has made the terminal raw, and again should it come back in the next moment.
    /// Ends early when the child ends or never does.
    /// </summary>
    public async Task StopOutputProcessingAsync(Task exit)
    {
        var until = _rawByThen;
        var seen = false;
        for (var waited = TimeSpan.Zero; _saved is not null && waited < until && !exit.IsCompleted; waited += _look)
        {
            var now = new byte[_saved.Length];
            if (Libc.GetTerminalAttributes(0, now) == 0 && Libc.IsRaw(now))
            {
                if (!seen)
                {
                    (seen, until) = (true, waited + _settled);
                }
                if (Libc.RemoveOutputProcessing(now))
                {
                    _ = Libc.SetTerminalAttributes(0, Now, now);
                }
            }
            await Task.WhenAny(exit, Task.Delay(_look));
        }
    }

    public void Dispose()
    {
        for (var file = 0; file < _blocking.Length; file++)
        {
            if (_blocking[file])
            {
                Libc.SetBlocking(file);
            }
        }
        if (_saved is null)
        {
            return;
        }
        // Lost only when the terminal is gone; then there is nothing to put back.
        _ = Libc.SetTerminalAttributes(0, AfterDrain, _saved);
        if (DiedAbnormally && Libc.IsTerminal(1) == 1)
        {
            RawTerminal.ResetScreen();
        }
    }
}
