using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>Changes settings files for the person: one at a time, as a whole, and only to what can be understood.</summary>
internal static class SettingsChange
{
    /// <summary>Adds to the allow list that is kept, for every project or for this one.</summary>
    /// <returns>The file that has it now.</returns>
    public static string AddAllow(App app, string entry, bool project)
    {
        _ = Policy.AllowList.Parse([entry]);
        return Write(app, project, (path, text) => SettingsEditor.Add(path, text, ["allow"], entry));
    }

    /// <summary>Changes the user's or the project's file; a project file that was approved, or is new, is approved as it is then.</summary>
    /// <param name="edit">From path and text to the new text; null changes nothing.</param>
    /// <returns>The file.</returns>
    public static string Write(App app, bool project, Func<string, string, string?> edit)
    {
        Paths.MakeOwn(app.Paths.State);
        using var alone = FileLock.Take(app.Paths.SettingsLock);
        if (!project)
        {
            // A link into somebody's dotfiles stays one.
            var path = Libc.ResolvePath(app.Paths.ConfigFile) ?? app.Paths.ConfigFile;
            var text = SettingsFile.ReadText(path) ?? "";
            if (edit(app.Paths.ConfigFile, text) is { } changed && changed != text)
            {
                PrivateFile.Change(path, System.Text.Encoding.UTF8.GetBytes(changed));
            }
            return app.Paths.ConfigFile;
        }
        var file = Path.Combine(app.Folder, ProjectFile.FileName);
        var trust = app.SettingsLoader.Trust;
        var content = UntrustedFile.Read(file, ProjectFile.Largest);
        var approved = content is null || trust.Trusts(file, content);
        var before = content is null ? "" : UntrustedFile.Text(file, content);
        if (edit(file, before) is { } after && after != before)
        {
            // A rename puts the file in the place of whatever is there by now: it never goes through a link.
            var bytes = System.Text.Encoding.UTF8.GetBytes(after);
            PrivateFile.Replace(file, bytes, content is null ? (UnixFileMode)0b110_100_100 : PrivateFile.ModeOf(file));
            if (approved)
            {
                trust.Trust(file, bytes);
            }
        }
        return file;
    }
}
