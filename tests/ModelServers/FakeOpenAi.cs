using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Codexctl.ModelServers;

/// <summary>
/// OpenAI as Codex knows it: the issuer with device login and refresh tokens that are good for one use, the ChatGPT backend and the API. It is
/// reached as in a company: by an HTTP proxy that opens the TLS of OpenAI's names with a certificate authority of its own
/// (<see cref="Proxy"/>, <see cref="Certificates"/>); nobody else can be reached through it.
/// </summary>
public sealed class FakeOpenAi : IAsyncDisposable
{
    private static readonly string[] _names = ["auth.openai.com", "chatgpt.com", "api.openai.com"];

    private static readonly string[] _answer =
    [
        """{"type":"response.created","response":{"id":"r"}}""",
        """{"type":"response.output_item.done","item":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"online ok"}]}}""",
        """{"type":"response.completed","response":{"id":"r","usage":{"input_tokens":11,"output_tokens":2,"total_tokens":13}}}""",
    ];

    private readonly WebApplication _app;
    private readonly CompanyProxy _proxy;
    private readonly ConcurrentQueue<SeenRequest> _seen = new();
    private readonly ConcurrentQueue<string> _secrets = new();
    private readonly ConcurrentQueue<string> _messages = new();
    private readonly ConcurrentDictionary<string, int> _refreshTokens = new();
    private int _generation;
    private int _polls;
    private int _reused;

    private FakeOpenAi(WebApplication app)
    {
        _app = app;
        Address = new Uri(app.Urls.First());
        _proxy = new CompanyProxy(_names, Address.Port);
    }

    /// <summary>How often a device login is asked for before the person has typed the code.</summary>
    public int Pending { get; set; } = 1;

    /// <summary>How long the access tokens of the first login last; those of refreshes last an hour.</summary>
    public TimeSpan FirstLife { get; set; } = TimeSpan.FromHours(1);

    /// <summary>Access tokens up to this generation are refused (401).</summary>
    public int RefusedUpTo { get; set; }

    /// <summary>The status of the first step of a device login.</summary>
    public int UserCodeStatus { get; set; } = 200;

    /// <summary>The code with which every refresh is refused; null to grant them.</summary>
    public string? FailRefresh { get; set; }

    /// <summary>Whether a conversation may go by WebSocket; else <see cref="WebSocketStatus"/>.</summary>
    public bool TakesWebSockets { get; set; }

    public int WebSocketStatus { get; set; } = 426;

    /// <summary>How long a refresh takes.</summary>
    public TimeSpan RefreshTime { get; set; }

    public string ApiKey { get; } = "sk-test-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));

    /// <summary>Every answer of the models waits for this.</summary>
    public Func<Task> BeforeAnswer { get; set; } = () => Task.CompletedTask;

    public Uri Address { get; }

    /// <summary>For HTTPS_PROXY.</summary>
    public string Proxy => _proxy.Address;

    /// <summary>The certificate authority, as PEM.</summary>
    public string Certificates => _proxy.Certificates;

    public IReadOnlyList<SeenRequest> Seen => [.. _seen];

    /// <summary>Hosts that were asked for, with their ports.</summary>
    public IReadOnlyList<string> Connects => _proxy.Asked;

    /// <summary>Every token that was given, and the key.</summary>
    public IReadOnlyList<string> Secrets => [ApiKey, .. _secrets];

    public IEnumerable<string> RefreshTokens => _refreshTokens.Keys;

    /// <summary>How often a refresh token came that had been used.</summary>
    public int Reused => _reused;

    public IEnumerable<SeenRequest> Refreshes =>
        Seen.Where(request => request.Target == "/oauth/token" && request.Body.Contains("\"refresh_token\"", StringComparison.Ordinal));

    /// <summary>Attempts at a WebSocket.</summary>
    public IEnumerable<SeenRequest> Upgrades => Seen.Where(request => request.Headers.ContainsKey("Upgrade"));

    /// <summary>What came by WebSocket.</summary>
    public IReadOnlyList<string> Messages => [.. _messages];

    public IEnumerable<SeenRequest> Responses =>
        Seen.Where(request => request.Method == "POST" && request.Target.EndsWith("/responses", StringComparison.Ordinal));

    public static async Task<FakeOpenAi> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        FakeOpenAi? fake = null;
        app.UseWebSockets();
        app.Run(context => fake!.HandleAsync(context));
        await app.StartAsync();
        return fake = new FakeOpenAi(app);
    }

    /// <summary>A login as if somebody had signed in.</summary>
    public JsonObject Login()
    {
        var tokens = Tokens(FirstLife);
        return new JsonObject
        {
            ["auth_mode"] = "chatgpt",
            ["OPENAI_API_KEY"] = null,
            ["tokens"] = new JsonObject
            {
                ["id_token"] = (string?)tokens["id_token"],
                ["access_token"] = (string?)tokens["access_token"],
                ["refresh_token"] = (string?)tokens["refresh_token"],
                ["account_id"] = "acct-fake-1",
            },
            ["last_refresh"] = DateTime.UtcNow.AddMinutes(-5).ToString("O"),
        };
    }

    public Task WaitForShutdownAsync() => _app.WaitForShutdownAsync();

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        var upgrade = context.Request.Headers.Upgrade.Count > 0;
        using var buffer = new MemoryStream();
        if (!upgrade)
        {
            await context.Request.Body.CopyToAsync(buffer);
        }
        var request = new SeenRequest(
            context.Request.Method,
            context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            Encoding.UTF8.GetString(buffer.ToArray())
        );
        _seen.Enqueue(request);
        var path = request.Target.Split('?')[0];
        if (upgrade && TakesWebSockets)
        {
            await ConverseAsync(context, request);
            return;
        }
        if (upgrade)
        {
            await JsonAsync(context, WebSocketStatus, Error("no_websocket"));
            return;
        }
        switch (path)
        {
            case "/api/accounts/deviceauth/usercode":
                await JsonAsync(
                    context,
                    UserCodeStatus,
                    new JsonObject
                    {
                        ["device_auth_id"] = "dev_1",
                        ["user_code"] = "ABCD-1234",
                        ["interval"] = "1",
                    }
                );
                break;
            case "/api/accounts/deviceauth/token":
                await (
                    Interlocked.Increment(ref _polls) <= Pending
                        ? JsonAsync(context, 403, Error("deviceauth_authorization_unknown"))
                        : JsonAsync(
                            context,
                            200,
                            new JsonObject
                            {
                                ["authorization_code"] = "authcode_1",
                                ["code_challenge"] = "chal",
                                ["code_verifier"] = "verif",
                            }
                        )
                );
                break;
            case "/oauth/token":
                await TokenAsync(context, request);
                break;
            case "/oauth/revoke":
                await JsonAsync(context, 200, []);
                break;
            case var _ when path.EndsWith("/accounts/check", StringComparison.Ordinal):
                await JsonAsync(context, 200, Accounts());
                break;
            case var _ when path.EndsWith("/models", StringComparison.Ordinal):
                await JsonAsync(context, IsAuthorized(request) ? 200 : 401, new JsonObject { ["models"] = new JsonArray() });
                break;
            case var _ when path.EndsWith("/responses", StringComparison.Ordinal):
                await AnswerAsync(context, request);
                break;
            default:
                await JsonAsync(context, 404, Error("not_found"));
                break;
        }
    }

    private async Task TokenAsync(HttpContext context, SeenRequest request)
    {
        if (!request.Body.StartsWith('{'))
        {
            await JsonAsync(context, 200, Tokens(FirstLife));
            return;
        }
        await Task.Delay(RefreshTime);
        var token = (string?)request.Json["refresh_token"] ?? "";
        if (FailRefresh is { } code)
        {
            await JsonAsync(context, 401, Error(code));
            return;
        }
        if (!_refreshTokens.TryUpdate(token, 1, 0))
        {
            Interlocked.Increment(ref _reused);
            await JsonAsync(context, 401, Error("refresh_token_reused"));
            return;
        }
        await JsonAsync(context, 200, Tokens(TimeSpan.FromHours(1)));
    }

    private async Task AnswerAsync(HttpContext context, SeenRequest request)
    {
        if (!IsAuthorized(request))
        {
            await JsonAsync(context, 401, Error("token_expired"));
            return;
        }
        await BeforeAnswer();
        context.Response.ContentType = "text/event-stream";
        foreach (var line in _answer)
        {
            await context.Response.WriteAsync($"data: {line}\n\n");
        }
    }

    /// <summary>Codex's conversation by WebSocket: the same events, one a message.</summary>
    private async Task ConverseAsync(HttpContext context, SeenRequest request)
    {
        if (!IsAuthorized(request))
        {
            await JsonAsync(context, 401, Error("token_expired"));
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1 << 20];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult got;
            do
            {
                got = await socket.ReceiveAsync(buffer.AsMemory(length), context.RequestAborted);
                length += got.Count;
            } while (!got.EndOfMessage);
            if (got.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
                return;
            }
            var message = Encoding.UTF8.GetString(buffer, 0, length);
            _messages.Enqueue(message);
            // Codex may open a conversation before there is anything to say.
            var generates = (bool?)JsonNode.Parse(message)!["generate"] ?? true;
            foreach (var line in _answer.Where(line => generates || !line.Contains("output_item", StringComparison.Ordinal)))
            {
                await socket.SendAsync(Encoding.UTF8.GetBytes(line), WebSocketMessageType.Text, true, context.RequestAborted);
            }
        }
    }

    private bool IsAuthorized(SeenRequest request)
    {
        var authorization = request.Headers.GetValueOrDefault("Authorization") ?? "";
        if (authorization == $"Bearer {ApiKey}")
        {
            return true;
        }
        var parts = authorization.Split('.');
        return parts.Length == 3
            && JsonNode.Parse(Base64Url.DecodeFromChars(parts[1])) is JsonObject claims
            && (int?)claims["gen"] > RefusedUpTo;
    }

    private JsonObject Tokens(TimeSpan life)
    {
        var generation = Interlocked.Increment(ref _generation);
        var refresh = $"rt_fake_{generation}_{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))}";
        _refreshTokens[refresh] = 0;
        var (id, access) = (Jwt(life, generation), Jwt(life, generation));
        foreach (var secret in (string[])[refresh, id, access])
        {
            _secrets.Enqueue(secret);
        }
        return new JsonObject
        {
            ["id_token"] = id,
            ["access_token"] = access,
            ["refresh_token"] = refresh,
            ["token_type"] = "Bearer",
            ["expires_in"] = (int)life.TotalSeconds,
        };
    }

    private static string Jwt(TimeSpan life, int generation)
    {
        var claims = new JsonObject
        {
            ["email"] = "dev@example.com",
            ["exp"] = DateTimeOffset.UtcNow.Add(life).ToUnixTimeSeconds(),
            ["gen"] = generation,
            ["jti"] = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)),
            ["https://api.openai.com/auth"] = new JsonObject
            {
                ["chatgpt_account_id"] = "acct-fake-1",
                ["chatgpt_plan_type"] = "plus",
                ["chatgpt_user_id"] = "user-fake-1",
                ["user_id"] = "user-fake-1",
            },
        };
        static string Part(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
        return $"{Part("{\"alg\":\"none\",\"typ\":\"JWT\"}")}.{Part(claims.ToJsonString())}.c2ln";
    }

    private static JsonObject Accounts() =>
        new()
        {
            ["accounts"] = new JsonArray(
                new JsonObject
                {
                    ["id"] = "acct-fake-1",
                    ["name"] = "n",
                    ["structure"] = "personal",
                    ["plan_type"] = "plus",
                    ["workspace_backend_origin"] = "https://chatgpt.com",
                    ["account_routing_override"] = "NO_CONSTRAINT",
                }
            ),
            ["account_ordering"] = new JsonArray("acct-fake-1"),
            ["default_account_id"] = "acct-fake-1",
        };

    private static JsonObject Error(string code) =>
        new()
        {
            ["error"] = new JsonObject { ["message"] = code, ["code"] = code },
        };

    private static Task JsonAsync(HttpContext context, int status, JsonObject body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(body.ToJsonString());
    }
}
