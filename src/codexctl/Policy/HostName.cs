using System.Globalization;
using System.Net;
using System.Text;

namespace Codexctl.Policy;

/// <summary>
/// Host names in their one form: ASCII (punycode), lower case, without the final dot. Patterns and requests go through the
/// same rules, so that two spellings of one host never get two answers.
/// </summary>
public static class HostName
{
    private const int LongestName = 253;
    private const int LongestLabel = 63;

    // The full stops of other scripts, which some resolvers take for dots.
    private static readonly char[] ForeignDots = ['\u3002', '\uFF0E', '\uFF61'];

    private static readonly IdnMapping Idn = new() { UseStd3AsciiRules = true, AllowUnassigned = false };

    /// <summary>The canonical form, or false with the reason in words.</summary>
    /// <param name="allowUnicode">People may write names in their own script; on the wire a host is always ASCII.</param>
    public static bool TryNormalize(string text, bool allowUnicode, out string host, out string reason)
    {
        host = "";
        reason = "";
        if (text.Length == 0)
        {
            reason = "the host name is empty";
            return false;
        }
        if (text.Length > 4 * LongestName)
        {
            reason = "the host name is too long";
            return false;
        }
        var name = text.ToLowerInvariant();
        if (name.EndsWith('.'))
        {
            name = name[..^1];
        }
        // Of the text as it came: lower case makes plain letters of some that are not (the Kelvin sign).
        if (!Ascii.IsValid(text))
        {
            if (!allowUnicode)
            {
                reason = "the host name is not plain ASCII; send it in its xn-- form";
                return false;
            }
            if (!TryPunycode(name, out name, out reason))
            {
                return false;
            }
        }
        if (IsAddress(name))
        {
            reason = "it is an IP address; only names can be allowed, because an address says nothing about who answers there";
            return false;
        }
        if (name.Length > LongestName)
        {
            reason = "the host name is longer than 253 characters";
            return false;
        }
        foreach (var label in name.Split('.'))
        {
            if (!IsLabel(label, out reason))
            {
                return false;
            }
        }
        if (IsLocal(name))
        {
            reason = "it names this machine or the local network, which a box never reaches";
            return false;
        }
        host = name;
        return true;
    }

    /// <summary>
    /// Whether a resolver would take this text for an address: IPv6, dotted IPv4, and every old form of IPv4 (2130706433, 0x7f.1, 0177.0.0.1).
    /// Names never end in a number (WHATWG URL, "ends in a number").
    /// </summary>
    public static bool IsAddress(string text)
    {
        if (text.Contains(':') || text.Contains('['))
        {
            return true;
        }
        var name = text.EndsWith('.') ? text[..^1] : text;
        var last = name[(name.LastIndexOf('.') + 1)..];
        if (last.Length == 0)
        {
            return false;
        }
        var number =
            last.All(char.IsAsciiDigit)
            || (last.StartsWith("0x", StringComparison.OrdinalIgnoreCase) && last[2..].All(char.IsAsciiHexDigit));
        return number || IPAddress.TryParse(name, out _);
    }

    private static bool TryPunycode(string name, out string ascii, out string reason)
    {
        ascii = "";
        if (name.IndexOfAny(ForeignDots) >= 0)
        {
            reason = "it has a full stop of another script in place of a dot";
            return false;
        }
        // Look-alikes of ASCII (fullwidth, mathematical) would turn into a name that nobody owns or that somebody registered on purpose.
        foreach (var rune in name.EnumerateRunes())
        {
            var plain =
                rune.IsAscii
                || (Rune.IsLetterOrDigit(rune) && rune.Value is not ((>= 0xFF00 and <= 0xFFEF) or (>= 0x1D400 and <= 0x1D7FF)))
                || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
            if (!plain)
            {
                reason = "it has a character that host names do not have";
                return false;
            }
        }
        try
        {
            ascii = Idn.GetAscii(name);
            reason = "";
            return true;
        }
        catch (ArgumentException)
        {
            reason = "it is not a valid international host name";
            return false;
        }
    }

    private static bool IsLabel(string label, out string reason)
    {
        reason = label switch
        {
            "" => "it has an empty part between two dots",
            { Length: > LongestLabel } => "a part of it is longer than 63 characters",
            _ when label[0] == '-' || label[^1] == '-' => "a part of it begins or ends with a hyphen",
            _ when !label.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') => "it has a character that host names do not have",
            _ => "",
        };
        return reason.Length == 0;
    }

    // A name without a dot is looked up in the host's own search domains; the others are reserved for what is near (RFC 6761, 6762, 8375, 9476).
    private static bool IsLocal(string name) =>
        !name.Contains('.')
        || name.EndsWith(".localhost", StringComparison.Ordinal)
        || name.EndsWith(".local", StringComparison.Ordinal)
        || name.EndsWith(".localdomain", StringComparison.Ordinal)
        || name.EndsWith(".internal", StringComparison.Ordinal)
        || name.EndsWith(".home.arpa", StringComparison.Ordinal);
}
