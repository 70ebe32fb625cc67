using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>One message of a request.</summary>
/// <param name="Print">Tells equal messages of two requests apart from others.</param>
public sealed record Heard(ConversationKind Kind, string Text, string? Name, string? CallId, string Print);

/// <summary>Understands requests: what was said until now, in the forms of Responses, chat completions and Ollama.</summary>
internal static class Conversing
{
    public static List<Heard> Read(BodyData body)
    {
        if (body.Json is not JsonObject request)
        {
            return [];
        }
        var heard = new List<Heard>();
        Add(heard, ConversationKind.Instructions, request.Text("instructions") ?? request.Text("system"));
        switch (request["input"] ?? request["messages"] ?? request["prompt"])
        {
            case JsonArray items:
                foreach (var item in items.Objects())
                {
                    AddItem(heard, item);
                }
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                Add(heard, ConversationKind.User, value.GetValue<string>());
                break;
        }
        return heard;
    }

    /// <summary>Text of a string, or of a list of parts.</summary>
    public static string TextOf(JsonNode? content) =>
        content switch
        {
            JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
            JsonArray parts => string.Join('\n', parts.Objects().Select(PartText)),
            JsonObject part => PartText(part),
            _ => "",
        };

    public static Spoken CallOf(JsonObject item)
    {
        var function = item["function"] as JsonObject ?? item;
        var arguments = function["arguments"] ?? function["input"] ?? function["action"];
        var text =
            arguments is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>()
            : arguments is null ? ""
            : arguments.ToJsonString(RecordLine.Relaxed);
        return new Spoken(
            ConversationKind.ToolCall,
            text,
            function.Text("name") ?? item.Text("type"),
            item.Text("call_id") ?? item.Text("id")
        );
    }

    /// <summary>A field's text; null for anything else.</summary>
    public static string? Text(this JsonObject owner, string name) =>
        owner[name] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    public static long? Number(this JsonObject owner, string name) =>
        owner[name] is JsonValue value && value.GetValueKind() == JsonValueKind.Number && value.TryGetValue<long>(out var number)
            ? number
            : null;

    public static IEnumerable<JsonObject> Objects(this JsonArray? items) => items?.OfType<JsonObject>() ?? [];

    private static void AddItem(List<Heard> heard, JsonObject item)
    {
        var role = item.Text("role");
        switch (item.Text("type"))
        {
            case { } output when output.EndsWith("_call_output", StringComparison.Ordinal):
                heard.Add(new Heard(ConversationKind.ToolOutput, TextOf(item["output"]), null, item.Text("call_id"), Print(item)));
                return;
            case "reasoning":
                heard.Add(
                    new Heard(ConversationKind.Reasoning, TextOf(item["content"]) + TextOf(item["summary"]), null, null, Print(item))
                );
                return;
            case { } call when call.EndsWith("_call", StringComparison.Ordinal):
                var spoken = CallOf(item);
                heard.Add(new Heard(ConversationKind.ToolCall, spoken.Text, spoken.Name, spoken.CallId, Print(item)));
                return;
        }
        switch (role)
        {
            case "tool":
                heard.Add(
                    new Heard(
                        ConversationKind.ToolOutput,
                        TextOf(item["content"]),
                        item.Text("tool_name"),
                        item.Text("tool_call_id"),
                        Print(item)
                    )
                );
                return;
            case "system" or "developer":
                heard.Add(new Heard(ConversationKind.Instructions, TextOf(item["content"]), null, null, Print(item)));
                return;
            case "assistant":
                heard.Add(new Heard(ConversationKind.Assistant, TextOf(item["content"]), null, null, Print(item)));
                foreach (var call in (item["tool_calls"] as JsonArray).Objects())
                {
                    var spoken = CallOf(call);
                    heard.Add(new Heard(ConversationKind.ToolCall, spoken.Text, spoken.Name, spoken.CallId, Print(call)));
                }
                return;
            default:
                heard.Add(new Heard(ConversationKind.User, TextOf(item["content"]), null, null, Print(item)));
                return;
        }
    }

    private static void Add(List<Heard> heard, ConversationKind kind, string? text)
    {
        if (text is { Length: > 0 })
        {
            heard.Add(new Heard(kind, text, null, null, text));
        }
    }

    private static string Print(JsonObject item) => item.ToJsonString(RecordLine.Relaxed);

    private static string PartText(JsonObject part) =>
        part.Text("text") ?? part.Text("refusal") ?? (part.Text("type") is { } type ? $"[{type}]" : "");
}
