namespace Codexctl.Settings;

/// <summary>Puts the settings together: environment over project over user over default.</summary>
public sealed class SettingsLoader(HostEnvironment environment, Paths paths)
{
    public TrustStore Trust { get; } = new(paths);

    /// <param name="folder">The folder that a run would mount, resolved: its project file counts.</param>
    /// <exception cref="UserError">The user's file or a variable is wrong. A wrong project file is told in <see cref="CodexctlSettings.Project"/>.</exception>
    public CodexctlSettings Load(string folder)
    {
        var values = new Dictionary<string, ResolvedSetting>(StringComparer.Ordinal);
        foreach (var setting in SettingsTable.All.Where(setting => !setting.IsPattern))
        {
            values[setting.Name] = new ResolvedSetting(setting, setting.Name, setting.Default, SettingOrigin.Default);
        }
        foreach (var entry in User()?.Entries ?? [])
        {
            Put(entry, new SettingOrigin(OriginKind.User, paths.ConfigFile, entry.Line));
        }
        var project = ProjectFile.Read(folder, values, Trust);
        foreach (var entry in project.Counting)
        {
            Put(entry, new SettingOrigin(OriginKind.Project, project.Path, entry.Line));
        }
        foreach (var setting in SettingsTable.All)
        {
            if (setting.Variables.FirstOrDefault(name => environment[name] is not null) is { } variable)
            {
                values[setting.Name] = values[setting.Name] with
                {
                    Value = FromVariable(setting, variable),
                    Origin = new SettingOrigin(OriginKind.Environment, variable),
                };
            }
        }
        return new CodexctlSettings(values, paths.ConfigFile, project);

        void Put(SettingEntry entry, SettingOrigin origin) =>
            values[entry.Name] = new ResolvedSetting(entry.Setting, entry.Name, entry.Value, origin);
    }

    /// <summary>The user's file; null when there is none.</summary>
    /// <exception cref="UserError">It cannot be read or understood.</exception>
    public SettingsFile? User() => SettingsFile.ReadText(paths.ConfigFile) is { } text ? SettingsFile.Parse(paths.ConfigFile, text) : null;

    private static string Sentence(string text) => text is [.., '.' or '?'] ? text : $"{text}.";

    private SettingValue FromVariable(Setting setting, string variable)
    {
        var text = environment[variable]!;
        var (value, problem) = setting.Read([text]);
        return value
            ?? throw new UserError(
                $"The variable {variable} cannot be {Shown.Text(text)}: {Sentence(problem!)}",
                null,
                $"Correct it, or take it away: unset {variable}",
                ExitCodes.Usage
            );
    }
}
