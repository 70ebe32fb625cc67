using System.Text.Json.Serialization;

namespace Codexctl.Gateway.Log;

/// <summary>What a person sees of a session, in the order in which it happened.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ConversationKind>))]
public enum ConversationKind
{
    /// <summary>A gateway begins, or goes on after one that was killed.</summary>
    [JsonStringEnumMemberName("session")]
    Session,

    /// <summary>The gateway ended in order.</summary>
    [JsonStringEnumMemberName("end")]
    End,

    /// <summary>A request to the model begins.</summary>
    [JsonStringEnumMemberName("call")]
    Call,

    /// <summary>What the person (or Codex for them) said.</summary>
    [JsonStringEnumMemberName("user")]
    User,

    /// <summary>Instructions: system and developer messages.</summary>
    [JsonStringEnumMemberName("instructions")]
    Instructions,

    /// <summary>An answer of the model that was said before the record began.</summary>
    [JsonStringEnumMemberName("assistant")]
    Assistant,

    /// <summary>What a tool gave back.</summary>
    [JsonStringEnumMemberName("toolOutput")]
    ToolOutput,

    /// <summary>A piece of reasoning.</summary>
    [JsonStringEnumMemberName("reasoning")]
    Reasoning,

    /// <summary>A piece of the answer.</summary>
    [JsonStringEnumMemberName("answer")]
    Answer,

    /// <summary>A whole tool call.</summary>
    [JsonStringEnumMemberName("toolCall")]
    ToolCall,

    [JsonStringEnumMemberName("error")]
    Error,

    /// <summary>A call is over; its numbers.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>A call that no gateway saw the end of.</summary>
    [JsonStringEnumMemberName("lost")]
    Lost,

    /// <summary>A host that the egress proxy refused.</summary>
    [JsonStringEnumMemberName("refused")]
    Refused,

    /// <summary>A host that the box reached (or tried to).</summary>
    [JsonStringEnumMemberName("reached")]
    Reached,

    [JsonStringEnumMemberName("note")]
    Note,
}

/// <param name="Call">The model call that it belongs to.</param>
/// <param name="Name">Of a tool, a host, a session.</param>
/// <param name="CallId">Joins a tool's output with its call.</param>
/// <param name="Numbers">Of a call that is over.</param>
public sealed record ConversationItem(
    DateTimeOffset At,
    ConversationKind Kind,
    string? Text = null,
    long? Call = null,
    string? Name = null,
    string? CallId = null,
    CallNumbers? Numbers = null
) : VersionedJson;

/// <summary>The numbers of one call. Times in milliseconds; what is not known is left out.</summary>
public sealed record CallNumbers(
    string Kind,
    string? Model,
    int Status,
    long? InputTokens,
    long? OutputTokens,
    double? FirstTokenMs,
    double? TokensPerSecond,
    long? Context,
    double? ContextUsed,
    double DurationMs
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(ConversationItem))]
internal sealed partial class ConversationJson : JsonSerializerContext;
