using Codexctl.Auth;

namespace Codexctl.Gateway.Login;

/// <summary>Moves the login between its store and boxes, by <see cref="LoginRules"/>.</summary>
public sealed class LoginSync(LoginVault vault, TokenRefresher refresher, TimeProvider clock)
{
    /// <summary>Before the command of a run: the box has afterwards what its mode gives it, and no more.</summary>
    /// <returns>What the person should know; null when all is as usual.</returns>
    /// <exception cref="UserError">There is no login, or it cannot be used any more.</exception>
    public async Task<string?> PutInAsync(BoxLogin box, LoginMode mode, CancellationToken cancel)
    {
        // Left behind by a run whose gateway was killed too: what it refreshed must not be overwritten. In a box that never had the whole login
        // whatever looks like one was made by the agent.
        var inBox = mode == LoginMode.Full || box.HasWhole ? await box.FindAsync(cancel) : null;
        var notice = await SaveAsync(inBox, cancel);
        if (mode == LoginMode.Broker)
        {
            await box.RemoveAsync(cancel);
            return notice;
        }
        var login =
            mode == LoginMode.AccessOnly ? await refresher.EnsureAsync(null, cancel)
            : await vault.ReadAsync(cancel) is { } stored ? stored
            : throw TokenRefresher.NoLogin();
        if (login.Kind == LoginKind.None)
        {
            throw Unusable();
        }
        if (LoginRules.ForBox(login, inBox, mode) is { } wanted)
        {
            await box.WriteAsync(wanted, cancel);
        }
        else
        {
            box.Remember(inBox!);
        }
        return notice;
    }

    /// <summary>After the last run: what was refreshed in the box is stored, and nothing of the login stays in it.</summary>
    /// <returns>What the person should know; null when all is as usual.</returns>
    public async Task<string?> TakeOutAsync(BoxLogin box, CancellationToken cancel)
    {
        var notice = box.HasWhole ? await SaveAsync(await box.FindAsync(cancel), cancel) : null;
        await box.RemoveAsync(cancel);
        return notice;
    }

    public static UserError Unusable() =>
        new(
            "The stored login has no refresh token and no API key.",
            "OpenAI would not take it for long.",
            "Sign in again: codexctl auth",
            ExitCodes.SignInNeeded
        );

    private async Task<string?> SaveAsync(AuthDocument? inBox, CancellationToken cancel)
    {
        if (inBox?.RefreshToken is null)
        {
            return null;
        }
        SaveDecision decision = new(null);
        await vault.UpdateAsync(
            (stored, _) =>
            {
                decision = LoginRules.FromBox(stored, inBox, clock.GetUtcNow());
                return Task.FromResult(decision.Save);
            },
            cancel
        );
        return decision.Notice
            ?? (
                vault.Trouble is { } trouble
                    ? $"The refreshed login is kept beside its store until that takes it ({trouble.TrimEnd('.')})."
                    : null
            );
    }
}
