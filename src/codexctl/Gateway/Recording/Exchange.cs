namespace Codexctl.Gateway.Recording;

/// <summary>One thing that went (or tried to go) through the door. Metadata only; bodies and secrets never.</summary>
public abstract record Exchange(DateTimeOffset At);

/// <summary>A request on the model route, written when it ended.</summary>
/// <param name="Kind">turn, compaction, title, catalog, list or refused.</param>
/// <param name="Status">The HTTP status that the box saw; 0 when it left first.</param>
/// <param name="Error">The reason in words when it failed or was refused.</param>
/// <param name="Context">The tokens that the model runs with; null where that is not known.</param>
public sealed record ModelCall(
    DateTimeOffset At,
    string Method,
    string Path,
    string Kind,
    string? Model,
    int Status,
    long? InputTokens,
    long? OutputTokens,
    TimeSpan? TimeToFirstByte,
    TimeSpan Duration,
    string? Error,
    long? Context = null
) : Exchange(At)
{
    /// <summary>The prompt filled the whole context: the server may have cut off its beginning, which it does not tell.</summary>
    public bool MayBeCut => Context is { } context && InputTokens >= context - context / 64;
}

/// <summary>A connection through the egress proxy, written when it ended (refused ones at once).</summary>
public sealed record EgressCall(
    DateTimeOffset At,
    string Host,
    int Port,
    bool Allowed,
    string? Reason,
    long BytesUp,
    long BytesDown,
    TimeSpan Duration
) : Exchange(At);

/// <summary>Takes exchanges; must not throw and must not wait.</summary>
public interface IExchangeSink
{
    void Add(Exchange exchange);
}
