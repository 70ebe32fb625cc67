namespace Codexctl.Terminal;

/// <summary>
/// Several things that go on at once: a line each that redraws itself on a terminal, with its time; when nobody watches, a
/// line when one begins and one when it ends.
/// </summary>
public sealed class ProgressBoard : IDisposable
{
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(250);

    private readonly Terminal _terminal;
    private readonly TimeProvider _clock;
    private readonly Lock _gate = new();
    private readonly List<ProgressRow> _rows = [];
    private readonly ITimer? _timer;
    private int _drawn;
    private bool _ended;

    public ProgressBoard(Terminal terminal, TimeProvider clock)
    {
        (_terminal, _clock) = (terminal, clock);
        if (terminal.TalksToPerson)
        {
            _timer = clock.CreateTimer(_ => Draw(), null, _pace, _pace);
        }
    }

    public ProgressRow Add(string title)
    {
        lock (_gate)
        {
            var row = new ProgressRow(this, _clock, title);
            _rows.Add(row);
            return row;
        }
    }

    /// <summary>A sentence above the lines.</summary>
    public void Note(string text)
    {
        lock (_gate)
        {
            Erase();
            _terminal.Say(text);
            DrawInside();
        }
    }

    /// <summary>The last state stays on the screen.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        lock (_gate)
        {
            if (!_ended && _terminal.TalksToPerson)
            {
                Erase();
                DrawInside();
            }
            _ended = true;
        }
    }

    /// <summary>What a pipe gets to read.</summary>
    internal void Tell(string text)
    {
        if (!_terminal.TalksToPerson)
        {
            _terminal.Say(text);
        }
    }

    private void Draw()
    {
        lock (_gate)
        {
            if (!_ended)
            {
                Erase();
                DrawInside();
            }
        }
    }

    private void Erase()
    {
        if (_drawn > 0)
        {
            // Up to the first line, and everything below it goes.
            _terminal.Talk($"\x1b[{_drawn}A\r\x1b[J");
        }
        _drawn = 0;
    }

    private void DrawInside()
    {
        if (!_terminal.TalksToPerson || _ended)
        {
            return;
        }
        // More lines than the screen has could not be drawn over.
        var shown = _rows.Take(Math.Max(1, Progress.Height() - 1)).ToList();
        _terminal.Talk(string.Concat(shown.Select(row => Progress.Cut($"codexctl: {row.Text()}") + "\n")));
        _drawn = shown.Count;
    }
}

/// <summary>One line of a <see cref="ProgressBoard"/>.</summary>
public sealed class ProgressRow
{
    private readonly ProgressBoard _board;
    private readonly TimeProvider _clock;
    private readonly string _title;
    private long? _started;
    private volatile string _detail = "waiting";
    private volatile string? _end;

    internal ProgressRow(ProgressBoard board, TimeProvider clock, string title) => (_board, _clock, _title) = (board, clock, title);

    public void Started(string what)
    {
        _started = _clock.GetTimestamp();
        _detail = what;
        _board.Tell($"{_title}: {what}…");
    }

    public void Report(string detail) => _detail = detail;

    /// <summary>A sentence that stays.</summary>
    public void Note(string text) => _board.Note($"{_title}: {text}");

    /// <param name="result">Done, failed, or why it was left out.</param>
    public void Ended(string result)
    {
        _end = _started is null ? result : $"{result} {(result == "done" ? "in" : "after")} {Elapsed()}";
        _board.Tell($"{_title}: {_end}");
    }

    internal string Text() =>
        _end is not null ? $"{_title}: {_end}"
        : _started is null ? $"{_title}: {_detail}"
        : $"{_title} ({Elapsed()}) {_detail}";

    private string Elapsed() => _started is { } started ? Progress.Words(_clock.GetElapsedTime(started)) : "";
}
