using System.CommandLine;
using System.Text;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Gateway.Login;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>`codexctl keychain …`: moves the stored login by hand, as the seed's helper did. Works with every store.</summary>
public static class KeychainCommand
{
    public static Command Create(App app)
    {
        var command = new Command("keychain", "Move the stored login by hand: into a running container, out of one, or to a pipe");
        command.Subcommands.Add(CreateStore(app));
        command.Subcommands.Add(CreateLoad(app));
        command.Subcommands.Add(CreateRead(app));
        command.Subcommands.Add(CreateVerify(app));
        return command.WithExamples(("codexctl keychain verify", "Check that a usable login is stored"));
    }

    private static Command CreateStore(App app)
    {
        var (command, name, path, engine) = New(app, "store-from-container", "Store the login that a running container has");
        var force = new Option<bool>("--force") { Description = "Also when the stored one of the same account was renewed later" };
        command.Options.Add(force);
        command.SetAction(
            async (parsed, cancel) =>
            {
                var box = await BoxAsync(app, parsed.GetRequiredValue(name), parsed.GetValue(path), parsed.GetValue(engine), cancel);
                var file = parsed.GetValue(path) ?? BoxLogin.DefaultPath;
                var bytes =
                    await box.ReadAsync(cancel)
                    ?? throw new UserError(
                        $"There is no {file} in the container {box.Container} that can be read.",
                        null,
                        "Sign in: codexctl auth"
                    );
                var vault = await LoginTaking.StoreAsync(app, bytes, $"{file} of {box.Container}", parsed.GetValue(force), cancel);
                app.Terminal.Say($"stored {file} of {box.Container} in {vault.Store.Display}.");
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl keychain store-from-container codex-demo", "Keep the login of a running container"));
    }

    private static Command CreateLoad(App app)
    {
        var (command, name, path, engine) = New(app, "load-to-container", "Write the whole stored login into a running container");
        command.SetAction(
            async (parsed, cancel) =>
            {
                var file = parsed.GetValue(path) ?? BoxLogin.DefaultPath;
                if (Inside(file, Box.LocalCodexHome))
                {
                    throw new UserError(
                        "The home of local runs never holds a login.",
                        "Signed in, Codex may choose another provider than the local model.",
                        $"Leave the path out: it is {BoxLogin.DefaultPath} then."
                    );
                }
                var login = await NeededAsync(app, cancel);
                var box = await BoxAsync(app, parsed.GetRequiredValue(name), parsed.GetValue(path), parsed.GetValue(engine), cancel);
                await box.WriteAsync(login, cancel);
                app.Terminal.Say($"wrote the login to {file} in {box.Container}. It stays there until you remove it, or the container.");
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl keychain load-to-container codex-demo", "Put the stored login into a running container"));
    }

    private static Command CreateRead(App app)
    {
        var show = new Option<bool>("--show") { Description = "Also to a terminal, where others may see it" };
        var command = new Command("read", "Print the stored login") { show };
        command.SetAction(
            async (parsed, cancel) =>
            {
                if (app.Terminal.DrawsOutput && !parsed.GetValue(show))
                {
                    throw new UserError(
                        "The login is a secret, and this would print it to a terminal.",
                        null,
                        "Give it to a pipe or a file; or repeat with --show if you mean it."
                    );
                }
                var login = await NeededAsync(app, cancel);
                app.Terminal.WriteLine(Encoding.UTF8.GetString(login.Bytes.Span).TrimEnd('\n'));
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl keychain read | jq .auth_mode", "Hand the stored login to another program"));
    }

    private static Command CreateVerify(App app)
    {
        var command = new Command("verify", "Check that a usable login is stored; says nothing of it");
        command.SetAction(
            async (_, cancel) =>
            {
                var vault = await app.LoginsAsync();
                var login = await NeededAsync(app, cancel);
                var what = login.Kind == LoginKind.ApiKey ? "an API key" : "a refresh token";
                var when = login.LastRefresh is { } time ? $", last renewed {time.UtcDateTime:yyyy-MM-dd HH:mm} UTC" : "";
                app.Terminal.WriteLine($"{vault.Store.Display} has {what}{when}.");
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl keychain verify && codexctl run --openai", "Run only when a login is there"));
    }

    private static (Command Command, Argument<string> Name, Argument<string?> Path, Option<string?> Engine) New(
        App app,
        string verb,
        string description
    )
    {
        var name = new Argument<string>("NAME") { Description = "The running container" }.CompleteContainers(app);
        var path = new Argument<string?>("PATH")
        {
            Description = $"auth.json in it (default: {BoxLogin.DefaultPath})",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var engine = ContainerOptions.EngineOption();
        return (new Command(verb, description) { name, path, engine }, name, path, engine);
    }

    private static async Task<AuthDocument> NeededAsync(App app, CancellationToken cancel)
    {
        var vault = await app.LoginsAsync();
        var login =
            await vault.ReadAsync(cancel)
            ?? throw new UserError($"No login is stored in {vault.Store.Display}.", null, "Sign in: codexctl auth");
        return login.Kind != LoginKind.None
            ? login
            : throw new UserError("The stored login has no refresh token and no API key.", null, "Sign in again: codexctl auth");
    }

    private static async Task<BoxLogin> BoxAsync(App app, string name, string? path, string? engineName, CancellationToken cancel)
    {
        ContainerNames.Check(name);
        if (path is not null && (!path.StartsWith('/') || path.EndsWith('/')))
        {
            throw new UserError($"'{path}' is no path of a file in a container.", null, "Give a whole one, from /.", ExitCodes.Usage);
        }
        var engine = await app.EngineAsync(engineName, cancel);
        var found = (await engine.InspectAsync([name], cancel)).FirstOrDefault(container => container.Name == name);
        if (found is not { IsOurs: true })
        {
            throw new UserError($"There is no container {name} of codexctl.", null, "codexctl ls shows those that exist.");
        }
        return found.State == ContainerState.Running
            ? new BoxLogin(engine, name, files: null, path ?? BoxLogin.DefaultPath)
            : throw new UserError($"The container {name} is not running.", null, $"Start it: codexctl start --name {name}");
    }

    private static bool Inside(string path, string folder) => Path.GetFullPath(path).StartsWith(folder + "/", StringComparison.Ordinal);
}
