using Codexctl.Auth;

namespace Codexctl.Doctor;

/// <summary>The store of the OpenAI login: which one it is, whether it opens, and what it holds.</summary>
public static class LoginChecks
{
    private const UnixFileMode Own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <param name="open">The stored login, in the store that a run would take.</param>
    public static Check Login(Func<Task<LoginVault>> open) => new("login", async cancel => [await LookAsync(await open(), cancel)]);

    /// <summary>The files of the login: whoever can read the key beside it can read the login.</summary>
    public static Check Files(string folder) => Check.Of("login", () => Open(folder));

    private static IEnumerable<Finding> Open(string folder)
    {
        if (!Directory.Exists(folder))
        {
            yield break;
        }
        foreach (var path in Directory.EnumerateFiles(folder).Prepend(folder))
        {
            var mode = File.GetUnixFileMode(path);
            if ((mode & ~Own) == UnixFileMode.None)
            {
                continue;
            }
            yield return new Finding(
                "login",
                Level.Problem,
                $"Others can get at {path}.",
                "The OpenAI login, or the key to it, is kept there.",
                $"chmod go= {path}",
                _ =>
                {
                    File.SetUnixFileMode(path, mode & Own);
                    return Task.CompletedTask;
                }
            );
        }
    }

    private static async Task<Finding> LookAsync(LoginVault vault, CancellationToken cancel)
    {
        AuthDocument? login;
        try
        {
            login = await vault.ReadAsync(cancel);
        }
        catch (UserError error)
        {
            return Finding.From("login", Level.Problem, error) with
            {
                What = $"The OpenAI login, kept in {vault.Store.Display}, cannot be read: {error.Message}",
            };
        }
        if (login is null)
        {
            return Finding.Ok(
                "login",
                $"not signed in to OpenAI, which local models do not need; a login would be kept in {vault.Store.Display}"
            );
        }
        if (login.Kind == LoginKind.None)
        {
            return new Finding(
                "login",
                Level.Problem,
                $"The login in {vault.Store.Display} has no refresh token and no API key.",
                "It cannot be used for long.",
                "Sign in again: codexctl auth"
            );
        }
        if (vault.HasUnsaved)
        {
            return new Finding(
                "login",
                Level.Warning,
                $"A renewed OpenAI login waits to get into {vault.Store.Display}.",
                "The store did not take it when it was renewed; until it does it is kept in an encrypted file beside.",
                "codexctl doctor --fix puts it there, as does the next renewal",
                stop => StoreAsync(vault, stop)
            );
        }
        var kind = login.Kind == LoginKind.ApiKey ? "an API key" : "signed in with ChatGPT";
        return Finding.Ok("login", $"{kind}, kept in {vault.Store.Display}, which can be read");
    }

    private static async Task StoreAsync(LoginVault vault, CancellationToken cancel)
    {
        // No change but the one that is due.
        await vault.UpdateAsync((_, _) => Task.FromResult<AuthDocument?>(null), cancel);
        if (vault.Trouble is { } trouble)
        {
            throw new UserError(trouble);
        }
    }
}
