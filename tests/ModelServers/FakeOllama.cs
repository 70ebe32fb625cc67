using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Codexctl.ModelServers;

/// <summary>A request as the fake saw it.</summary>
public sealed record SeenRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public JsonObject Json => (JsonObject)JsonNode.Parse(Body)!;
}

/// <summary>How the fake answers POST /v1/responses.</summary>
public enum AnswerMode
{
    /// <summary>A text.</summary>
    Text,

    /// <summary>First a tool call that writes hello.txt, then a text.</summary>
    Tool,
    NotFound,
    ServerError,
    Unavailable,

    /// <summary>Nothing at all, not even headers.</summary>
    HangBeforeHeaders,

    /// <summary>Headers and the first event, then nothing.</summary>
    HangAfterHeaders,

    /// <summary>The connection is cut in the middle.</summary>
    Drop,

    /// <summary>The stream ends in good order, but without an end event.</summary>
    EndEarly,

    /// <summary>A line {"error":…} in the middle of the stream, as Ollama writes it.</summary>
    ErrorMidStream,
    Failed,

    /// <summary>A piece every 300 ms.</summary>
    Slow,
}

/// <summary>A model that the fake has.</summary>
public sealed record FakeModel(
    string Name,
    IReadOnlyList<string> Capabilities,
    string? RemoteHost = null,
    long ContextMaximum = 131072,
    long? NumCtx = null,
    long? Loaded = null,
    string Family = "gptoss"
)
{
    public static FakeModel GptOss { get; } = new("gpt-oss:20b", ["completion", "tools", "thinking"], Loaded: 65536);
    public static FakeModel Coder { get; } = new("qwen3-coder:30b", ["completion", "tools"], Loaded: 65536, Family: "qwen3moe");
    public static FakeModel Remote { get; } =
        new("innocent:latest", ["completion", "tools", "thinking"], RemoteHost: "https://ollama.com:443");
}

/// <summary>
/// Enough of Ollama for Codex and for tests, and as strict as the real one where that matters: it knows the same item types,
/// refuses effort for models that do not think, and drops developer messages without a word.
/// </summary>
public sealed class FakeOllama : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<SeenRequest> _seen = new();
    private readonly string? _log;
    private readonly Lock _writing = new();

    private FakeOllama(WebApplication app, string? log)
    {
        _app = app;
        _log = log;
    }

    public AnswerMode Mode { get; set; } = AnswerMode.Text;

    public string Version { get; set; } = "0.32.15";

    public IList<FakeModel> Models { get; } = [FakeModel.GptOss, FakeModel.Coder, FakeModel.Remote];

    public string Text { get; set; } = "Hello from the fake.";

    /// <summary>Takes over POST /v1/responses.</summary>
    public Func<HttpContext, JsonObject, Task>? OnResponses { get; set; }

    /// <summary>The same for POST /v1/chat/completions.</summary>
    public Func<HttpContext, Task>? OnCompletions { get; set; }

    /// <summary>Every request, in the order of arrival.</summary>
    public IReadOnlyList<SeenRequest> Seen => [.. _seen];

    public IEnumerable<SeenRequest> Responses => Seen.Where(request => request.Target == "/v1/responses");

    /// <summary>How many clients left before they had their answer.</summary>
    public int Aborted => _aborted;

    private int _aborted;

    public Uri Address { get; private set; } = null!;

    /// <param name="port">0 for any free port on loopback.</param>
    /// <param name="log">A file that gets a line of JSON for each request.</param>
    public static async Task<FakeOllama> StartAsync(int port = 0, string? log = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Listen(IPAddress.Loopback, port);
        });
        var app = builder.Build();
        var fake = new FakeOllama(app, log);
        app.Run(fake.HandleAsync);
        await app.StartAsync();
        fake.Address = new Uri(app.Urls.First());
        return fake;
    }

    public Task WaitForShutdownAsync() => _app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var text = await reader.ReadToEndAsync();
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var request = new SeenRequest(
            context.Request.Method,
            target,
            context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            text
        );
        _seen.Enqueue(request);
        Log(request);
        try
        {
            await AnswerAsync(context, request);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            Interlocked.Increment(ref _aborted);
        }
    }

    private Task AnswerAsync(HttpContext context, SeenRequest request) =>
        $"{request.Method} {request.Target.Split('?')[0]}" switch
        {
            "GET /" or "HEAD /" => PlainAsync(context, "Ollama is running"),
            "GET /api/version" => JsonAsync(context, 200, new JsonObject { ["version"] = Version }),
            "GET /api/tags" => JsonAsync(context, 200, new JsonObject { ["models"] = List(Models, Tag) }),
            "GET /api/ps" => JsonAsync(
                context,
                200,
                new JsonObject { ["models"] = List(Models.Where(model => model.Loaded is not null), Running) }
            ),
            "GET /v1/models" => JsonAsync(context, 200, new JsonObject { ["object"] = "list", ["data"] = List(Models, Entry) }),
            "POST /api/show" => ShowAsync(context, request),
            "POST /api/chat" => ChatAsync(context, request, "message"),
            "POST /api/generate" => ChatAsync(context, request, "response"),
            "POST /v1/chat/completions" => OnCompletions is { } taken ? taken(context) : CompletionsAsync(context),
            "POST /v1/responses" => ResponsesAsync(context, request),
            "POST /api/pull" => PullAsync(context, request),
            "POST /api/push" => PlainAsync(context, "{\"status\":\"success\"}\n"),
            _ when request.Target.StartsWith("/v1/models/", StringComparison.Ordinal) => JsonAsync(
                context,
                200,
                new JsonObject { ["id"] = request.Target[11..], ["object"] = "model" }
            ),
            _ => JsonAsync(context, 404, Error("404 page not found", "not_found_error")),
        };

    private Task ShowAsync(HttpContext context, SeenRequest request)
    {
        var name = (string?)request.Json["model"] ?? (string?)request.Json["name"];
        var model = Find(name);
        if (model is null)
        {
            return JsonAsync(context, 404, new JsonObject { ["error"] = $"model '{name}' not found" });
        }
        if (model.Name == Undescribed)
        {
            return JsonAsync(
                context,
                500,
                new JsonObject { ["error"] = "open /root/.ollama/models/blobs/sha256-1: no such file or directory" }
            );
        }
        var show = new JsonObject
        {
            ["details"] = new JsonObject { ["family"] = model.Family },
            ["model_info"] = new JsonObject { [$"{model.Family}.context_length"] = model.ContextMaximum },
            ["capabilities"] = List(model.Capabilities, word => word),
            ["parameters"] = model.NumCtx is { } tokens
                ? $"temperature                    1\nnum_ctx                        {tokens}\n"
                : "",
        };
        if (model.RemoteHost is { } host)
        {
            show["remote_host"] = host;
        }
        return JsonAsync(context, 200, show);
    }

    private async Task ChatAsync(HttpContext context, SeenRequest request, string field)
    {
        var name = (string?)request.Json["model"];
        if (field == "response" && Find(name) is { Loaded: null } model)
        {
            await Task.Delay(LoadTime, context.RequestAborted);
            Models[Models.IndexOf(model)] = model with { Loaded = model.NumCtx ?? LoadedContext };
        }
        JsonNode answer = field == "message" ? new JsonObject { ["role"] = "assistant", ["content"] = Text } : Text;
        await PlainAsync(
            context,
            new JsonObject
            {
                ["model"] = name,
                [field] = answer,
                ["done"] = true,
            }.ToJsonString() + "\n"
        );
    }

    /// <summary>How many pulls break off in the middle before one goes through.</summary>
    public int BrokenPulls { get; set; }

    /// <summary>The answer to a pull of anything, in the middle of the stream.</summary>
    public string? PullError { get; set; }

    /// <summary>The context of a model that is loaded and does not say how much it wants.</summary>
    public long LoadedContext { get; set; } = 4096;

    /// <summary>How long a model takes to load.</summary>
    public TimeSpan LoadTime { get; set; }

    /// <summary>Between two pieces of a pull.</summary>
    public TimeSpan PullPause { get; set; }

    /// <summary>Bytes that pulls have got so far; what an earlier one got is there at once.</summary>
    public long Pulled { get; private set; }

    /// <summary>The bytes that the latest pull told first.</summary>
    public long FirstPieceOfLastPull { get; private set; }

    /// <summary>A model in the list that /api/show fails for, as for one whose files are damaged.</summary>
    public string? Undescribed { get; set; }

    private async Task PullAsync(HttpContext context, SeenRequest request)
    {
        const long total = 8_000_000;
        var name = (string)request.Json["model"]!;
        context.Response.ContentType = "application/x-ndjson";
        await PullLineAsync(context, new JsonObject { ["status"] = "pulling manifest" });
        if (PullError is { } error)
        {
            await PullLineAsync(context, new JsonObject { ["error"] = error });
            return;
        }
        var first = true;
        // Layers as the real one tells them.
        while (Pulled < total)
        {
            Pulled += 1_000_000;
            FirstPieceOfLastPull = first ? Pulled : FirstPieceOfLastPull;
            first = false;
            await Task.Delay(PullPause, context.RequestAborted);
            await PullLineAsync(
                context,
                new JsonObject
                {
                    ["status"] = "pulling aaaa",
                    ["digest"] = "sha256:aaaa",
                    ["total"] = total,
                    ["completed"] = Pulled,
                }
            );
            if (BrokenPulls > 0 && Pulled >= total / 2)
            {
                BrokenPulls--;
                context.Abort();
                return;
            }
        }
        if (Find(name) is null)
        {
            Models.Add(new FakeModel(name, ["completion", "tools"], Loaded: 65536));
        }
        await PullLineAsync(context, new JsonObject { ["status"] = "verifying sha256 digest" });
        await PullLineAsync(context, new JsonObject { ["status"] = "success" });
    }

    private static async Task PullLineAsync(HttpContext context, JsonObject line)
    {
        await context.Response.WriteAsync(line.ToJsonString() + "\n", context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private async Task CompletionsAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        foreach (var word in Text.Split(' '))
        {
            await context.Response.WriteAsync(
                $"data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n",
                context.RequestAborted
            );
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
        await context.Response.WriteAsync("data: [DONE]\n\n", context.RequestAborted);
    }

    private async Task ResponsesAsync(HttpContext context, SeenRequest request)
    {
        var body = request.Json;
        if (OnResponses is { } taken)
        {
            await taken(context, body);
            return;
        }
        var cancel = context.RequestAborted;
        var name = (string?)body["model"];
        if (Mode == AnswerMode.NotFound || Find(name) is not { } model)
        {
            await JsonAsync(context, 404, Error($"model '{name}' not found", "not_found_error"));
            return;
        }
        if (Strictness(body, model) is { } complaint)
        {
            await JsonAsync(context, 400, Error(complaint, "invalid_request_error"));
            return;
        }
        switch (Mode)
        {
            case AnswerMode.ServerError:
                await JsonAsync(context, 500, Error("llama runner process has terminated: exit status 2", "api_error"));
                return;
            case AnswerMode.Unavailable:
                await JsonAsync(context, 503, Error("server busy, please try again. maximum pending requests exceeded", "api_error"));
                return;
            case AnswerMode.HangBeforeHeaders:
                await Task.Delay(Timeout.Infinite, cancel);
                return;
        }
        context.Response.ContentType = "text/event-stream";
        var events = new FakeStream(context, name!);
        await events.CreatedAsync();
        switch (Mode)
        {
            case AnswerMode.HangAfterHeaders:
                await Task.Delay(Timeout.Infinite, cancel);
                return;
            case AnswerMode.Drop:
                await events.DeltaAsync("Half an ans");
                // A reset throws away what is still on its way.
                await Task.Delay(100, cancel);
                context.Abort();
                return;
            case AnswerMode.EndEarly:
                await events.DeltaAsync("Half an ans");
                return;
            case AnswerMode.ErrorMidStream:
                await events.DeltaAsync("Half an ans");
                await events.RawAsync(
                    "data: {\"error\":\"an error was encountered while running the model: CUDA error: out of memory\"}\n\n"
                );
                return;
            case AnswerMode.Failed:
                await events.RawAsync(
                    "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"r\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"boom from the fake\"}}}\n\n"
                );
                return;
        }
        var last = (body["input"] as JsonArray)?.LastOrDefault() as JsonObject;
        var hasOutput = (string?)last?["type"] == "function_call_output";
        var canRun = (body["tools"] as JsonArray ?? []).Any(tool => (string?)tool!["name"] == "exec_command");
        if (Mode == AnswerMode.Tool && !hasOutput && canRun)
        {
            await events.CallAsync("exec_command", new JsonObject { ["cmd"] = "printf 'hello from the fake\\n' > hello.txt" });
        }
        else
        {
            await events.MessageAsync(
                Mode == AnswerMode.Tool && hasOutput ? "Done: hello.txt written." : Text,
                Mode == AnswerMode.Slow ? 300 : 0
            );
        }
        await events.CompletedAsync(4321, 21);
    }

    // The real one's words.
    private static string? Strictness(JsonObject body, FakeModel model)
    {
        foreach (var item in body["input"] as JsonArray ?? [])
        {
            var type = (string?)item!["type"];
            if (type is not (null or "message" or "function_call" or "function_call_output" or "reasoning" or "web_search_call"))
            {
                return $"unknown input item type: \"{type}\"";
            }
            foreach (var part in item["content"] as JsonArray ?? [])
            {
                if ((string?)part!["type"] is not ("input_text" or "output_text" or "input_image" or "input_file"))
                {
                    return $"unknown content type: {part["type"]}";
                }
            }
        }
        if (!model.Capabilities.Contains("thinking") && (string?)body["reasoning"]?["effort"] is not (null or "none"))
        {
            return $"\"{model.Name}\" does not support thinking";
        }
        if (!model.Capabilities.Contains("tools") && body["tools"] is JsonArray { Count: > 0 })
        {
            return $"registry.ollama.ai/library/{model.Name} does not support tools";
        }
        return null;
    }

    /// <summary>What a model of the real one gets to see: templates know no developer role and leave those messages out.</summary>
    public static string WhatTheModelSees(JsonObject body)
    {
        var seen = new StringBuilder((string?)body["instructions"]);
        foreach (var item in body["input"] as JsonArray ?? [])
        {
            if ((string?)item!["role"] != "developer")
            {
                seen.Append('\n').Append(item["content"] ?? item["output"]);
            }
        }
        return seen.ToString();
    }

    private FakeModel? Find(string? name) => Models.FirstOrDefault(model => model.Name == name || model.Name == name + ":latest");

    private static JsonArray List<T>(IEnumerable<T> items, Func<T, JsonNode?> select) => new([.. items.Select(select)]);

    private static JsonObject Tag(FakeModel model)
    {
        var tag = new JsonObject
        {
            ["name"] = model.Name,
            ["model"] = model.Name,
            ["size"] = 13793441244,
            ["digest"] = "digest-of-" + model.Name,
            ["details"] = new JsonObject { ["family"] = model.Family },
        };
        return tag;
    }

    private static JsonObject Running(FakeModel model) =>
        new()
        {
            ["name"] = model.Name,
            ["model"] = model.Name,
            ["digest"] = "digest-of-" + model.Name,
            ["context_length"] = model.Loaded,
        };

    private static JsonObject Entry(FakeModel model) =>
        new()
        {
            ["id"] = model.Name,
            ["object"] = "model",
            ["owned_by"] = "library",
        };

    private static JsonObject Error(string message, string type) =>
        new()
        {
            ["error"] = new JsonObject
            {
                ["message"] = message,
                ["type"] = type,
                ["param"] = null,
                ["code"] = null,
            },
        };

    private static async Task JsonAsync(HttpContext context, int status, JsonObject body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }

    private static Task PlainAsync(HttpContext context, string text) =>
        context.Response.WriteAsync(text, Encoding.UTF8, context.RequestAborted);

    private void Log(SeenRequest request)
    {
        if (_log is null)
        {
            return;
        }
        var line = new JsonObject
        {
            ["at"] = DateTimeOffset.UtcNow.ToString("O"),
            ["method"] = request.Method,
            ["path"] = request.Target,
            ["headers"] = new JsonObject([.. request.Headers.Select(header => KeyValuePair.Create(header.Key, (JsonNode?)header.Value))]),
            ["body"] = request.Body,
        };
        lock (_writing)
        {
            File.AppendAllText(_log, line.ToJsonString() + "\n");
        }
    }
}
