namespace Codexctl.Terminal;

/// <summary>
/// One line of progress that redraws itself on a terminal; when nobody watches, only its beginning and end are told. Ten
/// redraws a second at most.
/// </summary>
public sealed class Progress(Terminal terminal, string title, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly long _started = clock.GetTimestamp();
    private long _drawn;
    private bool _any;
    private bool _ended;

    /// <summary>Shows what is being done now.</summary>
    public void Report(string detail)
    {
        lock (_gate)
        {
            if (!terminal.TalksToPerson)
            {
                if (!_any)
                {
                    terminal.Say($"{title}…");
                }
                _any = true;
                return;
            }
            if (_any && clock.GetElapsedTime(_drawn) < _pace)
            {
                return;
            }
            _drawn = clock.GetTimestamp();
            _any = true;
            terminal.Talk($"\r\x1b[K{Cut($"codexctl: {title} ({Elapsed()}) {detail}")}");
        }
    }

    /// <summary>A line of its own, which stays.</summary>
    public void Note(string text)
    {
        lock (_gate)
        {
            if (_any && !_ended && terminal.TalksToPerson)
            {
                terminal.Talk("\r\x1b[K");
            }
            terminal.Say(text);
            // The next report draws at once.
            _drawn = 0;
        }
    }

    /// <summary>Bytes of a download.</summary>
    public void Report(long done, long? total)
    {
        var part = total is > 0 ? $" of {total / 1e6:0} MB, {100.0 * done / total:0} %" : " MB";
        Report($"{done / 1e6:0}{part}");
    }

    /// <summary>Ends the line with how long it took.</summary>
    public void Succeeded() => End($"{title}: done in {Elapsed()}");

    /// <summary>Ends the line; the error itself is told elsewhere.</summary>
    public void Failed() => End($"{title}: failed after {Elapsed()}");

    /// <summary>Clears a line that was neither ended well nor badly (Ctrl-C).</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_any && !_ended && terminal.TalksToPerson)
            {
                terminal.Talk("\r\x1b[K");
            }
            _ended = true;
        }
    }

    // A step that never had anything to report was too quick to be worth a line.
    private void End(string text)
    {
        lock (_gate)
        {
            if (_any && !_ended)
            {
                terminal.Talk(terminal.TalksToPerson ? $"\r\x1b[Kcodexctl: {text}\n" : $"codexctl: {text}\n");
            }
            _ended = true;
        }
    }

    private string Elapsed() => Words(clock.GetElapsedTime(_started));

    /// <summary>A duration for people: `7 s`, `2 min 5 s`.</summary>
    internal static string Words(TimeSpan time) =>
        time.TotalSeconds < 60 ? $"{time.TotalSeconds:0} s" : $"{(int)time.TotalMinutes} min {time.Seconds} s";

    // Longer lines would wrap, and a wrapped line cannot be redrawn. Control characters of a build's log must not move the cursor.
    internal static string Cut(string text)
    {
        var clean = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        var width = Math.Max(40, Width() - 1);
        return clean.Length <= width ? clean : clean[..width];
    }

    internal static int Height()
    {
        try
        {
            return Console.WindowHeight > 0 ? Console.WindowHeight : 24;
        }
        catch (IOException)
        {
            return 24;
        }
    }

    private static int Width()
    {
        try
        {
            return Console.WindowWidth > 0 ? Console.WindowWidth : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }
}
