using System.CommandLine;
using Codexctl.Gateway.Log;

namespace Codexctl.Commands;

/// <summary>`codexctl log rm SESSION…`: removes what was said and done in sessions; their receipts stay.</summary>
public static class LogRm
{
    public static Command Create(App app)
    {
        var wanted = new Argument<string[]>("SESSION")
        {
            Description = "The beginning of a session's name, or a container's name for all of its sessions",
            HelpName = "SESSION…",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("rm", "Remove sessions' records; receipts stay") { wanted };
        command.SetAction(parsed =>
        {
            var finder = new SessionFinder(app.Paths);
            var retention = new RecordRetention(finder, app.Clock);
            var going = parsed
                .GetRequiredValue(wanted)
                .SelectMany(one => Meant(finder, one))
                .DistinctBy(one => one.Id, StringComparer.Ordinal)
                .ToList();
            if (going.Find(retention.InUse) is { } live)
            {
                throw new UserError(
                    $"The session {live.Id} is still on, or may be.",
                    null,
                    live.IsFile ? "End its codexctl proxy first." : $"End its runs first, or: codexctl stop --name {live.Container}"
                );
            }
            var due = going.Select(one => new DueRecord(one, RecordRetention.BytesOf(one), "codexctl log rm")).ToList();
            due.ForEach(retention.Remove);
            LogPrune.Tell(app, due, only: false);
            return ExitCodes.Ok;
        });
        return command.WithExamples(
            ("codexctl log rm 1a2b3c4d", "Remove the record of a session"),
            ("codexctl log rm codex-app", "Remove all records of a container")
        );
    }

    private static IReadOnlyList<LoggedSession> Meant(SessionFinder finder, string wanted)
    {
        if (wanted.Contains('/', StringComparison.Ordinal) || wanted.EndsWith(".jsonl", StringComparison.Ordinal))
        {
            throw new UserError(
                $"{wanted} is a file of yours.",
                "This removes records by their sessions' names.",
                $"rm {wanted}",
                ExitCodes.Usage
            );
        }
        var ofContainer = finder.All().Where(session => session.Container == wanted).ToList();
        return ofContainer.Count > 0 ? ofContainer : [finder.Find(wanted, Log.Folder())];
    }
}
