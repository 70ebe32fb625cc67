using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>Writes events of the Responses API the way Codex reads them.</summary>
internal static class ResponseEvents
{
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Ignored by Codex, but it winds up its idle clock; comments do not.</summary>
    public static ReadOnlyMemory<byte> Ping { get; } = "event: ping\ndata: {\"type\":\"ping\"}\n\n"u8.ToArray();

    /// <summary>
    /// A failure that Codex shows and does not repeat. Other error codes make it send the whole prompt again, five times by
    /// default; this one it takes as final, with the message as it stands.
    /// </summary>
    public static string Failed(string message) =>
        One(
            "response.failed",
            new JsonObject
            {
                ["response"] = new JsonObject
                {
                    ["id"] = "resp_codexctl",
                    ["object"] = "response",
                    ["status"] = "failed",
                    ["error"] = new JsonObject { ["code"] = "invalid_prompt", ["message"] = message },
                },
            }
        );

    /// <summary>A whole answer of one message.</summary>
    public static string Message(string id, string model, string text, long inputTokens = 0)
    {
        var item = MessageItem("msg_" + id, text);
        var events = new StringBuilder();
        events.Append(Created(id, model));
        events.Append(
            One("response.output_item.added", new JsonObject { ["output_index"] = 0, ["item"] = MessageItem("msg_" + id, null) })
        );
        events.Append(
            One(
                "response.output_text.delta",
                new JsonObject
                {
                    ["item_id"] = "msg_" + id,
                    ["output_index"] = 0,
                    ["content_index"] = 0,
                    ["delta"] = text,
                }
            )
        );
        events.Append(One("response.output_item.done", new JsonObject { ["output_index"] = 0, ["item"] = item }));
        events.Append(Completed(id, model, inputTokens, inputTokens == 0 ? 0 : text.Length / 4));
        return events.ToString();
    }

    public static string Created(string id, string model) =>
        One(
            "response.created",
            new JsonObject
            {
                ["response"] = new JsonObject
                {
                    ["id"] = id,
                    ["object"] = "response",
                    ["status"] = "in_progress",
                    ["model"] = model,
                    ["output"] = new JsonArray(),
                },
            }
        );

    public static string Completed(string id, string model, long inputTokens, long outputTokens) =>
        One(
            "response.completed",
            new JsonObject
            {
                ["response"] = new JsonObject
                {
                    ["id"] = id,
                    ["object"] = "response",
                    ["status"] = "completed",
                    ["model"] = model,
                    ["output"] = new JsonArray(),
                    ["usage"] = new JsonObject
                    {
                        ["input_tokens"] = inputTokens,
                        ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = 0 },
                        ["output_tokens"] = outputTokens,
                        ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = 0 },
                        ["total_tokens"] = inputTokens + outputTokens,
                    },
                },
            }
        );

    /// <summary>A call of one of Codex's tools.</summary>
    public static string FunctionCall(string callId, string name, JsonObject arguments) =>
        One(
            "response.output_item.done",
            new JsonObject
            {
                ["output_index"] = 0,
                ["item"] = new JsonObject
                {
                    ["id"] = "fc_" + callId,
                    ["type"] = "function_call",
                    ["status"] = "completed",
                    ["call_id"] = callId,
                    ["name"] = name,
                    ["arguments"] = arguments.ToJsonString(Plain),
                },
            }
        );

    public static string One(string type, JsonObject data)
    {
        data.Insert(0, "type", type);
        return $"event: {type}\ndata: {data.ToJsonString(Plain)}\n\n";
    }

    private static JsonObject MessageItem(string id, string? text) =>
        new()
        {
            ["id"] = id,
            ["type"] = "message",
            ["role"] = "assistant",
            ["status"] = text is null ? "in_progress" : "completed",
            ["content"] = text is null
                ? new JsonArray()
                : new JsonArray(
                    new JsonObject
                    {
                        ["type"] = "output_text",
                        ["text"] = text,
                        ["annotations"] = new JsonArray(),
                    }
                ),
        };
}
