using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Codexctl.Settings;

namespace Codexctl.Auth;

/// <summary>
/// Renews the stored login at its issuer. The refresh token is good for one use: whoever renews holds the vault's lock from reading it to
/// storing the next one, so that of many runs one renews and the others find what it got.
/// </summary>
/// <param name="http">Made when it is needed, disposed here.</param>
public sealed class TokenRefresher(LoginVault vault, HostEnvironment environment, TimeProvider clock, Func<HttpMessageHandler> http)
    : IDisposable
{
    /// <summary>Codex's own variable: another address of the token endpoint (a company's, or a test's).</summary>
    public const string AddressVariable = "CODEX_REFRESH_TOKEN_URL_OVERRIDE";

    /// <summary>Codex's own variable: where `codex logout` revokes the refresh token, and with it every copy of the login.</summary>
    public const string RevokeVariable = "CODEX_REVOKE_TOKEN_URL_OVERRIDE";

    private const int LargestAnswer = 256 * 1024;
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(30);

    private readonly Lazy<HttpMessageInvoker> _http = new(() => new HttpMessageInvoker(http()));

    /// <summary>The login with an access token that lasts for a while, and is not <paramref name="refused"/>.</summary>
    /// <param name="refused">The access token that somebody found to be no good; null when it is only about its age.</param>
    /// <exception cref="UserError">With <see cref="ExitCodes.SignInNeeded"/> where only a new sign-in helps.</exception>
    public async Task<AuthDocument> EnsureAsync(string? refused, CancellationToken cancel)
    {
        if (await vault.ReadAsync(cancel) is { } login && IsGood(login, refused))
        {
            return login;
        }
        var stored = await vault.UpdateAsync(
            async (stored, _) =>
                stored is null ? null
                : IsGood(stored, refused) ? stored
                : await RefreshAsync(stored, cancel),
            cancel
        );
        return stored ?? throw NoLogin();
    }

    public static UserError NoLogin() =>
        new("You are not signed in to OpenAI.", "No login is stored on this machine.", "Sign in: codexctl auth", ExitCodes.SignInNeeded);

    public void Dispose()
    {
        if (_http.IsValueCreated)
        {
            _http.Value.Dispose();
        }
    }

    private bool IsGood(AuthDocument login, string? refused) =>
        login.Kind != LoginKind.ChatGpt
        || (!LoginRules.EndsSoon(login, clock.GetUtcNow()) && (refused is null || login.AccessToken != refused));

    private async Task<AuthDocument> RefreshAsync(AuthDocument login, CancellationToken cancel)
    {
        var address = Address(login);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(_limit);
        HttpStatusCode status;
        byte[] answer;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = Body(login) };
            request.Headers.TryAddWithoutValidation("Accept", "application/json");
            using var response = await _http.Value.SendAsync(request, limit.Token);
            status = response.StatusCode;
            answer = await ReadAsync(response.Content, limit.Token);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw Unreachable(address, error.InnerException?.Message ?? error.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw Unreachable(address, $"It did not answer within {_limit.TotalSeconds:0} seconds.");
        }
        if (status != HttpStatusCode.OK)
        {
            throw (int)status is 400 or 401 or 403 ? Refused(Code(answer)) : Unreachable(address, $"It answered {(int)status}.");
        }
        return Renewed(login, answer) ?? throw Unreachable(address, "It answered something else than tokens.");
    }

    private Uri Address(AuthDocument login)
    {
        if (environment[AddressVariable] is { } other)
        {
            return Uri.TryCreate(other, UriKind.Absolute, out var address) && address.Scheme is "https" or "http"
                ? address
                : throw new UserError($"{AddressVariable} is no address.", null, "Correct or unset it.");
        }
        // The refresh token is all that somebody needs to be this person: it goes to nobody who could not prove who he is.
        return Uri.TryCreate(login.IssuedBy.Issuer + "/oauth/token", UriKind.Absolute, out var uri) && uri.Scheme == "https"
            ? uri
            : throw new UserError(
                "The stored login cannot be renewed.",
                "It names an issuer that is no https:// address.",
                "Sign in again: codexctl auth",
                ExitCodes.SignInNeeded
            );
    }

    private static ByteArrayContent Body(AuthDocument login)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("client_id", login.IssuedBy.Client);
            json.WriteString("grant_type", "refresh_token");
            json.WriteString("refresh_token", login.RefreshToken);
            json.WriteEndObject();
        }
        var content = new ByteArrayContent(stream.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    private AuthDocument? Renewed(AuthDocument login, byte[] answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            return json.RootElement.ValueKind == JsonValueKind.Object && Text(json.RootElement, "access_token") is { } access
                ? login.WithTokens(
                    access,
                    Text(json.RootElement, "id_token"),
                    Text(json.RootElement, "refresh_token"),
                    // Never before the one that it follows, whatever the clock of the box that wrote that one.
                    login.LastRefresh
                        is { } before
                    && before >= clock.GetUtcNow()
                        ? before.AddMilliseconds(1)
                        : clock.GetUtcNow()
                )
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken cancel)
    {
        await using var stream = await content.ReadAsStreamAsync(cancel);
        var buffer = new byte[LargestAnswer];
        return buffer[..await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancel)];
    }

    private static string? Code(byte[] answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("error", out var error)
                ? error.ValueKind == JsonValueKind.Object
                    ? Text(error, "code")
                    : error.ValueKind == JsonValueKind.String
                        ? error.GetString()
                        : null
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : null;

    private static UserError Refused(string? code) =>
        new(
            "OpenAI does not renew the login any more.",
            code switch
            {
                "refresh_token_reused" => "Its refresh token was used before: another copy of this login was renewed elsewhere.",
                "refresh_token_expired" => "It is too old.",
                "refresh_token_invalidated" => "It was revoked: somebody signed out.",
                _ => "It was refused.",
            },
            "Sign in again: codexctl auth",
            ExitCodes.SignInNeeded
        );

    private static UserError Unreachable(Uri address, string why) =>
        new($"The login could not be renewed at {address.Host}.", why, "Check that this computer is online, then try again.");
}
