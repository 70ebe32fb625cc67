namespace Codexctl.AppleContainer;

/// <summary>Amounts of memory.</summary>
public static class Sizes
{
    private const long Mebibyte = 1024 * 1024;
    private const long Minimum = 200 * Mebibyte;

    /// <summary>Digits and k, m, g, t or p with or without b or ib, binary, a bare number in bytes; null for all else.</summary>
    public static long? Parse(string text)
    {
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        var number = digits < 0 ? text : text[..digits];
        if (number.Length == 0 || !long.TryParse(number, out var value))
        {
            return null;
        }
        var suffix = digits < 0 ? "" : text[digits..].ToLowerInvariant();
        var power = suffix switch
        {
            "" or "b" => 0,
            "k" or "kb" or "kib" => 1,
            "m" or "mb" or "mib" => 2,
            "g" or "gb" or "gib" => 3,
            "t" or "tb" or "tib" => 4,
            "p" or "pb" or "pib" => 5,
            _ => -1,
        };
        if (power < 0)
        {
            return null;
        }
        var unit = 1L << (10 * power);
        return value > long.MaxValue / unit ? null : value * unit;
    }

    /// <summary>A container's memory, rounded down to whole MiB.</summary>
    public static long ParseMemory(string text)
    {
        var bytes = Parse(text) ?? throw new ContainerException($"invalid memory value {text}");
        return bytes < Minimum
            ? throw new ContainerException($"minimum memory amount allowed is 200 MiB (got {bytes} bytes)")
            : bytes / Mebibyte * Mebibyte;
    }
}
