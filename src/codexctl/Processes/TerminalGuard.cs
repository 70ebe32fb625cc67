namespace Codexctl.Processes;

/// <summary>
/// Remembers the terminal's settings and puts them back, whatever a child did to them or however it died. Without a
/// terminal it does nothing.
/// </summary>
public sealed class TerminalGuard : IDisposable
{
    private const int AfterDrain = 1;

    private readonly byte[]? _saved;

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

    public void Dispose()
    {
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
