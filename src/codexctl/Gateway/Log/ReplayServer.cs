using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.Log;

/// <summary>
/// A model server that gives the answers of a record, in their order and with their timing: a session can be run again without the model.
/// </summary>
public sealed class ReplayServer : IAsyncDisposable
{
    private const string Version = "0.32.15";
    private const long LeastContext = 65536;
    private static readonly TimeSpan _lastWords = TimeSpan.FromMilliseconds(200);

    private readonly TimeProvider _clock;
    private readonly double _speed;
    private readonly List<(RecordedCall Call, string Shape)> _waiting;
    private readonly IReadOnlyList<string> _models;
    private readonly long _context;
    private readonly Lock _gate = new();
    private LoopbackServer? _server;

    /// <param name="speed">2 is twice as fast; 0 does not wait at all.</param>
    /// <exception cref="UserError">The record has no bodies.</exception>
    public ReplayServer(IReadOnlyList<Exchange> exchanges, double speed, TimeProvider clock)
    {
        (_clock, _speed) = (clock, speed);
        var calls = RecordedCall.Of(exchanges).Where(call => call.CanReplay).ToList();
        if (calls.Count == 0)
        {
            throw new UserError(
                "There is nothing to replay.",
                "What was said was not recorded in this session.",
                "Record one with: codexctl run --record"
            );
        }
        _waiting = [.. calls.Select(call => (call, Shape(call.Request?.Body ?? BodyData.Empty)))];
        _models = [.. calls.Select(call => call.Start.Model).OfType<string>().Distinct(StringComparer.Ordinal)];
        _context = Math.Max(LeastContext, calls.Max(call => call.End?.Context ?? 0));
        Turns = calls.Count;
    }

    /// <summary>How many answers there are.</summary>
    public int Turns { get; }

    public IReadOnlyList<string> Models => _models;

    /// <exception cref="UserError">The address cannot be listened on.</exception>
    public async Task<Uri> StartAsync(IPEndPoint at)
    {
        _server = await LoopbackServer.StartAsync(at, HandleAsync);
        return _server.Address;
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? default;

    private Task HandleAsync(HttpContext context) =>
        $"{context.Request.Method} {context.Request.Path}" switch
        {
            "GET /" or "HEAD /" => context.Response.WriteAsync("Ollama is running", context.RequestAborted),
            "GET /api/version" => SendAsync(context, 200, new JsonObject { ["version"] = Version }),
            "GET /api/tags" or "GET /api/ps" => SendAsync(context, 200, new JsonObject { ["models"] = List(Tag) }),
            "GET /v1/models" => SendAsync(
                context,
                200,
                new JsonObject { ["object"] = "list", ["data"] = List(name => new JsonObject { ["id"] = name, ["object"] = "model" }) }
            ),
            "POST /api/show" => SendAsync(
                context,
                200,
                new JsonObject
                {
                    ["capabilities"] = new JsonArray("completion", "tools", "thinking"),
                    ["details"] = new JsonObject { ["family"] = "replay" },
                    ["model_info"] = new JsonObject { ["replay.context_length"] = _context },
                }
            ),
            "POST /v1/responses" or "POST /v1/chat/completions" or "POST /v1/completions" or "POST /api/chat" or "POST /api/generate" =>
                AnswerAsync(context),
            _ => SendAsync(context, 404, Error("404 page not found")),
        };

    private async Task AnswerAsync(HttpContext context)
    {
        var began = _clock.GetTimestamp();
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        var request = BodyRedaction.Body(body.ToArray());
        if (context.Request.Path == "/api/generate" && (request.Json as JsonObject)?["prompt"] is null)
        {
            // Only to load the model.
            await SendAsync(
                context,
                200,
                new JsonObject
                {
                    ["model"] = (request.Json as JsonObject)?.Text("model"),
                    ["response"] = "",
                    ["done"] = true,
                }
            );
            return;
        }
        if (Take(context.Request.Path, request) is not { } call)
        {
            await SendAsync(context, 400, Error(Left(context.Request.Path)));
            return;
        }
        await PlayAsync(context, call, began);
    }

    /// <summary>The next answer to a conversation of this shape; else the next of all.</summary>
    private RecordedCall? Take(string path, BodyData request)
    {
        var shape = Shape(request);
        lock (_gate)
        {
            var at = _waiting.FindIndex(one => one.Call.Start.Path == path && one.Shape == shape);
            at = at >= 0 ? at : _waiting.FindIndex(one => one.Call.Start.Path == path);
            if (at < 0)
            {
                return null;
            }
            var call = _waiting[at].Call;
            _waiting.RemoveAt(at);
            return call;
        }
    }

    private string Left(string path)
    {
        lock (_gate)
        {
            var others = _waiting.Select(one => one.Call.Start.Path).Distinct(StringComparer.Ordinal).ToList();
            return others.Count == 0
                ? $"The record has no further answer: all {Turns} were given."
                : $"The record has no further answer for {path}, only for {string.Join(", ", others)}.";
        }
    }

    private async Task PlayAsync(HttpContext context, RecordedCall call, long began)
    {
        var cancel = context.RequestAborted;
        if (call.Answer is null)
        {
            await UntilAsync(began, call.End!.Duration, cancel);
            await SendAsync(context, call.End.Status, Error(call.End.Error!));
            return;
        }
        await UntilAsync(began, call.Answer.Since, cancel);
        context.Response.StatusCode = call.Answer.Status;
        context.Response.ContentType = call.Answer.ContentType;
        await context.Response.StartAsync(cancel);
        foreach (var part in call.Parts)
        {
            await UntilAsync(began, part.Since, cancel);
            await context.Response.WriteAsync(call.Wire(part), Encoding.UTF8, cancel);
            await context.Response.Body.FlushAsync(cancel);
        }
        if (call.BrokeOff)
        {
            // The rest is not known: it breaks off here, as it did. Not before what came is on its way: an abort throws away what is not.
            await Task.Delay(_lastWords, _clock, cancel);
            context.Abort();
            return;
        }
        await UntilAsync(began, call.End!.Duration, cancel);
    }

    private async Task UntilAsync(long began, TimeSpan since, CancellationToken cancel)
    {
        if (_speed <= 0)
        {
            return;
        }
        var left = since / _speed - _clock.GetElapsedTime(began);
        if (left > TimeSpan.FromMilliseconds(1))
        {
            await Task.Delay(left, _clock, cancel);
        }
    }

    // Who said something, in which order: the words themselves differ from run to run (times, folders, ids).
    private static string Shape(BodyData body) =>
        string.Concat(
            Conversing.Read(body).Where(one => one.Kind != ConversationKind.Instructions).Select(one => (char)('A' + (int)one.Kind))
        );

    private JsonObject Tag(string name) =>
        new()
        {
            ["name"] = name,
            ["model"] = name,
            ["digest"] = "replay",
            ["context_length"] = _context,
            ["capabilities"] = new JsonArray("completion", "tools", "thinking"),
        };

    private JsonArray List(Func<string, JsonNode> of) => new([.. _models.Select(of)]);

    private static JsonObject Error(string message) =>
        new()
        {
            ["error"] = new JsonObject { ["message"] = message, ["type"] = "codexctl_replay" },
        };

    private static Task SendAsync(HttpContext context, int status, JsonNode body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(body.ToJsonString(), context.RequestAborted);
    }
}
