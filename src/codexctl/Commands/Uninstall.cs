using System.CommandLine;

namespace Codexctl.Commands;

/// <summary>`codexctl uninstall`: shows what codexctl made on this machine, and removes it.</summary>
public static class Uninstall
{
    public static Command Create(App app)
    {
        var purge = new Option<bool>("--purge") { Description = "Also recordings, receipts, settings and the stored login" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only show what would go and what would stay" };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask" };
        var image = new Option<string[]>("--image")
        {
            Description = "Of the images only this one; can be repeated (default: all that codexctl built)",
            HelpName = "NAME",
        }.CompleteImages(app);
        var command = new Command("uninstall", "Remove everything that codexctl made: containers, images, state, cache")
        {
            purge,
            dryRun,
            yes,
            image,
        };
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    app,
                    parsed.GetValue(purge),
                    parsed.GetValue(dryRun),
                    parsed.GetValue(yes),
                    parsed.GetValue(image) is { Length: > 0 } named ? named : null,
                    cancel
                )
        );
        return command.WithExamples(
            ("codexctl uninstall --dry-run", "See what would go and what would stay"),
            ("codexctl uninstall", "Remove all but recordings, receipts, settings and the login"),
            ("codexctl uninstall --purge --yes", "Remove these too, without a question")
        );
    }

    private static async Task<int> RunAsync(
        App app,
        bool purge,
        bool dryRun,
        bool yes,
        IReadOnlyList<string>? images,
        CancellationToken cancel
    )
    {
        var removal = await Removal.FindAsync(app, purge, images, cancel);
        foreach (var thing in removal.Things)
        {
            app.Terminal.WriteLine($"remove  {thing.What}");
        }
        foreach (var (what, how) in removal.Kept)
        {
            app.Terminal.WriteLine($"keep    {what}{(how is null ? "" : $"  ({how})")}");
        }
        if (dryRun)
        {
            return Tell(app, removal.Problems);
        }
        if (removal.Things.Count == 0)
        {
            app.Terminal.Say("there is nothing to remove.");
            return Tell(app, removal.Problems);
        }
        if (!yes)
        {
            if (!app.Terminal.ReadsFromPerson)
            {
                throw new UserError(
                    "Nothing was removed.",
                    "Nobody is there who could be asked.",
                    "If the list is right: codexctl uninstall --yes",
                    ExitCodes.Failed
                );
            }
            if (!app.Terminal.Ask("Remove all that?"))
            {
                app.Terminal.Say("nothing was removed.");
                return ExitCodes.Failed;
            }
        }
        List<string> problems = [.. removal.Problems];
        foreach (var thing in removal.Things)
        {
            try
            {
                await thing.RemoveAsync(cancel);
            }
            catch (Exception error) when (error is UserError or ProcessError or IOException or UnauthorizedAccessException)
            {
                problems.Add($"{thing.What}: {error.Message}");
            }
        }
        if (problems.Count == 0)
        {
            app.Terminal.Say(
                "done. The program itself goes the way it came: sudo apt remove codexctl, brew uninstall codexctl, dotnet tool uninstall --global codexctl, sh install.sh --uninstall."
            );
        }
        return Tell(app, problems);
    }

    private static int Tell(App app, IReadOnlyList<string> problems)
    {
        if (problems.Count == 0)
        {
            return ExitCodes.Ok;
        }
        app.Terminal.Fail(
            "Not everything could be done.",
            string.Join('\n', problems),
            "Mend that, then run codexctl uninstall again: it goes on where it stopped."
        );
        return ExitCodes.Failed;
    }
}
