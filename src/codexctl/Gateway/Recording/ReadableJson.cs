using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Codexctl.Gateway.Recording;

/// <summary>
/// JSON whose strings can all be read. Servers cut an emoji in two halves, each in an event of its own, and a box can send what it likes;
/// .NET gives up on such a string only when it is looked at.
/// </summary>
internal static class ReadableJson
{
    /// <summary>The same bytes where nothing is wrong; else with U+FFFD for bytes that are no UTF-8 and for halves of surrogate pairs.</summary>
    public static ReadOnlySpan<byte> From(ReadOnlyMemory<byte> json)
    {
        if (!Utf8.IsValid(json.Span))
        {
            json = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(json.Span));
        }
        var first = json.Span.IndexOf((byte)'\\');
        if (first < 0 || (json.Span[first..].IndexOf("\\ud"u8) < 0 && json.Span[first..].IndexOf("\\uD"u8) < 0))
        {
            return json.Span;
        }
        var mended = json.ToArray();
        for (var at = first; at < mended.Length - 1; at++)
        {
            if (mended[at] != '\\')
            {
                continue;
            }
            var unit = Unit(mended.AsSpan(at));
            if (char.IsHighSurrogate(unit) && at + 6 < mended.Length && char.IsLowSurrogate(Unit(mended.AsSpan(at + 6))))
            {
                at += 11;
            }
            else if (char.IsSurrogate(unit))
            {
                "fffd"u8.CopyTo(mended.AsSpan(at + 2));
                at += 5;
            }
            else
            {
                // Also of two backslashes: the second escapes nothing.
                at++;
            }
        }
        return mended;
    }

    /// <summary>What `\uXXXX` stands for; NUL for anything else.</summary>
    private static char Unit(ReadOnlySpan<byte> escape) =>
        escape is [(byte)'\\', (byte)'u', _, _, _, _, ..]
        && ushort.TryParse(escape[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit)
            ? (char)unit
            : '\0';
}
