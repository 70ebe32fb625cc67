using System.CommandLine;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl trust`: approves what the project's own settings file says, as it is now.</summary>
public static class Trust
{
    public static Command Create(App app)
    {
        var show = new Option<bool>("--show") { Description = "Only show what the file would change" };
        var revoke = new Option<bool>("--revoke") { Description = "Take the approval back" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var workdir = new Option<string?>("--workdir")
        {
            Description = "The project's folder (default: the current one)",
            HelpName = "PATH",
        };
        var command = new Command("trust", $"Approve the project's own settings ({ProjectFile.FileName}), after seeing what they change")
        {
            show,
            revoke,
            yes,
            workdir,
        };
        command.SetAction(parsed => RunAsync(app, parsed.GetValue(show), parsed.GetValue(revoke), parsed.GetValue(yes)));
        return command.WithExamples(
            ("codexctl trust --show", "See what the project's settings would change"),
            ("codexctl trust", "Approve them as they are now"),
            ("codexctl trust --revoke", "Take that back")
        );
    }

    private static int RunAsync(App app, bool show, bool revoke, bool yes)
    {
        var trust = app.SettingsLoader.Trust;
        if (revoke)
        {
            using var alone = Alone(app);
            var path = Path.Combine(app.Folder, ProjectFile.FileName);
            app.Terminal.Say(trust.Revoke(path) ? $"{path} is no longer trusted." : $"{path} was not trusted.");
            return ExitCodes.Ok;
        }
        // Read once: what is shown is what is approved.
        var project = app.Settings.Project;
        if (project.Content is not { } content)
        {
            throw new UserError($"There is no {project.Path}.", "A project's own settings would be there.", null);
        }
        Show(app, project);
        if (show)
        {
            return ExitCodes.Ok;
        }
        if (project.Trusted)
        {
            app.Terminal.Say("it is trusted already.");
            return ExitCodes.Ok;
        }
        if (!yes && !app.Terminal.IsInteractive)
        {
            throw new UserError(
                "Nothing was trusted.",
                "Nobody is there who could have seen it and be asked.",
                "If what is shown is right: codexctl trust --yes",
                ExitCodes.Failed
            );
        }
        if (!yes && !app.Terminal.Ask("Trust it?"))
        {
            app.Terminal.Say("not trusted.");
            return ExitCodes.Failed;
        }
        using (Alone(app))
        {
            trust.Trust(project.Path, content);
        }
        app.Terminal.Say("trusted, until it changes. codexctl trust --revoke takes that back.");
        return ExitCodes.Ok;
    }

    /// <summary>Two that change the approvals at once would lose one of them, perhaps what was taken back.</summary>
    private static FileLock Alone(App app)
    {
        Paths.MakeOwn(app.Paths.State);
        return FileLock.Take(app.Paths.SettingsLock);
    }

    private static void Show(App app, ProjectFile project)
    {
        var state =
            project.Trusted ? "trusted"
            : project.TrustedBefore ? "changed since you trusted it"
            : "not trusted";
        app.Terminal.WriteLine($"{Shown.Text(project.Path)} ({state})");
        if (project.Changes.Count == 0)
        {
            app.Terminal.WriteLine("  It sets nothing.");
        }
        foreach (var change in project.Changes)
        {
            var meaning = change.Effect switch
            {
                Effect.Loosens => "  ! loosens",
                Effect.Tightens => "    tightens",
                _ => "    changes",
            };
            var before = change.Before is { } value ? Shown.Text(value.ToToml(), whole: true) : "not set";
            // Shown whole, however long: what is cut off is what somebody would hide.
            // In quotes, so that one entry does not pass for two.
            var after = Shown.Text(change.Entry.Value.ToToml(), whole: true);
            app.Terminal.WriteLine($"{meaning}  {Shown.Text(change.Entry.Name)}: {before} → {after}");
        }
    }
}
