using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Codexctl.ModelServers;

/// <summary>Writes the events of a Responses stream as Ollama does, each flushed at once.</summary>
public sealed class FakeStream(HttpContext context, string model)
{
    private const string Id = "resp_fake";

    public Task CreatedAsync() =>
        SendAsync(
            "response.created",
            new JsonObject
            {
                ["response"] = new JsonObject
                {
                    ["id"] = Id,
                    ["status"] = "in_progress",
                    ["model"] = model,
                },
            }
        );

    public Task DeltaAsync(string text) =>
        SendAsync(
            "response.output_text.delta",
            new JsonObject
            {
                ["output_index"] = 0,
                ["item_id"] = "msg_1",
                ["content_index"] = 0,
                ["delta"] = text,
            }
        );

    public async Task MessageAsync(string text, int pauseMs = 0)
    {
        var item = new JsonObject
        {
            ["type"] = "message",
            ["id"] = "msg_1",
            ["role"] = "assistant",
            ["status"] = "in_progress",
            ["content"] = new JsonArray(),
        };
        await SendAsync("response.output_item.added", new JsonObject { ["output_index"] = 0, ["item"] = item });
        foreach (var word in text.Split(' '))
        {
            await DeltaAsync(word + " ");
            await Task.Delay(pauseMs, context.RequestAborted);
        }
        var done = (JsonObject)item.DeepClone();
        done["status"] = "completed";
        done["content"] = new JsonArray(
            new JsonObject
            {
                ["type"] = "output_text",
                ["text"] = text,
                ["annotations"] = new JsonArray(),
            }
        );
        await SendAsync("response.output_item.done", new JsonObject { ["output_index"] = 0, ["item"] = done });
    }

    public Task CallAsync(string name, JsonObject arguments) =>
        SendAsync(
            "response.output_item.done",
            new JsonObject
            {
                ["output_index"] = 0,
                ["item"] = new JsonObject
                {
                    ["type"] = "function_call",
                    ["id"] = "fc_1",
                    ["call_id"] = "call_1",
                    ["name"] = name,
                    ["arguments"] = arguments.ToJsonString(),
                    ["status"] = "completed",
                },
            }
        );

    public Task CompletedAsync(long inputTokens, long outputTokens) =>
        SendAsync(
            "response.completed",
            new JsonObject
            {
                ["response"] = new JsonObject
                {
                    ["id"] = Id,
                    ["status"] = "completed",
                    ["model"] = model,
                    ["usage"] = new JsonObject
                    {
                        ["input_tokens"] = inputTokens,
                        ["output_tokens"] = outputTokens,
                        ["total_tokens"] = inputTokens + outputTokens,
                    },
                },
            }
        );

    public async Task RawAsync(string text)
    {
        await context.Response.WriteAsync(text, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private Task SendAsync(string type, JsonObject data)
    {
        data.Insert(0, "type", type);
        return RawAsync($"event: {type}\ndata: {data.ToJsonString()}\n\n");
    }
}
