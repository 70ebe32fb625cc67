using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;
using Codexctl.Models;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Codexctl.Gateway.ModelRoute;

/// <param name="KeepAlive">How long an opened stream may be silent before it gets a ping.</param>
/// <param name="FactsAge">How long what the server said about a model is believed.</param>
/// <param name="Authorization">The Authorization header for the model server; what the box sends is never passed on.</param>
public sealed record ModelRouteOptions(TimeSpan KeepAlive, TimeSpan FactsAge, string? Authorization = null)
{
    public static ModelRouteOptions Default { get; } = new(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(30));
}

/// <summary>
/// The model route of the door: lets through what runs a local model, makes Codex and the model server fit, and writes one
/// <see cref="ModelCall"/> for each request. Safe for use by many requests at once.
/// </summary>
public sealed class ModelRouteHandler : IDisposable
{
    /// <summary>The model catalogue in Codex's form, made from what the server has now.</summary>
    public const string CatalogPath = "/codexctl/catalog";

    /// <summary>Bytes of JSON that are read in about a millisecond.</summary>
    private const int QuicklyRead = 128 * 1024;

    private readonly ModelServer _server;
    private readonly IExchangeSink _sink;
    private readonly TimeProvider _time;
    private readonly ModelRouteOptions _options;
    private readonly ModelServerProbe _probe;
    private readonly ModelFacts _facts;
    private readonly HttpMessageInvoker _upstream;
    private readonly PassThrough _passThrough;
    private readonly IdleMemory _memory;

    public ModelRouteHandler(ModelServer server, IExchangeSink sink, TimeProvider time, ModelRouteOptions? options = null)
    {
        _server = server;
        _sink = sink;
        _time = time;
        _options = options ?? ModelRouteOptions.Default;
        _probe = new ModelServerProbe(time, _options.Authorization);
        _facts = new ModelFacts(server, _probe, time, _options.FactsAge);
        _memory = new IdleMemory(time);
        _upstream = Forwarding.MakeUpstream();
        _passThrough = new PassThrough(_upstream, _server, _options.Authorization);
    }

    /// <summary>Answers one request. Other paths of the gateway's own are somebody else's: call this for all the rest.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        LiftLimits(context);
        var call = new CallRecord(_time, context);
        try
        {
            await RouteAsync(context, call);
        }
        catch (RefusedException refused)
        {
            if (refused.Status == StatusCodes.Status403Forbidden)
            {
                call.Kind = "refused";
            }
            await SayAsync(context, call, refused.Status, refused.Message, refused.Status == 403 ? "local_only" : null);
        }
        catch (HttpRequestException error)
        {
            await SayAsync(context, call, StatusCodes.Status502BadGateway, Unreachable(error));
        }
        catch (Exception error) when (error is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            call.Left = true;
        }
        catch (BadHttpRequestException error)
        {
            await SayAsync(context, call, error.StatusCode, error.Message);
        }
        catch (Exception error)
        {
            // A fault of ours: the host logs it and answers 500; the record must not say that all was well.
            call.Status = StatusCodes.Status500InternalServerError;
            call.Error = error.Message;
            throw;
        }
        finally
        {
            call.Left |= context.RequestAborted.IsCancellationRequested && call.Status is null;
            _sink.Add(call.Finish(context));
            _memory.LetGo(call.BodyLength);
        }
    }

    public void Dispose()
    {
        _memory.Dispose();
        _upstream.Dispose();
        _probe.Dispose();
    }

    // An offer of h2c is no demand; nobody takes it up.
    private static bool WantsUpgrade(HttpRequest request) =>
        request
            .Headers.Upgrade.SelectMany(value => (value ?? "").Split(',', StringSplitOptions.TrimEntries))
            .Any(protocol => !protocol.Equals("h2c", StringComparison.OrdinalIgnoreCase));

    private async Task RouteAsync(HttpContext context, CallRecord call)
    {
        if (WantsUpgrade(context.Request))
        {
            // Codex goes on with plain requests at once. Passed on, a server's consent would make a tunnel past the filter below.
            throw new RefusedException(StatusCodes.Status426UpgradeRequired, "The door to the model speaks no WebSocket.");
        }
        var rawTarget = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var method = context.Request.Method;
        if (method is "GET" && (rawTarget is CatalogPath || rawTarget.StartsWith(CatalogPath + "?", StringComparison.Ordinal)))
        {
            call.Kind = "catalog";
            await SendCatalogAsync(context, call);
            return;
        }
        if (LocalOnly.Find(method, rawTarget) is not { } target)
        {
            throw new RefusedException(StatusCodes.Status403Forbidden, LocalOnly.Explain(method, rawTarget));
        }
        call.IsResponses = target.Endpoint == Endpoint.Responses;
        call.Kind = target.Endpoint is Endpoint.Plain or Endpoint.OneModel || target.Path is "/api/show" ? "list" : "turn";
        if (target.Model is { } named)
        {
            call.Model = named;
            await _facts.GetAsync(named, context.RequestAborted);
        }
        if (target.Endpoint is Endpoint.Plain or Endpoint.OneModel)
        {
            await _passThrough.SendAsync(context, target.Path, null, call);
            return;
        }

        if (target.Endpoint == Endpoint.Responses)
        {
            if (await ReadResponsesAsync(context, call) is var (request, tools))
            {
                using (request)
                {
                    await AnswerResponsesAsync(context, call, request, tools);
                }
            }
            return;
        }
        using var bytes = await ReadBodyAsync(context, call);
        var send = await NamedAsync(context, call, target.Path, bytes.Memory);
        if (target.Path is "/api/show")
        {
            await _passThrough.SendAsync(context, target.Path, send, call);
            return;
        }
        call.Begin(context, _sink, bytes.Memory.Span);
        using var watched = new WatchedAnswer(context, call, target.Path);
        await _passThrough.SendAsync(context, target.Path, send, call);
    }

    private static async Task<RequestBytes> ReadBodyAsync(HttpContext context, CallRecord call)
    {
        if (context.Request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding is not [("identity" or "")])
        {
            throw new RefusedException(
                StatusCodes.Status415UnsupportedMediaType,
                "Request bodies must not be compressed on the way to a local model."
            );
        }
        var bytes = await RequestBytes.ReadAsync(context.Request.BodyReader, context.Request.ContentLength, context.RequestAborted);
        call.BodyLength = bytes.Memory.Length;
        return bytes;
    }

    /// <summary>Reads what was sent; a big one not on the thread that looks after the connections.</summary>
    private static ValueTask<JsonObject> ReadJsonAsync(ReadOnlyMemory<byte> bytes) =>
        bytes.Length <= QuicklyRead ? new(RequestGuard.Read(bytes)) : new(Task.Run(() => RequestGuard.Read(bytes)));

    /// <summary>What is to be sent for a request that names a model and is not of the Responses API.</summary>
    private async Task<ReadOnlyMemory<byte>> NamedAsync(HttpContext context, CallRecord call, string path, ReadOnlyMemory<byte> bytes)
    {
        var body = await ReadJsonAsync(bytes);
        var model = RequestGuard.ModelOf(body, nameToo: path is "/api/show");
        call.Model = model;
        RequestGuard.RefuseServerTools(body);
        call.Context = (await _facts.GetAsync(model, context.RequestAborted)).EffectiveContext;
        return path is "/api/show" ? Encoding.UTF8.GetBytes(new JsonObject { ["model"] = model }.ToJsonString()) : bytes;
    }

    /// <summary>The request for the server; null when it was answered here. A method of its own, so that nothing of the body outlives it.</summary>
    private async Task<(HttpRequestMessage Request, NamespaceTools Tools)?> ReadResponsesAsync(HttpContext context, CallRecord call)
    {
        using var bytes = await ReadBodyAsync(context, call);
        var body = await ReadJsonAsync(bytes.Memory);
        var metadata = (string?)context.Request.Headers[TurnMetadata.Header];
        var model = RequestGuard.ModelOf(body);
        call.Model = model;
        if (TitleRequest.Is(body, metadata))
        {
            call.Kind = "title";
            StartStream(context, call);
            call.FirstByte();
            await context.Response.WriteAsync(TitleRequest.Answer(body, TitleRequest.Title(body)), context.RequestAborted);
            return null;
        }
        if (TurnMetadata.Field(metadata, "request_kind") is "compaction")
        {
            call.Kind = "compaction";
        }
        var facts = await _facts.GetAsync(model, context.RequestAborted);
        call.Context = facts.EffectiveContext;
        call.Begin(context, _sink, bytes.Memory.Span);
        var tools = NamespaceTools.In(body);
        BridgeRules.Apply(_server.Kind, body, facts);

        var request = new HttpRequestMessage(HttpMethod.Post, _server.At("/v1/responses"))
        {
            Content = new ReadOnlyMemoryContent(Serialize(body, bytes.Memory.Length)),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.TryAddWithoutValidation("Accept", "text/event-stream");
        if (_options.Authorization is { } authorization)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }
        return (request, tools);
    }

    private async Task AnswerResponsesAsync(HttpContext context, CallRecord call, HttpRequestMessage request, NamespaceTools tools)
    {
        var cancel = context.RequestAborted;
        using var answer = await _upstream.SendAsync(request, cancel);
        // The answer may stream for long, and the request may be large.
        request.Content = null;
        call.FirstByte();
        if (!answer.IsSuccessStatusCode)
        {
            await ExplainAsync(context, call, answer);
            return;
        }
        if (answer.Content.Headers.ContentType?.MediaType is "text/event-stream")
        {
            StartStream(context, call);
            await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
            await new ResponseStream(_server, tools, _time, _options.KeepAlive).CopyAsync(context, stream, call, cancel);
            return;
        }
        var whole = tools.RestoreWhole(await answer.Content.ReadAsByteArrayAsync(cancel));
        call.ReadUsage(whole);
        call.Status = (int)answer.StatusCode;
        call.FirstToken();
        context.Response.StatusCode = (int)answer.StatusCode;
        context.Response.ContentType = answer.Content.Headers.ContentType?.ToString() ?? "application/json";
        context.Response.ContentLength = whole.Length;
        call.Answer(context, whole);
        await context.Response.BodyWriter.WriteAsync(whole, cancel);
    }

    // Codex hides a 5xx behind words of its own and sends the request thirty times; a 400 it shows as it is, and ends.
    private async Task ExplainAsync(HttpContext context, CallRecord call, HttpResponseMessage answer)
    {
        var status = (int)answer.StatusCode;
        var words = await WordsAsync(answer, context.RequestAborted);
        var message = status switch
        {
            404
                when words.Contains("not found", StringComparison.OrdinalIgnoreCase)
                    && words.Contains("model", StringComparison.OrdinalIgnoreCase) => ModelFacts.Missing(_server, call.Model ?? ""),
            _ => $"{_server.KindName} answers {status}: {words}",
        };
        await SayAsync(context, call, status, message);
    }

    private static async Task<string> WordsAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[64 * 1024];
        int length;
        try
        {
            length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel);
        }
        catch (IOException)
        {
            return "(the connection broke before it said why)";
        }
        try
        {
            using var document = JsonDocument.Parse(buffer.AsMemory(0, length));
            if (StreamEvent.Words(document.RootElement) is { Length: > 0 } words)
            {
                return words;
            }
        }
        catch (JsonException)
        {
            // Plain text, below.
        }
        var text = Encoding.UTF8.GetString(buffer, 0, Math.Min(length, 2000)).Trim();
        return text.Length == 0 ? answer.ReasonPhrase ?? "no reason given" : text;
    }

    private async Task SendCatalogAsync(HttpContext context, CallRecord call)
    {
        var json = CodexCatalog.Render(await _probe.DescribeAllAsync(_server, context.RequestAborted));
        call.Status = StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        call.FirstByte();
        await context.Response.BodyWriter.WriteAsync(json, context.RequestAborted);
    }

    /// <summary>Tells an error: as plain text to Codex, which shows a 400 word for word and does not repeat it; else as JSON.</summary>
    private static async Task SayAsync(HttpContext context, CallRecord call, int status, string message, string? code = null)
    {
        call.Error = message;
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        byte[] bytes;
        context.Response.Clear();
        if (call.IsResponses)
        {
            status = StatusCodes.Status400BadRequest;
            context.Response.ContentType = "text/plain; charset=utf-8";
            bytes = Encoding.UTF8.GetBytes(message);
        }
        else
        {
            context.Response.ContentType = "application/json";
            bytes = Serialize(
                    new JsonObject
                    {
                        ["error"] = new JsonObject
                        {
                            ["message"] = message,
                            ["type"] = code is null ? "codexctl_error" : "codexctl_refused",
                            ["param"] = null,
                            ["code"] = code,
                        },
                    },
                    256
                )
                .ToArray();
        }
        call.Status = status;
        context.Response.StatusCode = status;
        context.Response.ContentLength = bytes.Length;
        call.Answer(context, bytes);
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await context.Response.BodyWriter.WriteAsync(bytes, CancellationToken.None);
        }
    }

    private static void StartStream(HttpContext context, CallRecord call)
    {
        call.Status = StatusCodes.Status200OK;
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache";
    }

    private static ReadOnlyMemory<byte> Serialize(JsonObject body, int about)
    {
        var buffer = new ArrayBufferWriter<byte>(about + 256);
        using (
            var json = new Utf8JsonWriter(
                buffer,
                new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 600 }
            )
        )
        {
            body.WriteTo(json);
        }
        return buffer.WrittenMemory;
    }

    // Bodies of any size, and a client that is stopped with Ctrl-Z is still a client.
    internal static void LiftLimits(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = null;
        }
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } up)
        {
            up.MinDataRate = null;
        }
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } down)
        {
            down.MinDataRate = null;
        }
    }

    private string Unreachable(HttpRequestException error)
    {
        var why = (error.InnerException?.Message ?? error.Message).TrimEnd('.');
        if (error.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError)
        {
            var start = _server.Kind == ModelServerKind.Ollama ? "Start it on the host with: ollama serve" : "Start it on the host.";
            return $"No model server answers at {_server.Display}: {why}. {start}";
        }
        return $"{_server.KindName} at {_server.Display} broke off before it answered: {why}. Its own log says more.";
    }
}
