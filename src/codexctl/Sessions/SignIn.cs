using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Gateway.Login;

namespace Codexctl.Sessions;

/// <summary>Another place to sign in than OpenAI's (a company's, or a test's).</summary>
public sealed record SignInIssuer(Uri Address, string? ClientId);

/// <summary>
/// Signs in to OpenAI: `codex login --device-auth` in a throwaway box that reaches nothing but the issuer, on the person's terminal. The
/// gateway removes the box and its home whatever happens to us.
/// </summary>
public sealed class SignIn(IContainerEngine engine, SessionRunner runs, LoginVault vault)
{
    public const string Issuer = "auth.openai.com:443";

    /// <param name="request">The box: its name, image, user and terminal; the rest is set here.</param>
    /// <returns>0, or the code that Codex's login ended with; nothing is stored then.</returns>
    public async Task<int> RunAsync(RunRequest request, SignInIssuer? issuer, CancellationToken cancel)
    {
        // A locked store is better known before the person signs in.
        _ = await vault.Store.ReadAsync(cancel);
        var folder = Directory.CreateTempSubdirectory("codexctl-login-").FullName;
        try
        {
            var login = request with
            {
                // Nothing of the project is needed to sign in.
                Workdir = new Workdir(Libc(folder), []),
                Temporary = true,
                ReadOnly = true,
                SignsIn = true,
                Allow = [issuer is null ? Issuer : $"{issuer.Address.Host}:{issuer.Address.Port}"],
                Command = Command(issuer),
            };
            await using var session = await runs.OpenTriedAsync(login, cancel);
            var code = await session.AttachAsync(login.Command, login.Terminal);
            if (code == 0)
            {
                await vault.ReplaceAsync(await FoundAsync(session.Container, cancel), CancellationToken.None);
            }
            await session.FinishAsync(CancellationToken.None);
            return code;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public static IReadOnlyList<string> Command(SignInIssuer? issuer)
    {
        List<string> words = ["codex", "login", "--device-auth"];
        if (issuer is not null)
        {
            words.AddRange(["--experimental_issuer", issuer.Address.AbsoluteUri.TrimEnd('/')]);
        }
        if (issuer?.ClientId is { } client)
        {
            words.AddRange(["--experimental_client-id", client]);
        }
        return words;
    }

    private async Task<AuthDocument> FoundAsync(string container, CancellationToken cancel)
    {
        var bytes =
            await new BoxLogin(engine, container, files: null, Box.SignInCodexHome + "/auth.json").ReadAsync(cancel)
            ?? throw NotWhole("it wrote no auth.json");
        var login = AuthDocument.TryParse(bytes, out var problem) ?? throw NotWhole(problem!);
        return
            login.Kind == LoginKind.ApiKey
            || (login.Kind == LoginKind.ChatGpt && Jwt.Read(login.AccessToken) is not null && Jwt.Read(login.IdToken) is not null)
            ? login
            : throw NotWhole("its tokens cannot be read");
    }

    private static string Libc(string folder) => Processes.Libc.ResolvePath(folder) ?? folder;

    private static UserError NotWhole(string why) =>
        new("Codex signed in, but left no usable login.", $"Of its auth.json: {why}.", "Try again: codexctl auth");
}
