using System.Text.Json.Nodes;

namespace Codexctl.Gateway.Recording;

/// <summary>One thing that went (or tried to go) through the door, or a mark in its record. Secrets never.</summary>
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
    string? Error
) : Exchange(At)
{
    /// <summary>Joins it with its <see cref="CallStart"/> and bodies; null for requests that never got as far as the model.</summary>
    public long? Id { get; init; }

    /// <summary>From the request to the first word, thought or tool call; null where none came.</summary>
    public TimeSpan? TimeToFirstToken { get; init; }

    /// <summary>How long the server says that it generated; null where it does not.</summary>
    public TimeSpan? Generation { get; init; }

    /// <summary>The tokens that the model takes at most, where known.</summary>
    public long? Context { get; init; }

    /// <summary>The prompt filled the whole context: the server may have cut off its beginning, which it does not tell.</summary>
    public bool MayBeCut => Context is { } context && InputTokens >= context - context / 64;

    /// <summary>Output tokens a second while it generated; null where that cannot be told, also of answers that came in one piece.</summary>
    public double? TokensPerSecond
    {
        get
        {
            var time = Generation ?? (TimeToFirstToken is { } first ? Duration - first : null);
            return OutputTokens > 0 && time is { TotalMilliseconds: >= 20 } span ? OutputTokens.Value / span.TotalSeconds : null;
        }
    }
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

/// <summary>A request is on its way to the model. A life's <see cref="ModelCall"/> with the same id tells how it ended.</summary>
public sealed record CallStart(DateTimeOffset At, long Id, string Method, string Path, string Kind, string? Model) : Exchange(At);

/// <summary>Bytes of a body as they came by; the recorder makes the three kinds below of them. Never written as it is.</summary>
/// <param name="Since">Since the request came.</param>
/// <param name="Headers">Of the request, secrets and all; only with it.</param>
public sealed record CallBytes(DateTimeOffset At, long Id, TimeSpan Since, bool IsRequest, byte[] Bytes) : Exchange(At)
{
    public string Path { get; init; } = "";
    public IReadOnlyList<KeyValuePair<string, string>>? Headers { get; init; }
    public int Status { get; init; }
    public string? ContentType { get; init; }
}

/// <summary>A request's headers and body, with secrets taken out.</summary>
public sealed record CallRequest(DateTimeOffset At, long Id, IReadOnlyList<KeyValuePair<string, string>> Headers, BodyData Body)
    : Exchange(At);

/// <summary>The answer has begun.</summary>
public sealed record CallAnswer(DateTimeOffset At, long Id, TimeSpan Since, int Status, string? ContentType) : Exchange(At);

/// <summary>One event of a stream, one line of NDJSON, or the whole body of an answer that is no stream.</summary>
/// <param name="Event">The event's name, where it differs from its data's `type`.</param>
public sealed record CallPart(DateTimeOffset At, long Id, TimeSpan Since, string? Event, BodyData Data) : Exchange(At);

/// <summary>From here on a call's bodies are not recorded.</summary>
public sealed record CallCut(DateTimeOffset At, long Id, string Reason) : Exchange(At);

/// <summary>A gateway begins (or goes on with) a record.</summary>
public sealed record SessionStart(DateTimeOffset At, SessionInfo Info, int Part, bool Again, bool Bodies) : Exchange(At)
{
    /// <summary>SHA-256 (hex) of the part before.</summary>
    public string? Previous { get; init; }
}

/// <summary>The gateway ended in order.</summary>
public sealed record SessionEnd(DateTimeOffset At) : Exchange(At);

/// <summary>The recording of bodies was switched on, or off for a reason.</summary>
public sealed record BodiesSwitched(DateTimeOffset At, bool On, string? Reason) : Exchange(At);

/// <summary>What a record is of. What is not known is null.</summary>
public sealed record SessionInfo(
    string? Session = null,
    string? Engine = null,
    string? Container = null,
    string? Workdir = null,
    string? Server = null
);

/// <summary>JSON where it was JSON, else text.</summary>
public sealed record BodyData(JsonNode? Json, string? Text)
{
    public static BodyData Empty { get; } = new(null, "");

    /// <summary>As it was (but for white space).</summary>
    public override string ToString() => Text ?? Json?.ToJsonString(RecordLine.Relaxed) ?? "null";
}

/// <summary>Takes exchanges; must not throw and must not wait.</summary>
public interface IExchangeSink
{
    /// <summary>Whether <see cref="CallBytes"/> are wanted; asked once a request.</summary>
    bool WantsBodies => false;

    /// <summary>
    /// Asked before a request is served: waits while there is no room for what it will add, but not for long. So a box cannot end the recording by
    /// asking faster than can be written.
    /// </summary>
    ValueTask ReadyAsync(CancellationToken cancel) => default;

    void Add(Exchange exchange);
}
