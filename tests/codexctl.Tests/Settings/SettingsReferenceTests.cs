using System.Runtime.CompilerServices;
using Codexctl.Settings;

namespace Codexctl.Tests.Settings;

public class SettingsReferenceTests
{
    private const string Begin = "<!-- begin: made by `codexctl config reference` -->\n";
    private const string End = "<!-- end -->";

    [Fact]
    public void The_reference_in_the_docs_is_what_the_table_says()
    {
        var docs = File.ReadAllText(Docs());
        var start = docs.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;

        docs[start..docs.IndexOf(End, StringComparison.Ordinal)].ShouldBe(SettingsReference.Markdown());
    }

    [Fact]
    public void Every_setting_has_a_help_a_right_default_and_a_name_of_its_own()
    {
        SettingsTable.All.Select(setting => setting.Name).ShouldBeUnique();
        SettingsTable.All.SelectMany(setting => setting.Variables).ShouldBeUnique();
        foreach (var setting in SettingsTable.All)
        {
            setting.Help.ShouldNotBeNullOrWhiteSpace(setting.Name);
            (setting.Default?.Kind ?? setting.Kind).ShouldBe(setting.Kind, setting.Name);
            (setting.Default is { } value ? setting.ProblemWith(value) : null).ShouldBeNull(setting.Name);
        }
    }

    private static string Docs([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../docs/settings.md"));
}
