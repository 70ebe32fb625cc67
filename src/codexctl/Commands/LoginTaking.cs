using Codexctl.Auth;

namespace Codexctl.Commands;

/// <summary>Stores a login that was found in a container.</summary>
internal static class LoginTaking
{
    /// <param name="where">Where it was found, for messages.</param>
    /// <param name="force">Also when the stored one of the same account was renewed later.</param>
    /// <exception cref="UserError">It is no login, or worth nothing.</exception>
    public static async Task<LoginVault> StoreAsync(App app, byte[] bytes, string where, bool force, CancellationToken cancel)
    {
        var login =
            AuthDocument.TryParse(bytes, out var problem)
            ?? throw new UserError($"What is in {where} is no login: {problem}.", "Nothing was stored.");
        if (login.Kind == LoginKind.None)
        {
            throw new UserError(
                $"The login in {where} has no refresh token and no API key.",
                "It could not be used for long; nothing was stored. In the mode access-only a box never has one.",
                "Sign in: codexctl auth"
            );
        }
        var vault = await app.LoginsAsync();
        if (
            !force
            && await vault.ReadAsync(cancel) is { } stored
            && (stored.Kind, stored.AccountId) == (login.Kind, login.AccountId)
            && stored.LastRefresh is { } before
            && (login.LastRefresh is not { } refreshed || refreshed < before)
        )
        {
            throw new UserError(
                $"The login in {where} is older than the stored one, or does not say when it was renewed.",
                "A refresh token that was renewed since is worth nothing.",
                "To store it all the same: codexctl keychain store-from-container --force"
            );
        }
        await vault.ReplaceAsync(login, cancel);
        app.Stores.Remember(vault.Store);
        return vault;
    }
}
