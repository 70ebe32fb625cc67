using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Codexctl.Auth;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Codexctl.Gateway.Login;

/// <summary>
/// The broker: requests of the box for OpenAI's inference, and nothing else, get the authorization of the stored login on their way. The box
/// never sees it; what it sends is a key of its run.
/// </summary>
internal sealed class BrokerRoute : IDisposable
{
    private const string ChatGpt = "https://chatgpt.com/backend-api/codex";
    private const string Api = "https://api.openai.com/v1";
    private const int LargestError = 256 * 1024;

    /// <summary>What Codex says about the request; nothing that names an account or changes where it goes.</summary>
    private static readonly string[] _headers =
    [
        "Accept",
        "OpenAI-Beta",
        "originator",
        "User-Agent",
        "version",
        "session-id",
        "thread-id",
        "session_id",
        "conversation_id",
        "x-client-request-id",
        "x-codex-beta-features",
        "x-codex-turn-metadata",
        "x-codex-turn-state",
        "x-codex-window-id",
    ];

    /// <summary>Of answers: hop by hop, or for a browser.</summary>
    private static readonly string[] _notPassed =
    [
        "Connection",
        "Keep-Alive",
        "Transfer-Encoding",
        "Upgrade",
        "Trailer",
        "Set-Cookie",
        "Alt-Svc",
        "Strict-Transport-Security",
        "Content-Length",
    ];

    private readonly TokenRefresher _refresher;
    private readonly BrokerKeys _keys;
    private readonly IExchangeSink _sink;
    private readonly TimeProvider _time;
    private readonly HttpMessageInvoker _http;

    public BrokerRoute(TokenRefresher refresher, BrokerKeys keys, IExchangeSink sink, TimeProvider time, HttpMessageHandler http) =>
        (_refresher, _keys, _sink, _time, _http) = (refresher, keys, sink, time, new HttpMessageInvoker(http));

    public void Dispose() => _http.Dispose();

    public async Task HandleAsync(HttpContext context)
    {
        ModelRouteHandler.LiftLimits(context);
        var call = new CallRecord(_time, context);
        try
        {
            await RouteAsync(context, call);
        }
        catch (UserError error)
        {
            call.Error = error.Message;
            await WordsAsync(context, Answer.Sentence(error));
        }
        catch (Exception error)
            when (error is IOException or UnauthorizedAccessException && !context.RequestAborted.IsCancellationRequested)
        {
            // Of the connection to OpenAI, or of the disk that the renewed login goes to.
            call.Error = error.Message;
            await WordsAsync(context, error.Message);
        }
        catch (HttpRequestException error)
        {
            var why = (error.InnerException?.Message ?? error.Message).TrimEnd('.');
            call.Error = $"OpenAI cannot be reached: {why}";
            await WordsAsync(context, $"{call.Error}. Check that this computer is online.");
        }
        catch (Exception error) when (error is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            call.Left = true;
        }
        finally
        {
            _sink.Add(call.Finish(context));
        }
    }

    private async Task RouteAsync(HttpContext context, CallRecord call)
    {
        if (context.Request.Headers.Upgrade.Count > 0)
        {
            // Codex goes on with plain requests at once.
            await RefuseAsync(context, call, StatusCodes.Status426UpgradeRequired, "The broker speaks no WebSocket.");
            return;
        }
        if (Target(context) is not { } path)
        {
            await RefuseAsync(
                context,
                call,
                StatusCodes.Status403Forbidden,
                "The broker passes on requests for models (POST /v1/responses, GET /v1/models), and no others."
            );
            return;
        }
        if (!_keys.Knows(context.Request.Headers.Authorization))
        {
            await RefuseAsync(context, call, StatusCodes.Status401Unauthorized, "This is not the key of a run that is on.");
            return;
        }
        if (context.Request.Headers.ContentEncoding is { Count: > 0 } encoding && encoding is not [("identity" or "")])
        {
            await RefuseAsync(context, call, StatusCodes.Status415UnsupportedMediaType, "The broker takes no compressed requests.");
            return;
        }
        var post = HttpMethods.IsPost(context.Request.Method);
        call.IsResponses = post;
        call.Kind = post ? "turn" : "list";
        using var bytes = await RequestBytes.ReadAsync(context.Request.BodyReader, context.Request.ContentLength, context.RequestAborted);
        call.Model = post ? Model(bytes.Memory.Span) : null;
        if (post)
        {
            call.Begin(context, _sink, bytes.Memory.Span);
        }

        var login = await _refresher.EnsureAsync(null, context.RequestAborted);
        var answer = await SendAsync(context, path, post ? bytes.Memory : null, login);
        try
        {
            if (answer.StatusCode == HttpStatusCode.Unauthorized && login.Kind == LoginKind.ChatGpt)
            {
                // Revoked before its time; the renewed one may do.
                login = await _refresher.EnsureAsync(login.AccessToken, context.RequestAborted);
                answer.Dispose();
                answer = await SendAsync(context, path, post ? bytes.Memory : null, login);
            }
            call.FirstByte();
            await PassOnAsync(context, call, answer, login);
        }
        finally
        {
            answer.Dispose();
        }
    }

    /// <summary>The path after /v1 of what is passed on; compared as it came, so that no spelling means one thing here and another there.</summary>
    private static string? Target(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        return context.Request.Method switch
        {
            "POST" when target == "/v1/responses" => "/responses",
            "GET" when target == "/v1/models" => "/models",
            "GET"
                when target.StartsWith("/v1/models?client_version=", StringComparison.Ordinal)
                    && target["/v1/models?client_version=".Length..].All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-') => target[
                3..
            ],
            _ => null,
        };
    }

    private Task<HttpResponseMessage> SendAsync(HttpContext context, string path, ReadOnlyMemory<byte>? body, AuthDocument login)
    {
        var key = login.Kind == LoginKind.ApiKey ? login.ApiKey : login.AccessToken;
        if (key is null)
        {
            throw LoginSync.Unusable();
        }
        var request = new HttpRequestMessage(
            body is null ? HttpMethod.Get : HttpMethod.Post,
            (login.Kind == LoginKind.ApiKey ? Api : ChatGpt) + path
        );
        foreach (var name in _headers)
        {
            if (context.Request.Headers.TryGetValue(name, out var values))
            {
                request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
            }
        }
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        if (login is { Kind: LoginKind.ChatGpt, AccountId: { } account })
        {
            request.Headers.TryAddWithoutValidation("chatgpt-account-id", account);
        }
        if (body is { } bytes)
        {
            request.Content = new ReadOnlyMemoryContent(bytes);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        return _http.SendAsync(request, context.RequestAborted);
    }

    private static async Task PassOnAsync(HttpContext context, CallRecord call, HttpResponseMessage answer, AuthDocument login)
    {
        var cancel = context.RequestAborted;
        if (!answer.IsSuccessStatusCode)
        {
            var words = await ErrorAsync(answer, login, cancel);
            call.Status = (int)answer.StatusCode;
            call.Error = $"OpenAI answers {(int)answer.StatusCode}";
            if (answer.StatusCode == HttpStatusCode.Unauthorized)
            {
                // Codex would try again for seconds, and then speak of its key, which is ours.
                await WordsAsync(context, $"OpenAI does not take the stored login. Sign in again: codexctl auth\n{words}");
                return;
            }
            CopyHeaders(context, answer);
            await Answer.SendAsync(
                context,
                (int)answer.StatusCode,
                answer.Content.Headers.ContentType?.ToString() ?? "application/json",
                words
            );
            return;
        }
        call.Status = (int)answer.StatusCode;
        context.Response.StatusCode = (int)answer.StatusCode;
        CopyHeaders(context, answer);
        context.Response.ContentType = answer.Content.Headers.ContentType?.ToString() ?? "application/json";
        await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
        if (answer.Content.Headers.ContentType?.MediaType is not "text/event-stream")
        {
            await stream.CopyToAsync(context.Response.Body, cancel);
            return;
        }
        await context.Response.Body.FlushAsync(cancel);
        var splitter = new EventSplitter();
        int read;
        while ((read = await stream.ReadAsync(splitter.Room(), cancel)) > 0)
        {
            splitter.Filled(read);
            while (splitter.TryTake(out var one))
            {
                var meaning = StreamEvent.Read(one.Span);
                if (meaning.Kind == StreamEventKind.Completed)
                {
                    (call.InputTokens, call.OutputTokens) = (meaning.InputTokens, meaning.OutputTokens);
                }
                call.Answer(context, one.Span);
                await context.Response.Body.WriteAsync(one, cancel);
            }
            await context.Response.Body.FlushAsync(cancel);
        }
        await context.Response.Body.WriteAsync(splitter.Rest, cancel);
    }

    private static void CopyHeaders(HttpContext context, HttpResponseMessage answer)
    {
        foreach (var (name, values) in answer.Headers)
        {
            if (!_notPassed.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                context.Response.Headers[name] = values.ToArray();
            }
        }
    }

    /// <summary>What OpenAI said, without the login, should it repeat it.</summary>
    private static async Task<string> ErrorAsync(HttpResponseMessage answer, AuthDocument login, CancellationToken cancel)
    {
        await using var stream = await answer.Content.ReadAsStreamAsync(cancel);
        var buffer = new byte[LargestError];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel);
        var text = Encoding.UTF8.GetString(buffer, 0, length);
        foreach (var secret in (string?[])[login.ApiKey, login.AccessToken, login.IdToken, login.RefreshToken])
        {
            text = secret is null ? text : text.Replace(secret, Redaction.Mask, StringComparison.Ordinal);
        }
        return text;
    }

    private static string? Model(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            while (reader.Read())
            {
                if (reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 } && reader.ValueTextEquals("model"u8))
                {
                    return reader.Read() && reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // No JSON, or half a surrogate pair: OpenAI says what it thinks of it.
        }
        return null;
    }

    private static async Task RefuseAsync(HttpContext context, CallRecord call, int status, string message)
    {
        call.Status = status;
        call.Error = message;
        await Answer.ErrorAsync(context, status, message, "codexctl_broker");
    }

    private static async Task WordsAsync(HttpContext context, string message)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        await Answer.WordsAsync(context, message);
    }
}
