using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Models;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl auth`: signs in to OpenAI and keeps the login; `auth status`, `auth logout`.</summary>
public static class Auth
{
    public static Command Create(App app)
    {
        var command = new Command("auth", "Sign in to OpenAI in a throwaway box, and keep the login in the system's store");
        var name = new Option<string?>("--name")
        {
            Description = "The throwaway container (default: codex-openai-auth-<folder>)",
            HelpName = "NAME",
        }.CompleteContainers(app);
        var image = new Option<string?>("--image") { Description = "Its image (default: codex)", HelpName = "NAME" }.CompleteImages(app);
        var engine = ContainerOptions.EngineOption();
        var key = new Option<bool>("--with-api-key") { Description = "Keep an API key instead, read from standard input" };
        var issuer = new Option<string?>("--issuer")
        {
            Description = "Sign in somewhere else than at OpenAI",
            HelpName = "URL",
            Hidden = true,
        };
        var client = new Option<string?>("--client-id")
        {
            Description = "With --issuer: the client there",
            HelpName = "ID",
            Hidden = true,
        };
        foreach (var option in (Option[])[name, image, engine, key, issuer, client])
        {
            command.Options.Add(option);
        }
        command.Subcommands.Add(CreateStatus(app));
        command.Subcommands.Add(CreateLogout(app));
        command.SetAction(
            (parsed, cancel) =>
                parsed.GetValue(key)
                    ? KeepKeyAsync(app, cancel)
                    : SignInAsync(
                        app,
                        parsed.GetValue(engine),
                        parsed.GetValue(name),
                        parsed.GetValue(image),
                        Issuer(parsed.GetValue(issuer), parsed.GetValue(client)),
                        cancel
                    )
        );
        return command.WithExamples(
            ("codexctl auth", "Sign in; prints an address and a code for your browser"),
            ("codexctl auth --with-api-key < key.txt", "Keep an API key instead")
        );
    }

    /// <summary>The sign-in itself, also of `run --openai`. Returns Codex's exit code when it did not come to an end.</summary>
    public static async Task<int> SignInAsync(
        App app,
        string? engineName,
        string? name,
        string? image,
        SignInIssuer? issuer,
        CancellationToken cancel
    )
    {
        if (name is not null)
        {
            ContainerNames.Check(name);
        }
        var engine = await app.EngineAsync(engineName, cancel);
        ImageMaking.Check(app, engine, image);
        var vault = await app.LoginsAsync();
        var certificates = CaBundle.Find(app.Settings.CaFile, app.Environment);
        var request = new RunRequest
        {
            Workdir = new Workdir(Directory.GetCurrentDirectory(), []),
            StateId = app.Paths.StateId,
            Name = name ?? ContainerNames.ForFolder(app.Settings.AuthNamePrefix, Directory.GetCurrentDirectory()),
            Image = image ?? app.Settings.DefaultImage,
            User = new BoxUser(Libc.GetUserId(), Libc.GetGroupId()),
            Choice = ModelChoice.From(app.Settings, app.Environment),
            Command = [],
            Environment = BoxEnvironment.For(app.Environment, BoxNetwork.None, signsIn: true, certificates: certificates is not null),
            Terminal = app.Terminal.IsInteractive,
            Certificates = certificates,
        };
        var code = await new SignIn(engine, app.Sessions(engine), vault).RunAsync(request, issuer, cancel);
        if (code != 0)
        {
            app.Terminal.Fail("The sign-in did not come to its end; nothing was stored.", null, "Try again: codexctl auth");
            return code;
        }
        app.Stores.Remember(vault.Store);
        app.Terminal.Say($"signed in; the login is kept in {vault.Store.Display}.");
        return ExitCodes.Ok;
    }

    private static async Task<int> KeepKeyAsync(App app, CancellationToken cancel)
    {
        if (app.Terminal.ReadsFromPerson)
        {
            throw new UserError(
                "The key is read from a pipe, so that it shows nowhere.",
                null,
                "For example: printenv OPENAI_API_KEY | codexctl auth --with-api-key",
                ExitCodes.Usage
            );
        }
        var key = (await Codexctl.Terminal.Terminal.ReadAllAsync(AuthDocument.Largest, cancel)).Trim();
        if (key.Length is 0 or > 4096 || key.Any(c => c is <= ' ' or > '~'))
        {
            throw new UserError(
                key.Length == 0 ? "No API key came on standard input." : "What came on standard input is no API key.",
                "A key is one word of plain letters, digits and signs.",
                "For example: printenv OPENAI_API_KEY | codexctl auth --with-api-key",
                ExitCodes.Usage
            );
        }
        var vault = await app.LoginsAsync();
        await vault.ReplaceAsync(AuthDocument.ForApiKey(key), cancel);
        app.Stores.Remember(vault.Store);
        app.Terminal.Say($"the API key is kept in {vault.Store.Display}. It is checked when it is first used.");
        return ExitCodes.Ok;
    }

    private static Command CreateStatus(App app)
    {
        var json = new Option<bool>("--json") { Description = "One JSON object" };
        var command = new Command("status", "Whether you are signed in, as whom, and where the login is kept") { json };
        command.SetAction((parsed, cancel) => StatusAsync(app, parsed.GetValue(json), cancel));
        return command.WithExamples(("codexctl auth status", "Whether you are signed in"), ("codexctl auth status --json", "For programs"));
    }

    private static async Task<int> StatusAsync(App app, bool json, CancellationToken cancel)
    {
        var vault = await app.LoginsAsync();
        var login = await vault.ReadAsync(cancel);
        var token = Jwt.Read(login?.IdToken);
        var ends = Jwt.Read(login?.AccessToken)?.Expires;
        var kind = login?.Kind switch
        {
            LoginKind.ChatGpt => "chatgpt",
            LoginKind.ApiKey => "apikey",
            _ => "none",
        };
        if (json)
        {
            var report = new AuthStatus(
                kind != "none",
                kind,
                vault.Store.Name,
                token?.Email,
                token?.Plan,
                login?.LastRefresh?.UtcDateTime,
                ends?.UtcDateTime,
                app.LoginMode(broker: false).Word()
            );
            app.Terminal.WriteLine(JsonSerializer.Serialize(report, AuthStatusJson.Default.AuthStatus));
        }
        else if (kind == "none")
        {
            app.Terminal.WriteLine($"Not signed in (looked in {vault.Store.Display}). Sign in: codexctl auth");
        }
        else
        {
            app.Terminal.WriteLine(
                kind == "apikey"
                    ? "Signed in with an API key"
                    : $"Signed in with ChatGPT{(token?.Email is { } email ? $" as {Shown.Text(email)}" : "")}"
            );
            app.Terminal.WriteLine($"  kept in {vault.Store.Display}");
            if (login?.LastRefresh is { } refreshed)
            {
                app.Terminal.WriteLine($"  last renewed {refreshed.UtcDateTime:yyyy-MM-dd HH:mm} UTC");
            }
            if (ends is { } end)
            {
                app.Terminal.WriteLine($"  access token ends {end.UtcDateTime:yyyy-MM-dd HH:mm} UTC");
            }
            app.Terminal.WriteLine($"  boxes get: {Words(app.LoginMode(broker: false), login!.Kind)}");
        }
        return kind == "none" ? ExitCodes.SignInNeeded : ExitCodes.Ok;
    }

    private static string Words(LoginMode mode, LoginKind kind) =>
        (mode, kind) switch
        {
            (LoginMode.Broker, _) => "nothing; the gateway adds it (broker)",
            (_, LoginKind.ApiKey) => "the API key; nothing of it with --broker",
            (LoginMode.AccessOnly, _) => "access tokens; the refresh token stays here (access-only)",
            _ => "the whole login (full)",
        };

    private static Command CreateLogout(App app)
    {
        var command = new Command("logout", "Forget the stored login; it is not revoked at OpenAI");
        command.SetAction(
            async (_, cancel) =>
            {
                var vault = await app.LoginsAsync();
                var removed = await vault.RemoveAsync(cancel);
                app.Stores.Forget(vault.Store);
                app.Terminal.Say(
                    removed
                        ? $"the login is gone from {vault.Store.Display}. At OpenAI it is still valid: other copies of it go on to work. "
                            + "To end those too: https://chatgpt.com/#settings/Security"
                        : $"there was no login in {vault.Store.Display}."
                );
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl auth logout", "Forget the stored login"));
    }

    private static SignInIssuer? Issuer(string? url, string? client)
    {
        if (url is null)
        {
            return client is null ? null : throw new UserError("--client-id works only together with --issuer.", exitCode: ExitCodes.Usage);
        }
        return Uri.TryCreate(url, UriKind.Absolute, out var address) && address.Scheme is "https" or "http"
            ? new SignInIssuer(address, client)
            : throw new UserError($"'{url}' is no address.", null, "For example: --issuer https://auth.example.com", ExitCodes.Usage);
    }
}

/// <param name="Kind">chatgpt, apikey or none.</param>
/// <param name="AccessTokenEnds">Null where that is not known.</param>
/// <param name="Mode">How a run gives the login to its box.</param>
public sealed record AuthStatus(
    bool SignedIn,
    string Kind,
    string Store,
    string? Email,
    string? Plan,
    DateTime? LastRefresh,
    DateTime? AccessTokenEnds,
    string Mode
) : VersionedJson;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(AuthStatus))]
internal sealed partial class AuthStatusJson : JsonSerializerContext;
