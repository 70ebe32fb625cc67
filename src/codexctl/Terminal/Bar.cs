using System.Globalization;
using System.Text;

namespace Codexctl.Terminal;

/// <summary>Draws how far something is as text: `[######----]  62 %  8.6 of 13.8 GB  25 MB/s  3 min left`.</summary>
public sealed class Bar(TimeProvider clock)
{
    private const int Cells = 20;

    private long _start;
    private long _first = -1;

    public string Draw(long done, long total)
    {
        if (_first < 0)
        {
            (_start, _first) = (clock.GetTimestamp(), done);
        }
        var part = total <= 0 ? 0 : Math.Clamp((double)done / total, 0, 1);
        var full = (int)(part * Cells);
        var text = new StringBuilder();
        text.Append('[').Append('#', full).Append('-', Cells - full).Append(']');
        text.Append(CultureInfo.InvariantCulture, $" {Math.Floor(part * 100), 3:0} %  {Size(done)} of {Size(total)}");
        var seconds = clock.GetElapsedTime(_start).TotalSeconds;
        // The first second tells nothing about the speed, and bytes that were there before were not downloaded.
        if (seconds >= 1 && done > _first)
        {
            var speed = (done - _first) / seconds;
            text.Append($"  {Size((long)speed)}/s  {Left((total - done) / speed)} left");
        }
        return text.ToString();
    }

    public static string Size(long bytes) =>
        bytes switch
        {
            >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:0.0} GB"),
            >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:0} MB"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e3:0} kB"),
        };

    private static string Left(double seconds) =>
        seconds < 60
            ? $"{Math.Ceiling(seconds).ToString("0", CultureInfo.InvariantCulture)} s"
            : $"{Math.Ceiling(seconds / 60).ToString("0", CultureInfo.InvariantCulture)} min";
}
