using System.Text;

namespace Codexctl.Settings;

/// <summary>The reference of all settings, made from the table.</summary>
public static class SettingsReference
{
    /// <summary>A Markdown table.</summary>
    public static string Markdown()
    {
        var text = new StringBuilder(
            "| setting | what it is | default | variable | in an untrusted project file |\n|---|---|---|---|---|\n"
        );
        foreach (var setting in SettingsTable.All)
        {
            var name = setting.Name.Replace("*", "NAME", StringComparison.Ordinal);
            var kind = setting.Kind switch
            {
                SettingKind.Flag => "true or false",
                SettingKind.Number => "number",
                SettingKind.List => "list of texts",
                _ when setting.Choices.Count > 0 => string.Join(", ", setting.Choices.Select(choice => $"`{choice}`")),
                _ => "text",
            };
            var value = setting.Default is { } usual ? $"`{usual.ToToml()}`" : setting.DefaultWords ?? "none";
            var variables = string.Join(", ", setting.Variables.Select(variable => $"`{variable}`"));
            text.Append($"| `{name}` | {setting.Help} ({kind}) | {value} | {variables} | {setting.Project} |\n");
        }
        return text.ToString();
    }
}
