using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Auth;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Codexctl.Gateway.Login;

/// <summary>
/// Where Codex in a box renews its tokens (`CODEX_REFRESH_TOKEN_URL_OVERRIDE` points here): the host does it for all boxes with the one
/// refresh token there is, stores what it got, and answers with it; with the next refresh token only where the box has the whole login anyway.
/// </summary>
internal sealed class TokenRoute(LoginVault vault, TokenRefresher refresher, LoginMode mode, IExchangeSink sink, TimeProvider time)
    : IDisposable
{
    /// <summary>An agent that says its token is no good, again and again, must not keep OpenAI busy in the person's name.</summary>
    private static readonly TimeSpan _leastPause = TimeSpan.FromSeconds(30);

    private readonly SemaphoreSlim _one = new(1);
    private string? _given;
    private long? _lastForced;

    public async Task HandleAsync(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        if (target == BoxLogin.RevokePath && HttpMethods.IsPost(context.Request.Method))
        {
            // Signed out of the box, which loses its copy; the login itself is the person's to end.
            await Answer.SendAsync(context, StatusCodes.Status200OK, "application/json", "{}");
            return;
        }
        if (target != BoxLogin.TokenPath || !HttpMethods.IsPost(context.Request.Method))
        {
            var call = new CallRecord(time, context) { Status = StatusCodes.Status403Forbidden };
            call.Error = "not a route of an OpenAI run";
            await Answer.ErrorAsync(
                context,
                StatusCodes.Status403Forbidden,
                "This run uses OpenAI's models: there is no local model at this address. For a local one: codexctl run, without --openai.",
                "no_local_model"
            );
            sink.Add(call.Finish(context));
            return;
        }
        try
        {
            var (forced, token) = await ReadAsync(context);
            var login = await RenewAsync(forced, token, context.RequestAborted);
            var answer = new JsonObject { ["access_token"] = login.AccessToken, ["id_token"] = login.IdToken };
            if (mode == LoginMode.Full)
            {
                answer["refresh_token"] = login.RefreshToken;
            }
            await Answer.SendAsync(context, StatusCodes.Status200OK, "application/json", answer.ToJsonString());
        }
        catch (UserError error)
        {
            var status =
                error.ExitCode == ExitCodes.SignInNeeded ? StatusCodes.Status401Unauthorized : StatusCodes.Status503ServiceUnavailable;
            await Answer.ErrorAsync(context, status, Answer.Sentence(error), "codexctl_login");
        }
        catch (Exception error)
            when (error is IOException or UnauthorizedAccessException && !context.RequestAborted.IsCancellationRequested)
        {
            // The disk is full, for one: Codex goes on with what it has, and says why.
            await Answer.ErrorAsync(context, StatusCodes.Status503ServiceUnavailable, error.Message, "codexctl_login");
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Codex left; what was renewed is stored all the same.
            return;
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<AuthDocument> RenewAsync(bool forced, string? token, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            var stored = await vault.ReadAsync(cancel) ?? throw TokenRefresher.NoLogin();
            if (stored.Kind != LoginKind.ChatGpt)
            {
                throw LoginSync.Unusable();
            }
            // Only when the box has the very token that is stored does it help to get another one.
            var known = _given ?? stored.AccessToken;
            var other = mode == LoginMode.Full && token is not null && token != stored.RefreshToken;
            var force = forced && !other && known == stored.AccessToken && MayForce();
            var login = await refresher.EnsureAsync(force ? stored.AccessToken : null, cancel);
            if (force)
            {
                _lastForced = time.GetTimestamp();
            }
            _given = login.AccessToken;
            return login;
        }
        finally
        {
            _one.Release();
        }
    }

    private bool MayForce() => _lastForced is not { } last || time.GetElapsedTime(last) >= _leastPause;

    private static async Task<(bool Forced, string? Token)> ReadAsync(HttpContext context)
    {
        var buffer = new byte[AuthDocument.Largest];
        var length = await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, context.RequestAborted);
        try
        {
            var body = JsonNode.Parse(buffer.AsSpan(0, length)) as JsonObject;
            // Not about its age: OpenAI refused the token that the box has.
            return (RequestGuard.AsText(body?["refresh_reason"]) is "unauthorized_recovery", RequestGuard.AsText(body?["refresh_token"]));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            // Nothing that Codex sends: no JSON, half a surrogate pair, a name that is there twice.
            return (false, null);
        }
    }
}
