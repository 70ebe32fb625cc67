using System.Text.RegularExpressions;

namespace Codexctl.Gateway.Recording;

/// <summary>
/// Takes out of what is written down everything that looks like a secret. Rather too much than too little: a record says who was talked to,
/// not with which key.
/// </summary>
public static partial class Redaction
{
    public const string Mask = "[redacted]";

    private const int Longest = 2048;

    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    private static readonly HarmlessTexts _harmless = new(Clean);

    /// <summary>The path of a request target: without query and fragment, without anything that looks like a token.</summary>
    public static string Path(string target)
    {
        var end = target.IndexOfAny(['?', '#']);
        return Text(end < 0 ? target : target[..end]);
    }

    /// <summary>Any text: names of hosts and models, errors. User names and passwords in addresses and query strings go too.</summary>
    public static string Text(string text) => _harmless.Clean(text);

    private static string Clean(string text)
    {
        // Bounds the time that the expressions below can take, whatever a box makes up.
        var rest = text.Length > Longest ? text[..Longest] : text;
        rest = UserInfo().Replace(rest, $"://{Mask}@");
        rest = Queries().Replace(rest, $"?{Mask}");
        rest = Bearers().Replace(rest, $"${{scheme}} {Mask}");
        return Secrets.Hide(rest);
    }

    internal static bool IsKnownToken(string text) => KnownToken().IsMatch(text);

    // The known beginnings are tokens whatever follows. Of other long runs, words have no digits and numbers no letters.
    internal static bool LooksRandom(string run) =>
        KnownToken().IsMatch(run) || (run.Length >= 32 && run.Any(char.IsAsciiDigit) && run.Any(char.IsAsciiLetter));

    /// <summary>Whether a run of the signs of base64 is base64: paths have slashes as well, but not all three kinds of signs in each part.</summary>
    internal static bool LooksEncoded(string run)
    {
        var (upper, lower, digit) = (0, 0, 0);
        foreach (var c in run)
        {
            upper += char.IsAsciiLetterUpper(c) ? 1 : 0;
            lower += char.IsAsciiLetterLower(c) ? 1 : 0;
            digit += char.IsAsciiDigit(c) ? 1 : 0;
        }
        var least = run.Length / 20;
        return upper > least && lower > least && digit > least;
    }

    [GeneratedRegex("://[^/@\\s]*@", Options, Timeout.Infinite)]
    private static partial Regex UserInfo();

    [GeneratedRegex("\\?[^\\s\"']*=[^\\s\"']*", Options, Timeout.Infinite)]
    private static partial Regex Queries();

    [GeneratedRegex("\\b(?<scheme>bearer|basic|token)\\s+[A-Za-z0-9+/=._~-]{8,}", Options | RegexOptions.IgnoreCase, Timeout.Infinite)]
    private static partial Regex Bearers();

    // Known kinds keep their hyphens, underscores and dots; the rest are runs of letters and digits, so that names of models and
    // packages, which have hyphens, stay.
    [GeneratedRegex(
        "(?<![A-Za-z0-9])(?:sk|rk|pk|rt|sess|ghp|gho|ghu|ghs|ghr|github_pat|glpat|npm|pypi|hf|xox[abprs]|xapp|dop_v1|shpat|whsec|GOCSPX|SG|ya29|AGE-SECRET-KEY|AKIA|ASIA|AIza|eyJ)[A-Za-z0-9_.-]{12,}|[A-Za-z0-9_+=]{32,}",
        Options,
        Timeout.Infinite
    )]
    internal static partial Regex Tokens();

    [GeneratedRegex(
        "^(?:(?:sk|rk|pk|sess|glpat|pypi|xox[abprs]|xapp|GOCSPX|AGE-SECRET-KEY)-|(?:sk_live|sk_test|rk_live|rk_test|pk_live|rt|github_pat|dop_v1|shpat|whsec)_|(?:SG|ya29)\\.|AKIA|ASIA|AIza|eyJ)[A-Za-z0-9_.-]{12,}|^(?:gh[pousr]|npm|hf)_[A-Za-z0-9]{20,}",
        Options,
        Timeout.Infinite
    )]
    private static partial Regex KnownToken();
}
