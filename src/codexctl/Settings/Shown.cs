using System.Globalization;
using System.Text;

namespace Codexctl.Settings;

/// <summary>Makes text from files that others can write safe to show: nothing in it moves the cursor, turns the writing direction or is invisible.</summary>
public static class Shown
{
    private const int Longest = 300;

    /// <summary>Escapes all but plain characters and Latin letters: an alphabet of look-alikes can name another host than it seems.</summary>
    public static string Text(string text, bool whole = false)
    {
        var shown = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (shown.Length >= Longest && !whole)
            {
                return shown.Append('…').ToString();
            }
            var plain = rune.Value is >= 0x20 and < 0x7F || (rune.Value is >= 0xC0 and < 0x250 && Rune.IsLetter(rune));
            shown.Append(plain ? rune.ToString() : $"\\u{rune.Value.ToString("X4", CultureInfo.InvariantCulture)}");
        }
        return shown.ToString();
    }
}
