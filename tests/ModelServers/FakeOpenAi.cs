using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
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

    private readonly WebApplication _app;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<SeenRequest> _seen = new();
    private readonly ConcurrentQueue<string> _connects = new();
    private readonly ConcurrentQueue<string> _secrets = new();
    private readonly ConcurrentDictionary<string, int> _refreshTokens = new();
    private readonly X509Certificate2 _server;
    private int _generation;
    private int _polls;
    private int _reused;

    private FakeOpenAi(WebApplication app)
    {
        _app = app;
        (Certificates, _server) = MakeCertificates();
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

    /// <summary>How long a refresh takes.</summary>
    public TimeSpan RefreshTime { get; set; }

    public string ApiKey { get; } = "sk-test-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));

    /// <summary>Every answer of the models waits for this.</summary>
    public Func<Task> BeforeAnswer { get; set; } = () => Task.CompletedTask;

    public Uri Address { get; private set; } = null!;

    /// <summary>For HTTPS_PROXY.</summary>
    public string Proxy => $"http://{_listener.LocalEndpoint}";

    /// <summary>The certificate authority, as PEM.</summary>
    public string Certificates { get; }

    public IReadOnlyList<SeenRequest> Seen => [.. _seen];

    /// <summary>Hosts that were asked for, with their ports.</summary>
    public IReadOnlyList<string> Connects => [.. _connects];

    /// <summary>Every token that was given, and the key.</summary>
    public IReadOnlyList<string> Secrets => [ApiKey, .. _secrets];

    public IEnumerable<string> RefreshTokens => _refreshTokens.Keys;

    /// <summary>How often a refresh token came that had been used.</summary>
    public int Reused => _reused;

    public IEnumerable<SeenRequest> Refreshes =>
        Seen.Where(request => request.Target == "/oauth/token" && request.Body.Contains("\"refresh_token\"", StringComparison.Ordinal));

    public IEnumerable<SeenRequest> Responses =>
        Seen.Where(request => request.Method == "POST" && request.Target.EndsWith("/responses", StringComparison.Ordinal));

    public static async Task<FakeOpenAi> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, port));
        var app = builder.Build();
        var fake = new FakeOpenAi(app);
        app.Run(fake.HandleAsync);
        await app.StartAsync();
        fake.Address = new Uri(app.Urls.First());
        fake._listener.Start();
        _ = fake.AcceptAsync();
        return fake;
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
        await _end.CancelAsync();
        _listener.Dispose();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _server.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var buffer = new MemoryStream();
        await context.Request.Body.CopyToAsync(buffer);
        var request = new SeenRequest(
            context.Request.Method,
            context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
            Encoding.UTF8.GetString(buffer.ToArray())
        );
        _seen.Enqueue(request);
        var path = request.Target.Split('?')[0];
        if (request.Headers.ContainsKey("Upgrade"))
        {
            await JsonAsync(context, 426, Error("no_websocket"));
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
        await context.Response.WriteAsync(
            """
            data: {"type":"response.created","response":{"id":"r"}}

            data: {"type":"response.output_item.done","item":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"online ok"}]}}

            data: {"type":"response.completed","response":{"id":"r","usage":{"input_tokens":11,"output_tokens":2,"total_tokens":13}}}


            """
        );
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

    private async Task AcceptAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            try
            {
                _ = ServeAsync(await _listener.AcceptTcpClientAsync(_end.Token));
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    /// <summary>One CONNECT: its TLS is opened here, what is inside goes to the web server.</summary>
    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var stream = client.GetStream();
                var head = new StringBuilder();
                var one = new byte[1];
                while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) && await stream.ReadAsync(one, _end.Token) == 1)
                {
                    head.Append((char)one[0]);
                }
                var words = head.ToString().Split(' ');
                var target = words.Length > 1 ? words[1] : "";
                _connects.Enqueue(target);
                var host = target.Split(':')[0];
                if (words[0] != "CONNECT" || !_names.Contains(host, StringComparer.Ordinal))
                {
                    await stream.WriteAsync(
                        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(),
                        _end.Token
                    );
                    return;
                }
                await stream.WriteAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray(), _end.Token);
                await using var tls = new SslStream(stream);
                await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = _server }, _end.Token);
                using var inner = new TcpClient();
                await inner.ConnectAsync(IPAddress.Loopback, Address.Port, _end.Token);
                var web = inner.GetStream();
                await Task.WhenAny(tls.CopyToAsync(web, _end.Token), web.CopyToAsync(tls, _end.Token));
            }
            catch (Exception error)
                when (error
                        is IOException
                            or SocketException
                            or OperationCanceledException
                            or System.Security.Authentication.AuthenticationException
                )
            {
                // The client left, or does not trust us: it says so itself.
                return;
            }
        }
    }

    private static (string Authority, X509Certificate2 Server) MakeCertificates()
    {
        var (from, to) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(30));
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var rootRequest = new CertificateRequest("CN=codexctl test authority", rootKey, HashAlgorithmName.SHA256);
        rootRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        rootRequest.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        rootRequest.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(rootRequest.PublicKey, false));
        using var root = rootRequest.CreateSelfSigned(from, to);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=chatgpt.com", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in _names)
        {
            names.AddDnsName(name);
        }
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var signed = request.Create(root, from, to, RandomNumberGenerator.GetBytes(8));
        using var withKey = signed.CopyWithPrivateKey(key);
        return (root.ExportCertificatePem(), X509CertificateLoader.LoadPkcs12(withKey.Export(X509ContentType.Pkcs12), null));
    }
}
