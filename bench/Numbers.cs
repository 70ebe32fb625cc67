using System.Globalization;

namespace Codexctl.Bench;

/// <summary>Measured values of one kind.</summary>
internal sealed class Numbers
{
    private readonly List<double> _values = [];
    private bool _sorted = true;

    public int Count => _values.Count;

    public double Median => At(0.5);

    public double Least => At(0);

    public double Most => At(1);

    public void Add(double value)
    {
        _values.Add(value);
        _sorted = false;
    }

    public void AddAll(IEnumerable<double> values)
    {
        _values.AddRange(values);
        _sorted = false;
    }

    /// <param name="part">0 for the least, 0.5 for the median, 1 for the most.</param>
    public double At(double part)
    {
        if (_values.Count == 0)
        {
            return double.NaN;
        }
        if (!_sorted)
        {
            _values.Sort();
            _sorted = true;
        }
        return _values[(int)Math.Round(part * (_values.Count - 1))];
    }
}

/// <summary>A table for people, which is also Markdown.</summary>
internal sealed class Table(string title, params string[] columns)
{
    private readonly List<string[]> _rows = [];

    public void Row(params string[] cells) => _rows.Add(cells);

    public void Print(string? note = null)
    {
        var widths = columns
            .Select((column, i) => Math.Max(column.Length, _rows.Count == 0 ? 0 : _rows.Max(row => row[i].Length)))
            .ToArray();
        Console.WriteLine($"\n## {title}\n");
        Line(columns);
        Line([.. widths.Select(width => new string('-', width))]);
        foreach (var row in _rows)
        {
            Line(row);
        }
        if (note is not null)
        {
            Console.WriteLine($"\n{note}");
        }
        void Line(string[] cells) =>
            Console.WriteLine(
                "| " + string.Join(" | ", cells.Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))) + " |"
            );
    }

    public static string Ms(double value, int digits = 1) =>
        double.IsNaN(value) ? "-" : value.ToString("F" + digits.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    public static string Ratio(double value, double to) =>
        double.IsNaN(value) || double.IsNaN(to) || to <= 0 ? "-" : (value / to).ToString("F2", CultureInfo.InvariantCulture) + "×";

    public static string Megabytes(double bytes) => (bytes / 1_000_000).ToString("F0", CultureInfo.InvariantCulture);
}
