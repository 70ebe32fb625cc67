namespace Codexctl.Processes;

/// <summary>
/// The person's terminal without any treatment of its own, for as long as a terminal elsewhere does that. Put back on
/// disposal and when the process ends by itself.
/// </summary>
internal sealed class RawTerminal : IDisposable
{
    // struct termios is 60 bytes on Linux, 72 on macOS.
    private const int SettingsSize = 256;
    private const int Now = 0;

    // Out of the alternate screen, cursor shown, bracketed paste, mouse and focus reports off, keyboard protocol popped,
    // plain colours, normal cursor keys: what a full-screen program that was killed could not undo.
    private static ReadOnlySpan<byte> PlainScreen =>
        "\u001b[?1049l\u001b[?25h\u001b[?2004l\u001b[?1000l\u001b[?1002l\u001b[?1003l\u001b[?1006l\u001b[?1004l\u001b[<u\u001b[0m\u001b[?1l\u001b>"u8;

    private readonly byte[] _settings;
    private readonly Lock _gate = new();
    private bool _restored;

    private RawTerminal(byte[] settings) => _settings = settings;

    /// <summary>Null when standard input is no terminal.</summary>
    public static RawTerminal? Enter()
    {
        var settings = new byte[SettingsSize];
        if (Libc.GetTerminalAttributes(0, settings) != 0)
        {
            return null;
        }
        var terminal = new RawTerminal(settings);
        AppDomain.CurrentDomain.ProcessExit += terminal.OnExit;
        var raw = settings.ToArray();
        Libc.MakeRaw(raw);
        _ = Libc.SetTerminalAttributes(0, Now, raw);
        return terminal;
    }

    /// <summary>Undoes what a program may have left on the screen.</summary>
    public static void ResetScreen() => StandardStreams.Write(error: false, PlainScreen);

    public void Dispose()
    {
        lock (_gate)
        {
            if (!_restored)
            {
                _restored = true;
                AppDomain.CurrentDomain.ProcessExit -= OnExit;
                _ = Libc.SetTerminalAttributes(0, Now, _settings);
            }
        }
    }

    private void OnExit(object? sender, EventArgs e) => Dispose();
}
