using System.Globalization;

namespace Codexctl.Settings;

/// <summary>Reads sizes of memory and numbers of processors, of `--mem` and `--cpu` or the settings.</summary>
public static class Sizes
{
    private const long Least = 200L << 20;

    /// <summary>Bytes of `8G`, `512m`, `2GiB`, `1073741824`: binary units, a bare number is bytes.</summary>
    public static long Memory(string text)
    {
        var digits = text.Length - text.TrimStart("0123456789".ToCharArray()).Length;
        var unit = text[digits..].ToUpperInvariant();
        unit =
            unit.EndsWith("IB", StringComparison.Ordinal) ? unit[..^2]
            : unit.Length > 1 && unit.EndsWith('B') ? unit[..^1]
            : unit;
        var shift = unit switch
        {
            "" or "B" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => -1,
        };
        if (
            shift < 0
            || !long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || number > long.MaxValue >> shift
        )
        {
            throw Usage($"'{text}' is no memory size.", "Write a number with a unit, for example --mem 8G or --mem 512M.");
        }
        var bytes = number << shift;
        return bytes >= Least
            ? bytes
            : throw Usage($"--mem {text} is too little.", "A box needs at least 200M; Codex and a build rather 4G.");
    }

    /// <summary>Processors: a number above zero, fractions allowed.</summary>
    public static decimal Cpus(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var cpus) && cpus > 0 && cpus <= 1024
            ? cpus
            : throw Usage($"'{text}' is no number of processors.", "Write a number above zero, for example --cpu 2 or --cpu 0.5.");

    private static UserError Usage(string what, string mend) => new(what, null, mend, ExitCodes.Usage);
}
