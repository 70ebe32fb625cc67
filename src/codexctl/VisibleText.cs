using System.Globalization;
using System.Text;

namespace Codexctl;

/// <summary>
/// Text that cannot do anything to a terminal: control characters become visible signs, also those that turn the direction of writing. For
/// everything that a model, a tool, a host or a box may have said.
/// </summary>
public static class VisibleText
{
    /// <summary>Lines stay lines; tabs become spaces.</summary>
    public static string Clean(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\x1f') && !text.Any(IsTricky))
        {
            return text;
        }
        var clean = new StringBuilder(text.Length);
        foreach (var c in text.Replace("\r\n", "\n", StringComparison.Ordinal))
        {
            clean.Append(
                c switch
                {
                    '\n' => c,
                    '\t' => ' ',
                    < ' ' => (char)(0x2400 + c),
                    _ when IsTricky(c) => '\ufffd',
                    _ => c,
                }
            );
        }
        return clean.ToString();
    }

    /// <summary>The same in one line.</summary>
    public static string Line(string text) => Clean(text).Replace('\n', '\u240a');

    /// <summary>JSON that means the same, with the tricky characters written as escapes.</summary>
    public static string Json(string json)
    {
        if (!json.Any(c => IsTricky(c) || c is < ' ' and not '\n'))
        {
            return json;
        }
        var clean = new StringBuilder(json.Length);
        foreach (var c in json)
        {
            if (IsTricky(c) || c is < ' ' and not '\n')
            {
                clean.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            }
            else
            {
                clean.Append(c);
            }
        }
        return clean.ToString();
    }

    private static bool IsTricky(char c) =>
        c
            is >= '\x7f'
                and <= '\x9f'
                or >= '\u202a'
                and <= '\u202e'
                or >= '\u2066'
                and <= '\u206f'
                or >= '\ufff9'
                and <= '\ufffb'
                or '\u2028'
                or '\u2029'
                or '\u200e'
                or '\u200f'
                or '\u061c';
}
