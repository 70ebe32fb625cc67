using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.Log;

/// <summary>A session as the page lists it.</summary>
public sealed record WebSession(
    string Id,
    string Engine,
    string Container,
    string? Workdir,
    DateTimeOffset? Started,
    bool Live,
    bool Complete
) : VersionedJson
{
    public static WebSession From(LoggedSession session) =>
        new(session.Id, session.Engine, session.Container, session.Workdir, session.Started, session.IsLive, session.Record.Ended);
}

/// <summary>
/// The conversation as a page on loopback. Reads records and nothing else. Every request needs the token of the address; only GET; no other
/// site's page can read it (Host is checked, nothing is shared across origins), and what a model says stays text.
/// </summary>
public sealed class WebView(SessionFinder sessions, TimeProvider clock) : IAsyncDisposable
{
    private const int MostSessions = 200;

    private readonly string _token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
    private LoopbackServer? _server;

    /// <summary>Starts to serve; returns the address of the page, token included.</summary>
    /// <exception cref="UserError">The port cannot be listened on.</exception>
    public async Task<Uri> StartAsync(int port)
    {
        _server = await LoopbackServer.StartAsync(new IPEndPoint(IPAddress.Loopback, port), HandleAsync);
        return new Uri(_server.Address, $"/{_token}/");
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? default;

    private Task HandleAsync(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.CacheControl = "no-store";
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.XFrameOptions = "DENY";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
        // Only addresses of loopback come so far with another Host than these two.
        if (context.Request.Host.Host is not ("127.0.0.1" or "localhost"))
        {
            return SayAsync(context, StatusCodes.Status421MisdirectedRequest, "Only as 127.0.0.1 or localhost.");
        }
        if (context.Request.Method != HttpMethods.Get)
        {
            headers.Allow = HttpMethods.Get;
            return SayAsync(context, StatusCodes.Status405MethodNotAllowed, "Only GET.");
        }
        var path = (context.Request.Path.Value ?? "").Split('/');
        if (path is not ["", var token, var what] || !IsToken(token))
        {
            return SayAsync(
                context,
                StatusCodes.Status404NotFound,
                "Not found. The address that codexctl log --web prints has a token in it."
            );
        }
        return what switch
        {
            "" => PageAsync(context),
            "sessions" => SessionsAsync(context),
            "events" => EventsAsync(context),
            _ => SayAsync(context, StatusCodes.Status404NotFound, "Not found."),
        };
    }

    private bool IsToken(string token) =>
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(_token));

    private static Task PageAsync(HttpContext context)
    {
        var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        context.Response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(Page().Replace("{{nonce}}", nonce, StringComparison.Ordinal), context.RequestAborted);
    }

    private Task SessionsAsync(HttpContext context)
    {
        var list = sessions.All().Reverse().Take(MostSessions).Select(WebSession.From).ToList();
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(JsonSerializer.Serialize(list, WebJson.Default.ListWebSession), context.RequestAborted);
    }

    private async Task EventsAsync(HttpContext context)
    {
        var wanted = context.Request.Query["session"].ToString();
        if (sessions.All().FirstOrDefault(one => one.Id == wanted) is not { } session)
        {
            await SayAsync(context, StatusCodes.Status404NotFound, "There is no such session.");
            return;
        }
        context.Response.ContentType = "text/event-stream";
        var cancel = context.RequestAborted;
        var conversation = new Conversation();
        var batch = new StringBuilder("event: begin\ndata: {}\n\n");
        var told = false;
        var quiet = 0;
        try
        {
            await foreach (var line in new RecordFollower(() => [session], clock).FollowAsync("", cancel))
            {
                if (line is not null)
                {
                    (quiet, told) = (0, false);
                    foreach (var item in line.Exchange is { } exchange ? conversation.Add(exchange) : [])
                    {
                        batch
                            .Append("data: ")
                            .Append(JsonSerializer.Serialize(item, ConversationJson.Default.ConversationItem))
                            .Append("\n\n");
                    }
                }
                else if (++quiet % 25 == 24 && !told && !session.Record.Ended && !session.IsLive)
                {
                    told = true;
                    foreach (var item in conversation.Lost(clock.GetUtcNow()).Append(Died(clock.GetUtcNow())))
                    {
                        batch
                            .Append("data: ")
                            .Append(JsonSerializer.Serialize(item, ConversationJson.Default.ConversationItem))
                            .Append("\n\n");
                    }
                }
                if (batch.Length > 0 && (line is null || batch.Length > 64 << 10))
                {
                    await context.Response.WriteAsync(batch.ToString(), cancel);
                    await context.Response.Body.FlushAsync(cancel);
                    batch.Clear();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The page was closed or shows another session.
        }
    }

    /// <summary>The record has no end, and nobody who could write one.</summary>
    internal static ConversationItem Died(DateTimeOffset at) =>
        new(at, ConversationKind.Error, "incomplete: the gateway died; what happened after this is not recorded");

    private static Task SayAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain; charset=utf-8";
        return context.Response.WriteAsync(text + "\n", context.RequestAborted);
    }

    private static string Page()
    {
        using var stream = typeof(WebView).Assembly.GetManifestResourceStream("log/page.html")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(List<WebSession>))]
internal sealed partial class WebJson : JsonSerializerContext;
