using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Codexctl.Gateway.Log;

namespace Codexctl.Commands;

/// <summary>`codexctl stats`: how fast the models were, and how much they said.</summary>
public static class Stats
{
    public static Command Create(App app)
    {
        var command = new Command("stats", "Show tokens, time to first token and tokens per second, by model and session");
        var wanted = Log.SessionArgument();
        wanted.Description = "A container, or the beginning of a session's name (default: all of this folder)";
        var json = Log.Flag("--json", "As JSON");
        var all = Log.Flag("--all", "Of every folder");
        command.Arguments.Add(wanted);
        command.Options.Add(json);
        command.Options.Add(all);
        command.SetAction((parsed, cancel) => RunAsync(app, parsed.GetValue(wanted), parsed.GetValue(all), parsed.GetValue(json), cancel));
        return command.WithExamples(
            ("codexctl stats", "The models' speed in this folder's sessions"),
            ("codexctl stats --json", "For programs")
        );
    }

    private static async Task<int> RunAsync(App app, string? wanted, bool all, bool json, CancellationToken cancel)
    {
        var finder = new SessionFinder(app.Paths);
        var folder = Log.Folder();
        var sessions = wanted is not null
            ? finder.All().Where(session => session.Container == wanted).ToList() is { Count: > 0 } ofContainer
                ? ofContainer
                : [finder.Find(wanted, folder)]
            : all
                ? finder.All()
                : finder.OfFolder(folder);
        var stats = await SessionStats.ReadAsync(sessions, cancel);
        if (json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize(stats, StatsJson.Default.IReadOnlyListModelStats));
            return ExitCodes.Ok;
        }
        if (stats.Count == 0)
        {
            app.Terminal.Say("no model call is recorded here yet.");
            return ExitCodes.Ok;
        }
        Terminal.Table.Write(
            app.Terminal,
            app.Terminal.DrawsOutput,
            ["SESSION", "MODEL", "CALLS", "FAILED", "IN", "OUT", "FIRST TOKEN", "TOKENS/S", "CONTEXT", "STATE"],
            [.. stats.Select(Row)]
        );
        return ExitCodes.Ok;
    }

    private static IReadOnlyList<string> Row(ModelStats stats) =>
        [
            stats.Session,
            stats.Model,
            Text(stats.Calls),
            Text(stats.Failed),
            Text(stats.InputTokens),
            Text(stats.OutputTokens),
            stats.FirstTokenMs is { } first ? string.Create(CultureInfo.InvariantCulture, $"{first:N0} ms") : "-",
            stats.TokensPerSecond is { } rate ? string.Create(CultureInfo.InvariantCulture, $"{rate:0.0}") : "-",
            stats.ContextUsed is { } used ? string.Create(CultureInfo.InvariantCulture, $"{used * 100:0} %") : "-",
            stats.Complete ? "complete" : "incomplete",
        ];

    private static string Text(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
