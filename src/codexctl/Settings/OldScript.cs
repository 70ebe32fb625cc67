using System.Text.RegularExpressions;

namespace Codexctl.Settings;

/// <summary>A constant of the shell script that codexctl follows on.</summary>
/// <param name="Setting">Its plain name here.</param>
/// <param name="Value">Null when it cannot be taken; <paramref name="Problem"/> says why then.</param>
/// <param name="Line">Counted from 1.</param>
public sealed record OldConstant(string Name, Setting Setting, SettingValue? Value, string? Problem, int Line);

/// <summary>Reads the constants that people edit at the head of the shell script `codexctl`. Nothing of it is run.</summary>
public static partial class OldScript
{
    /// <summary>The script had 812 lines.</summary>
    public const int Largest = 1 << 20;

    private static readonly string[] _names =
    [
        "DEFAULT_IMAGE",
        "DEFAULT_NAME_PREFIX",
        "AUTH_NAME_PREFIX",
        "DEFAULT_SHELL",
        "DEFAULT_CODEX_PROFILE",
        "DEFAULT_CODEX_CMD",
    ];

    /// <summary>The first assignment of each.</summary>
    public static IReadOnlyList<OldConstant> Read(string text)
    {
        var found = new List<OldConstant>();
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var match = Assignment().Match(lines[i]);
            var name = match.Groups["name"].Value;
            if (match.Success && _names.Contains(name, StringComparer.Ordinal) && found.All(other => other.Name != name))
            {
                found.Add(Constant(name, match.Groups["value"].Value.Trim(), text, i + 1));
            }
        }
        return found;
    }

    private static OldConstant Constant(string name, string written, string text, int line)
    {
        var setting = SettingsTable.Find(name.ToLowerInvariant())!;
        var words = Words(written);
        if (words is null)
        {
            return new(name, setting, null, "it is put together when the script runs", line);
        }
        if (setting.Kind == SettingKind.List)
        {
            words = [.. words.SelectMany(word => word.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        }
        else if (words.Count != 1)
        {
            return new(name, setting, null, "it is a list, and one value is needed", line);
        }
        else if (setting.Name.EndsWith("_prefix", StringComparison.Ordinal) && Joins(text, name) && !words[0].EndsWith('-'))
        {
            // The script puts the dash between prefix and folder itself.
            words = [words[0] + "-"];
        }
        var (value, problem) = setting.Read(words);
        return new(name, setting, value, problem, line);
    }

    private static bool Joins(string text, string name) =>
        text.Contains($"${{{name}}}-", StringComparison.Ordinal) || text.Contains($"${name}-", StringComparison.Ordinal);

    /// <summary>The words of a plain value or an array; null when the shell would have to work them out.</summary>
    private static List<string>? Words(string written)
    {
        if (written.StartsWith('('))
        {
            var end = written.IndexOf(')', StringComparison.Ordinal);
            var words = new List<string>();
            for (var rest = end < 0 ? "$" : written[1..end].Trim(); rest.Length > 0; )
            {
                if (Word(rest, out var length) is not { } word)
                {
                    return null;
                }
                words.Add(word);
                rest = rest[length..].TrimStart();
            }
            return words;
        }
        return Word(written, out var used) is { } one && written[used..].TrimStart() is "" or ['#' or ';', ..] ? [one] : null;
    }

    private static string? Word(string text, out int length)
    {
        var match = OneWord().Match(text);
        length = match.Length;
        return match.Success ? match.Groups["word"].Value : null;
    }

    [GeneratedRegex(
        @"^\s*((export|readonly|declare(\s+-\w+)*|typeset(\s+-\w+)*)\s+)?(?<name>[A-Z_]+)=(?<value>.*)$",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Assignment();

    // "${OTHER:-value}" is what the script does where a variable may win; then plain text in both quotes, and without.
    [GeneratedRegex(
        @"\A(""\$\{\w+:-(?<word>[^""'$`\\}]*)\}""|\$\{\w+:-(?<word>[^""'$`\\}\s]*)\}|""(?<word>[^""$`\\]*)""|'(?<word>[^']*)'|(?<word>[^""'$`\\\s()#;&|<>*?~]+))(?=\s|\z|;)",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex OneWord();
}
