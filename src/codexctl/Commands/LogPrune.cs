using System.CommandLine;
using Codexctl.Gateway.Log;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl log prune`: old records go now, as they do by themselves.</summary>
public static class LogPrune
{
    public static Command Create(App app)
    {
        var keep = new Option<string?>("--keep")
        {
            Description = "Remove records to which nothing was added for longer (default: the setting record_keep)",
            HelpName = "90d|12w|36h|forever",
        };
        var size = new Option<string?>("--max-size")
        {
            Description = "Remove the oldest until all together are no larger (default: the setting record_max_size)",
            HelpName = "SIZE",
        };
        var dryRun = Log.Flag("--dry-run", "Only say what would go");
        var command = new Command("prune", "Remove old records of every folder; receipts stay, and sessions that are on")
        {
            keep,
            size,
            dryRun,
        };
        command.SetAction(parsed =>
        {
            var retention = new RecordRetention(new SessionFinder(app.Paths), app.Clock);
            var rule = Rule(app, parsed.GetValue(keep), parsed.GetValue(size));
            var only = parsed.GetValue(dryRun);
            Tell(app, only ? retention.Due(rule) : retention.Apply(rule), only);
            return ExitCodes.Ok;
        });
        return command.WithExamples(
            ("codexctl log prune --dry-run", "See which records would go by the settings"),
            ("codexctl log prune --keep 30d --max-size 1G", "Keep a month, and a gigabyte at most")
        );
    }

    /// <summary>The person's settings, but for what was typed.</summary>
    internal static RetentionRule Rule(App app, string? keep = null, string? size = null) =>
        new(keep is null ? app.Settings.RecordKeep : Sizes.Time(keep), size is null ? app.Settings.RecordMaxSize : Sizes.Storage(size));

    internal static void Tell(App app, IReadOnlyList<DueRecord> due, bool only)
    {
        foreach (var one in due)
        {
            app.Terminal.WriteLine($"{one.Session.Id}\t{one.Session.Container}\t{RecordRetention.Words(one.Bytes)}\t{one.Reason}");
        }
        var count = $"{due.Count} record{(due.Count == 1 ? "" : "s")} ({RecordRetention.Words(due.Sum(one => one.Bytes))})";
        app.Terminal.Say(
            due.Count == 0 ? "nothing to remove." : $"{count} {(only ? "would be removed" : "removed; their receipts stay")}."
        );
    }
}
