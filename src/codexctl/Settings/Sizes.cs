using System.Globalization;

namespace Codexctl.Settings;

/// <summary>Reads sizes of memory and numbers of processors, of `--mem` and `--cpu` or the settings.</summary>
public static class Sizes
{
    private const long Least = 200L << 20;

    /// <summary>Bytes of `8G`, `512m`, `2GiB`, `1073741824`: binary units, a bare number is bytes.</summary>
    public static long Memory(string text)
    {
        var bytes =
            Bytes(text) ?? throw Usage($"'{text}' is no memory size.", "Write a number with a unit, for example --mem 8G or --mem 512M.");
        return bytes >= Least
            ? bytes
            : throw Usage($"--mem {text} is too little.", "A box needs at least 200M; Codex and a build rather 4G.");
    }

    /// <summary>Bytes of disk, written as memory is; null for `unlimited`.</summary>
    public static long? Storage(string text) =>
        text is "unlimited"
            ? null
            : Bytes(text) ?? throw Usage($"'{text}' is no size.", "Write a number with a unit, for example 10G, or unlimited.");

    /// <summary>A time such as `90d`, `12w`, `36h`; null for `forever`.</summary>
    public static TimeSpan? Time(string text)
    {
        if (text is "forever")
        {
            return null;
        }
        var hours =
            text.Length == 0
                ? 0
                : text[^1] switch
                {
                    'h' => 1,
                    'd' => 24,
                    'w' => 24 * 7,
                    _ => 0,
                };
        return
            hours > 0
            && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= 100_000
            ? TimeSpan.FromHours((double)number * hours)
            : throw Usage($"'{text}' is no time.", "Write a number with h, d or w, for example 90d, or forever.");
    }

    /// <summary>Processors: a number above zero, fractions allowed.</summary>
    public static decimal Cpus(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var cpus) && cpus > 0 && cpus <= 1024
            ? cpus
            : throw Usage($"'{text}' is no number of processors.", "Write a number above zero, for example --cpu 2 or --cpu 0.5.");

    /// <summary>Null for what is no size.</summary>
    private static long? Bytes(string text)
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
        return
            shift >= 0
            && long.TryParse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= long.MaxValue >> shift
            ? number << shift
            : null;
    }

    private static UserError Usage(string what, string mend) => new(what, null, mend, ExitCodes.Usage);
}
