using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>Something that the model did: a piece of reasoning or of the answer, a whole tool call, or an error in words.</summary>
public sealed record Spoken(ConversationKind Kind, string Text, string? Name = null, string? CallId = null);

/// <summary>Understands the answer to one call, part by part: Responses, chat completions and Ollama's own, streamed or whole.</summary>
public sealed class AnswerReader
{
    private readonly SortedDictionary<long, (string? Id, string? Name, StringBuilder Arguments)> _calls = [];
    private readonly HashSet<string> _streamed = new(StringComparer.Ordinal);

    public long? InputTokens { get; private set; }

    public long? OutputTokens { get; private set; }

    public IEnumerable<Spoken> Read(CallPart part)
    {
        if (part.Data.Json is not JsonObject message)
        {
            // "[DONE]" ends a stream of chat completions; other text is an error's.
            return part.Data.Text is { Length: > 0 } text && text.Trim() is not ("[DONE]" or "")
                ? [new Spoken(ConversationKind.Error, text)]
                : [];
        }
        ReadUsage(message);
        if (message.Text("type") is { } type && (type.StartsWith("response.", StringComparison.Ordinal) || type is "error"))
        {
            return ResponsesEvent(type, message);
        }
        if (message["error"] is { } error)
        {
            return [new Spoken(ConversationKind.Error, Words(error))];
        }
        if (message["output"] is JsonArray output)
        {
            return output.Objects().SelectMany(WholeItem).ToList();
        }
        if (message["choices"] is JsonArray choices)
        {
            return choices.Objects().SelectMany(Choice).ToList();
        }
        return Ollama(message).ToList();
    }

    /// <summary>Tool calls that came in pieces and are whole now.</summary>
    public IEnumerable<Spoken> End()
    {
        var whole = _calls
            .Values.Select(call => new Spoken(ConversationKind.ToolCall, call.Arguments.ToString(), call.Name, call.Id))
            .ToList();
        _calls.Clear();
        return whole;
    }

    private List<Spoken> ResponsesEvent(string type, JsonObject message)
    {
        switch (type)
        {
            case "response.output_text.delta" or "response.refusal.delta":
                return Delta(ConversationKind.Answer, message);
            case "response.reasoning_text.delta" or "response.reasoning_summary_text.delta":
                return Delta(ConversationKind.Reasoning, message);
            case "response.output_item.done" when message["item"] is JsonObject item:
                // What came in pieces was told already.
                return
                    _streamed.Contains(Key(message, item))
                    && item.Text("type") is "message" or "reasoning"
                    && _streamed.Contains(Key(message, item))
                    ? []
                    : [.. WholeItem(item)];
            case "response.failed":
                return [new Spoken(ConversationKind.Error, Words((message["response"] as JsonObject)?["error"]))];
            case "response.incomplete":
                var reason = ((message["response"] as JsonObject)?["incomplete_details"] as JsonObject)?.Text("reason");
                return [new Spoken(ConversationKind.Error, $"incomplete: {reason ?? "no reason given"}")];
            case "error":
                return [new Spoken(ConversationKind.Error, Words(message))];
            default:
                return [];
        }
    }

    private List<Spoken> Delta(ConversationKind kind, JsonObject message)
    {
        _streamed.Add(Key(message, null));
        return message.Text("delta") is { Length: > 0 } text ? [new Spoken(kind, text)] : [];
    }

    // Servers name items by their place, their id, or both.
    private static string Key(JsonObject message, JsonObject? item) =>
        message["output_index"]?.ToJsonString() ?? message.Text("item_id") ?? item?.Text("id") ?? "";

    private static IEnumerable<Spoken> WholeItem(JsonObject item)
    {
        switch (item.Text("type"))
        {
            case "message":
                return Said(ConversationKind.Answer, Conversing.TextOf(item["content"]));
            case "reasoning":
                return Said(ConversationKind.Reasoning, Conversing.TextOf(item["content"]) + Conversing.TextOf(item["summary"]));
            case { } call when call.EndsWith("_call", StringComparison.Ordinal):
                return [Conversing.CallOf(item)];
            default:
                return [];
        }
    }

    private IEnumerable<Spoken> Choice(JsonObject choice)
    {
        var message = choice["delta"] as JsonObject ?? choice["message"] as JsonObject;
        foreach (var said in Said(ConversationKind.Reasoning, message?.Text("reasoning_content") ?? message?.Text("reasoning")))
        {
            yield return said;
        }
        foreach (var said in Said(ConversationKind.Answer, message?.Text("content") ?? message?.Text("refusal") ?? choice.Text("text")))
        {
            yield return said;
        }
        foreach (var call in (message?["tool_calls"] as JsonArray).Objects())
        {
            var index = call.Number("index") ?? _calls.Count;
            var known = _calls.GetValueOrDefault(index);
            var function = call["function"] as JsonObject;
            var arguments = known.Arguments ?? new StringBuilder();
            arguments.Append(
                function?.Text("arguments") ?? (function?["arguments"] is JsonObject whole ? whole.ToJsonString(RecordLine.Relaxed) : "")
            );
            _calls[index] = (call.Text("id") ?? known.Id, function?.Text("name") ?? known.Name, arguments);
        }
        if (choice.Text("finish_reason") is not null)
        {
            foreach (var call in End())
            {
                yield return call;
            }
        }
    }

    private static IEnumerable<Spoken> Ollama(JsonObject message)
    {
        var inner = message["message"] as JsonObject;
        return
        [
            .. Said(ConversationKind.Reasoning, inner?.Text("thinking") ?? message.Text("thinking")),
            .. Said(ConversationKind.Answer, inner?.Text("content") ?? message.Text("response")),
            .. (inner?["tool_calls"] as JsonArray).Objects().Select(Conversing.CallOf),
        ];
    }

    private void ReadUsage(JsonObject message)
    {
        var usage = message["usage"] as JsonObject ?? (message["response"] as JsonObject)?["usage"] as JsonObject;
        InputTokens = usage?.Number("input_tokens") ?? usage?.Number("prompt_tokens") ?? message.Number("prompt_eval_count") ?? InputTokens;
        OutputTokens = usage?.Number("output_tokens") ?? usage?.Number("completion_tokens") ?? message.Number("eval_count") ?? OutputTokens;
    }

    private static Spoken[] Said(ConversationKind kind, string? text) => text is { Length: > 0 } ? [new Spoken(kind, text)] : [];

    private static string Words(JsonNode? error) =>
        error switch
        {
            JsonObject fields when fields.Text("message") is { } words => words,
            JsonObject fields when fields["error"] is { } inner => Words(inner),
            JsonValue value => value.ToString(),
            null => "the request failed",
            _ => error.ToJsonString(RecordLine.Relaxed),
        };
}
