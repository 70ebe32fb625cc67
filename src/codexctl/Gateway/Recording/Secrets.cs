using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;

namespace Codexctl.Gateway.Recording;

/// <summary>A place in a text that looks like a secret.</summary>
/// <param name="Context">Where the words begin by which it was known.</param>
internal sealed record Secret(int Context, int Start, int End);

/// <summary>Finds what looks like a secret in text of any length, such as what a person, a tool or a model said. Takes time in proportion to the text.</summary>
internal static partial class Secrets
{
    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    /// <summary>Each expression below wants one of these words in some case, or a run of signs without a space.</summary>
    private static readonly SearchValues<string> _words = SearchValues.Create(
        [
            "-----BEGIN",
            "://",
            "bearer",
            "basic",
            "authorization",
            "cookie",
            "key",
            "secret",
            "token",
            "credential",
            "passw",
            "passphrase",
            "pwd",
            "signature=",
            "sig=",
            "code=",
            "auth=",
        ],
        StringComparison.OrdinalIgnoreCase
    );

    /// <summary>Of the shortest token: a beginning of two signs and twelve more.</summary>
    private const int ShortestRun = 14;

    private static readonly SearchValues<char> _run = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=._-"
    );

    /// <summary>Letters that the expressions take for a k, an i or an s without case, and a search for words does not.</summary>
    private static readonly SearchValues<char> _alike = SearchValues.Create("\u212A\u0130\u0131\u017F");

    private static readonly HarmlessTexts _harmless = new(text => Search(text) is { Count: > 0 } found ? Hide(text, found) : text);

    /// <summary>Text without its secrets.</summary>
    public static string Hide(string text) => MayHide(text) ? _harmless.Clean(text) : text;

    internal static string Hide(string text, IReadOnlyList<Secret> found)
    {
        var result = new StringBuilder(text.Length);
        var at = 0;
        foreach (var secret in found)
        {
            result.Append(text, at, secret.Start - at).Append(Redaction.Mask);
            at = secret.End;
        }
        return result.Append(text, at, text.Length - at).ToString();
    }

    /// <summary>Where they are, in order, not overlapping.</summary>
    public static List<Secret> Find(string text) => MayHide(text) ? Search(text) : [];

    /// <summary>As <see cref="Find"/>, without a look first at whether it is worth it.</summary>
    internal static List<Secret> Search(string text)
    {
        var found = new List<Secret>();
        Add(found, PrivateKeys().Matches(text), _ => true);
        Add(found, UserInfo().Matches(text), _ => true);
        Add(found, Schemes().Matches(text), value => value.Length >= 20 || value.Any(char.IsAsciiDigit));
        Add(found, Headers().Matches(text), _ => true);
        Add(found, Assigned().Matches(text), value => value.Any(char.IsAsciiDigit) && value.Any(char.IsAsciiLetter));
        Add(
            found,
            Passwords().Matches(text),
            value => value.Any(c => !char.IsAsciiLetter(c) && c is not ('.' or '_' or '?' or '[' or ']'))
        );
        Add(found, Queries().Matches(text), _ => true);
        Add(found, Redaction.Tokens().Matches(text), Redaction.LooksRandom);
        Add(found, Encoded().Matches(text), Redaction.LooksEncoded);
        return Merge(found);
    }

    /// <summary>Whether a private key has begun and not ended: what follows is still part of it.</summary>
    public static int OpenKey(string text)
    {
        var begin = text.LastIndexOf("-----BEGIN", StringComparison.Ordinal);
        return begin >= 0 && text.IndexOf("-----END", begin, StringComparison.Ordinal) < 0 ? begin : -1;
    }

    /// <summary>False for most texts, and soon: they have nothing that could be a secret.</summary>
    private static bool MayHide(ReadOnlySpan<char> text)
    {
        if (text.Length < 7)
        {
            // Shorter than any of them.
            return false;
        }
        if (text.ContainsAny(_words) || text.ContainsAny(_alike))
        {
            return true;
        }
        while (text.Length >= ShortestRun)
        {
            var end = text.IndexOfAnyExcept(_run);
            if (end >= ShortestRun || end < 0)
            {
                return true;
            }
            text = text[(end + 1)..];
        }
        return false;
    }

    private static void Add(List<Secret> found, MatchCollection matches, Func<string, bool> isSecret)
    {
        foreach (Match match in matches)
        {
            var group = match.Groups["secret"] is { Success: true } inner ? inner : match;
            if (group.Value != Redaction.Mask && isSecret(group.Value))
            {
                found.Add(new Secret(match.Index, group.Index, group.Index + group.Length));
            }
        }
    }

    private static List<Secret> Merge(List<Secret> found)
    {
        if (found.Count < 2)
        {
            return found;
        }
        var merged = new List<Secret>();
        foreach (var secret in found.OrderBy(secret => secret.Start))
        {
            if (merged.Count > 0 && secret.Start <= merged[^1].End)
            {
                var before = merged[^1];
                merged[^1] = new Secret(Math.Min(before.Context, secret.Context), before.Start, Math.Max(before.End, secret.End));
            }
            else
            {
                merged.Add(secret);
            }
        }
        return merged;
    }

    [GeneratedRegex(
        "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?<secret>.*?)(?:-----END|\\z)",
        Options | RegexOptions.Singleline,
        Timeout.Infinite
    )]
    private static partial Regex PrivateKeys();

    [GeneratedRegex("://(?<secret>[^/@\\s:]{0,256}:[^/@\\s]{1,256})@", Options, Timeout.Infinite)]
    private static partial Regex UserInfo();

    // Of an address: what gives access, as servers name it there.
    [GeneratedRegex(
        "[?&](?:[a-z_-]{0,20}(?:key|token|secret|signature|password|credential)|sig|code|auth)=(?<secret>[^\\s\"'&#<>\\\\]{4,})",
        Options | RegexOptions.IgnoreCase,
        Timeout.Infinite
    )]
    private static partial Regex Queries();

    // Pictures, archives, keys without their frame: base64 in one run.
    [GeneratedRegex("(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{128,}={0,2}", Options, Timeout.Infinite)]
    private static partial Regex Encoded();

    [GeneratedRegex("\\b(?:bearer|basic)\\s{1,3}(?<secret>[A-Za-z0-9+/=._~-]{8,})", Options | RegexOptions.IgnoreCase, Timeout.Infinite)]
    private static partial Regex Schemes();

    // The rest of the line, or of the quoted text.
    [GeneratedRegex(
        "\\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|api-key)(?:\\\\?[\"'])?\\s{0,3}[:=]\\s{0,3}(?:\\\\?[\"'])?(?<secret>[^\\s\"'\\\\][^\\r\\n\"'\\\\]{3,})",
        Options | RegexOptions.IgnoreCase,
        Timeout.Infinite
    )]
    private static partial Regex Headers();

    [GeneratedRegex(
        "(?:api[_-]?key|access[_-]?key|secret|token|private[_-]?key|credentials?|key)(?:\\\\?[\"'])?\\s{0,3}[:=]\\s{0,3}(?:\\\\?[\"'])?(?<secret>[^\\s\"',;(){}<>\\\\&|]{12,})",
        Options | RegexOptions.IgnoreCase,
        Timeout.Infinite
    )]
    private static partial Regex Assigned();

    [GeneratedRegex(
        "(?:passw(?:or)?d|passphrase|pwd)(?:\\\\?[\"'])?\\s{0,3}[:=]\\s{0,3}(?:\\\\?[\"'])?(?<secret>[^\\s\"',;(){}<>\\\\&|/$]{4,})",
        Options | RegexOptions.IgnoreCase,
        Timeout.Infinite
    )]
    private static partial Regex Passwords();
}
