using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Models;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.ScriptedModel;

/// <summary>
/// A model server with one model, which plays <see cref="DemoScript"/>: enough of Ollama for the probe and of the Responses
/// API for Codex. Keeps nothing between requests; the conversation itself says where it stands.
/// </summary>
public static class ScriptedModelHandler
{
    public const string ModelName = "codexctl-demo:1";

    private const int Context = 65536;
    private const string Version = "0.32.15";

    public static Task HandleAsync(HttpContext context) =>
        $"{context.Request.Method} {context.Request.Path}" switch
        {
            "GET /" or "HEAD /" => context.Response.WriteAsync("The scripted model of codexctl is running", context.RequestAborted),
            "GET /api/version" => SendAsync(context, 200, new JsonObject { ["version"] = Version }),
            "GET /api/tags" or "GET /api/ps" => SendAsync(context, 200, new JsonObject { ["models"] = new JsonArray(Model()) }),
            "GET /v1/models" => SendAsync(
                context,
                200,
                new JsonObject
                {
                    ["object"] = "list",
                    ["data"] = new JsonArray(new JsonObject { ["id"] = ModelName, ["object"] = "model" }),
                }
            ),
            "POST /api/show" => SendAsync(
                context,
                200,
                new JsonObject
                {
                    ["capabilities"] = new JsonArray("completion", "tools"),
                    ["details"] = new JsonObject { ["family"] = "codexctl" },
                    ["model_info"] = new JsonObject { ["codexctl.context_length"] = Context },
                }
            ),
            "POST /v1/responses" => AnswerAsync(context),
            _ => SendAsync(context, 404, new JsonObject { ["error"] = new JsonObject { ["message"] = "404 page not found" } }),
        };

    private static async Task AnswerAsync(HttpContext context)
    {
        using var bytes = await RequestBytes.ReadAsync(context.Request.BodyReader, context.Request.ContentLength, context.RequestAborted);
        JsonObject body;
        try
        {
            body = RequestGuard.Read(bytes.Memory);
        }
        catch (RefusedException refused)
        {
            await SendAsync(context, refused.Status, new JsonObject { ["error"] = new JsonObject { ["message"] = refused.Message } });
            return;
        }
        var step = Next(body);
        const string Id = "resp_scripted";
        context.Response.ContentType = "text/event-stream";
        var answer = step.Command is { } command
            ? ResponseEvents.Created(Id, ModelName)
                + ResponseEvents.FunctionCall(step.CallId!, "exec_command", new JsonObject { ["cmd"] = command })
                + ResponseEvents.Completed(Id, ModelName, InputTokens(body), command.Length / 4)
            : ResponseEvents.Message(Id, ModelName, step.Say!, InputTokens(body));
        await context.Response.WriteAsync(answer, context.RequestAborted);
    }

    internal static DemoStep Next(JsonObject body)
    {
        var canRun = (body["tools"] as JsonArray ?? []).Any(tool => RequestGuard.AsText((tool as JsonObject)?["name"]) is "exec_command");
        var last = (body["input"] as JsonArray ?? []).LastOrDefault() as JsonObject;
        var isOutput = RequestGuard.AsText(last?["type"]) is "function_call_output";
        return DemoScript.Next(
            canRun,
            isOutput ? RequestGuard.AsText(last!["call_id"]) : null,
            isOutput ? RequestGuard.AsText(last!["output"]) : null
        );
    }

    // Four characters a token, the usual guess: the demo's receipt should show an honest order of size.
    private static long InputTokens(JsonObject body) => body.ToJsonString().Length / 4;

    private static JsonObject Model() =>
        new()
        {
            ["name"] = ModelName,
            ["model"] = ModelName,
            ["digest"] = "scripted",
            ["context_length"] = Context,
            ["capabilities"] = new JsonArray("completion", "tools"),
        };

    private static Task SendAsync(HttpContext context, int status, JsonNode body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }
}
