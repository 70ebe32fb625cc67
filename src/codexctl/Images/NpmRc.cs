using System.Text;
using System.Text.RegularExpressions;

namespace Codexctl.Images;

/// <summary>Reads npm's settings files and variables, as npm does: `key = value` lines, `key[]` lists, ${VARIABLES}.</summary>
internal static partial class NpmRc
{
    private const string VariablePrefix = "npm_config_";

    /// <summary>Adds the settings of a file's text. A key that is there already stays: the first source wins.</summary>
    public static void AddFile(Dictionary<string, string> settings, string text, IReadOnlyDictionary<string, string> environment)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var raw in text.Split('\n'))
        {
            var line = raw.Trim();
            if (line.Length == 0 || line[0] is ';' or '#')
            {
                continue;
            }
            if (line[0] == '[')
            {
                // npm has no sections; what follows one is not ours.
                break;
            }
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            var key = Expand(Unquote((equals < 0 ? line : line[..equals]).Trim()), environment);
            var value = equals < 0 ? "true" : Expand(Unquote(line[(equals + 1)..].Trim()), environment);
            if (key.EndsWith("[]", StringComparison.Ordinal))
            {
                key = key[..^2];
                value = found.TryGetValue(key, out var earlier) ? earlier + "\n" + value : value;
            }
            found[key] = value;
        }
        foreach (var (key, value) in found)
        {
            settings.TryAdd(key, value);
        }
    }

    /// <summary>Adds what variables such as `npm_config_registry` (any case) say.</summary>
    public static void AddVariables(Dictionary<string, string> settings, IReadOnlyDictionary<string, string> environment)
    {
        // Lower case first: it is what npm itself exports.
        foreach (var (name, value) in environment.OrderByDescending(pair => pair.Key, StringComparer.Ordinal))
        {
            if (value.Length > 0 && name.StartsWith(VariablePrefix, StringComparison.OrdinalIgnoreCase))
            {
                var key = name[VariablePrefix.Length..];
                if (!key.StartsWith("//", StringComparison.Ordinal) && key.Length > 0)
                {
                    key = (key[..1] + key[1..].Replace('_', '-')).ToLowerInvariant();
                }
                settings.TryAdd(key, value);
            }
        }
    }

    private static string Unquote(string text)
    {
        if (text.Length < 2 || text[0] != text[^1] || text[0] is not ('"' or '\''))
        {
            return StripComment(text);
        }
        var inner = text[1..^1];
        if (text[0] == '\'' || !inner.Contains('\\', StringComparison.Ordinal))
        {
            return inner;
        }
        var plain = new StringBuilder(inner.Length);
        for (var i = 0; i < inner.Length; i++)
        {
            if (inner[i] != '\\' || i + 1 == inner.Length)
            {
                plain.Append(inner[i]);
                continue;
            }
            i++;
            plain.Append(
                inner[i] switch
                {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    var other => other,
                }
            );
        }
        return plain.ToString();
    }

    private static string StripComment(string text)
    {
        var end = text.AsSpan().IndexOfAny(';', '#');
        return end < 0 || (end > 0 && text[end - 1] == '\\') ? text.Replace("\\;", ";").Replace("\\#", "#") : text[..end].TrimEnd();
    }

    /// <summary>${NAME} becomes the variable's value, ${NAME-text} the text where it is unset; an unknown ${NAME} stays as it is.</summary>
    private static string Expand(string text, IReadOnlyDictionary<string, string> environment) =>
        Variable()
            .Replace(
                text,
                match =>
                    environment.TryGetValue(match.Groups["name"].Value, out var value) ? value
                    : match.Groups["fallback"].Success ? match.Groups["fallback"].Value
                    : match.Groups["optional"].Success ? ""
                    : match.Value
            );

    [GeneratedRegex(@"(?<!\\)\$\{(?<name>[^${}?-]+)(?:(?<optional>\?)|-(?<fallback>[^}]*))?\}", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Variable();
}
