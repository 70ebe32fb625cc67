using System.Text.Json.Serialization;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>What one model did in one session. Times in milliseconds; medians over its calls, where they are known.</summary>
/// <param name="TokensPerSecond">All output tokens over all the time that was spent on them.</param>
/// <param name="ContextUsed">The fullest that the context was, of 1.</param>
public sealed record ModelStats(
    string Session,
    string Container,
    string? Workdir,
    string Model,
    int Calls,
    int Failed,
    long InputTokens,
    long OutputTokens,
    double? FirstTokenMs,
    double? FirstTokenMaxMs,
    double? TokensPerSecond,
    double? ContextUsed,
    bool Complete
) : VersionedJson;

/// <summary>Counts records, by session and model.</summary>
public static class SessionStats
{
    public static async Task<IReadOnlyList<ModelStats>> ReadAsync(IEnumerable<LoggedSession> sessions, CancellationToken cancel)
    {
        var stats = new List<ModelStats>();
        foreach (var session in sessions)
        {
            var read = await RecordFile.ReadAsync(session.Record, cancel);
            stats.AddRange(
                read.Exchanges.OfType<ModelCall>()
                    .Where(call => call is { Kind: "turn" or "compaction", Model: not null })
                    .GroupBy(call => call.Model!, StringComparer.Ordinal)
                    .OrderBy(calls => calls.Key, StringComparer.Ordinal)
                    .Select(calls => Of(session, calls.Key, [.. calls], read.Complete))
            );
        }
        return stats;
    }

    private static ModelStats Of(LoggedSession session, string model, IReadOnlyList<ModelCall> calls, bool complete)
    {
        var first = calls.Select(call => call.TimeToFirstToken?.TotalMilliseconds).OfType<double>().Order().ToList();
        var timed = calls.Where(call => call.TokensPerSecond is not null).ToList();
        var seconds = timed.Sum(call => call.OutputTokens!.Value / call.TokensPerSecond!.Value);
        return new ModelStats(
            session.Id,
            session.Container,
            session.Workdir,
            model,
            calls.Count,
            calls.Count(call => call.Error is not null || call.Status is 0 or >= 400),
            calls.Sum(call => call.InputTokens ?? 0),
            calls.Sum(call => call.OutputTokens ?? 0),
            first.Count > 0 ? Math.Round(Median(first), 1) : null,
            first.Count > 0 ? Math.Round(first[^1], 1) : null,
            seconds > 0 ? Math.Round(timed.Sum(call => call.OutputTokens!.Value) / seconds, 1) : null,
            calls.Max(call => Conversation.Numbers(call).ContextUsed),
            complete
        );
    }

    private static double Median(List<double> sorted) =>
        sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(IReadOnlyList<ModelStats>))]
public sealed partial class StatsJson : JsonSerializerContext;
