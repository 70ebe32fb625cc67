using System.Globalization;
using System.Text;

namespace Codexctl.Settings;

/// <summary>What a setting holds.</summary>
public enum SettingKind
{
    Text,
    Flag,
    Number,
    List,
}

/// <summary>The value of a setting, already of the right kind.</summary>
/// <param name="Words">One word, but for lists.</param>
public sealed record SettingValue(SettingKind Kind, IReadOnlyList<string> Words)
{
    /// <summary>As a person writes it; the words of a list parted by spaces.</summary>
    public string Text => string.Join(' ', Words);

    public bool IsTrue => Kind == SettingKind.Flag && Words is ["true"];

    public static SettingValue Of(string text) => new(SettingKind.Text, [text]);

    public static SettingValue Of(bool on) => new(SettingKind.Flag, [on ? "true" : "false"]);

    public static SettingValue Of(params IReadOnlyList<string> words) => new(SettingKind.List, words);

    public bool Same(SettingValue? other) =>
        other is not null && Kind == other.Kind && Words.SequenceEqual(other.Words, StringComparer.Ordinal);

    /// <summary>As it stands in a settings file.</summary>
    public string ToToml() =>
        Kind switch
        {
            SettingKind.Flag or SettingKind.Number => Text,
            SettingKind.List => $"[{string.Join(", ", Words.Select(Quote))}]",
            _ => Quote(Text),
        };

    public static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            _ = c switch
            {
                '"' => quoted.Append("\\\""),
                '\\' => quoted.Append("\\\\"),
                _ when char.IsControl(c) => quoted.Append("\\u").Append(((int)c).ToString("X4", CultureInfo.InvariantCulture)),
                _ => quoted.Append(c),
            };
        }
        return quoted.Append('"').ToString();
    }
}
