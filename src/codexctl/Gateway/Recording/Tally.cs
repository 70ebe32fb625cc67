using System.Collections.Immutable;

namespace Codexctl.Gateway.Recording;

/// <summary>Counts at one moment. The difference of two is what happened between them.</summary>
/// <param name="Reached">Connections by host (`host`, or `host:port` where the port is not the web's).</param>
/// <param name="Refused">Refusals, likewise.</param>
public sealed record TallySnapshot(
    long ModelCalls,
    long InputTokens,
    long OutputTokens,
    long RefusedModelCalls,
    ImmutableSortedDictionary<string, long> Reached,
    ImmutableSortedDictionary<string, long> Refused,
    long CutPrompts = 0
)
{
    public static TallySnapshot Zero { get; } =
        new(
            0,
            0,
            0,
            0,
            ImmutableSortedDictionary.Create<string, long>(StringComparer.Ordinal),
            ImmutableSortedDictionary.Create<string, long>(StringComparer.Ordinal)
        );

    public TallySnapshot Since(TallySnapshot before) =>
        new(
            ModelCalls - before.ModelCalls,
            InputTokens - before.InputTokens,
            OutputTokens - before.OutputTokens,
            RefusedModelCalls - before.RefusedModelCalls,
            Minus(Reached, before.Reached),
            Minus(Refused, before.Refused),
            CutPrompts - before.CutPrompts
        );

    private static ImmutableSortedDictionary<string, long> Minus(
        ImmutableSortedDictionary<string, long> now,
        ImmutableSortedDictionary<string, long> before
    ) =>
        now.Select(pair => KeyValuePair.Create(pair.Key, pair.Value - before.GetValueOrDefault(pair.Key)))
            .Where(pair => pair.Value != 0)
            .ToImmutableSortedDictionary(StringComparer.Ordinal);
}

/// <summary>Counts what goes through the door, for receipts. Safe from any thread; its memory is bounded whatever the box asks for.</summary>
public sealed class Tally : IExchangeSink
{
    /// <summary>Different hosts that are told apart; the rest is counted together.</summary>
    internal const int MostHosts = 1000;

    internal const string OtherHosts = "(others)";
    internal const string Unreadable = "(unreadable request)";

    private readonly Lock _lock = new();
    private TallySnapshot _now = TallySnapshot.Zero;

    public void Add(Exchange exchange)
    {
        lock (_lock)
        {
            _now = exchange switch
            {
                ModelCall { Kind: "refused" } => _now with { RefusedModelCalls = _now.RefusedModelCalls + 1 },
                ModelCall call => _now with
                {
                    // Titles, catalogues and lists are answered by the gateway: no model was asked.
                    ModelCalls = _now.ModelCalls + (call.Kind is "turn" or "compaction" ? 1 : 0),
                    InputTokens = _now.InputTokens + (call.InputTokens ?? 0),
                    OutputTokens = _now.OutputTokens + (call.OutputTokens ?? 0),
                    CutPrompts = _now.CutPrompts + (call.MayBeCut ? 1 : 0),
                },
                EgressCall { Allowed: false } call => _now with { Refused = Count(_now.Refused, call) },
                // Allowed, but no connection came about.
                EgressCall { Reason: not null, BytesUp: 0, BytesDown: 0 } => _now,
                EgressCall call => _now with { Reached = Count(_now.Reached, call) },
                _ => _now,
            };
        }
    }

    public TallySnapshot Snapshot()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    private static ImmutableSortedDictionary<string, long> Count(ImmutableSortedDictionary<string, long> counts, EgressCall call)
    {
        var host = Redaction.Text(call.Host);
        var key =
            host.Length == 0 ? Unreadable
            : call.Port is 443 or 80 or 0 ? host
            : $"{host}:{call.Port}";
        if (counts.Count >= MostHosts && !counts.ContainsKey(key))
        {
            key = OtherHosts;
        }
        return counts.SetItem(key, counts.GetValueOrDefault(key) + 1);
    }
}
