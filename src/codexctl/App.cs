using Codexctl.Auth;
using Codexctl.Commands;
using Codexctl.Engines;
using Codexctl.Engines.Bubblewrap;
using Codexctl.Engines.Docker;
using Codexctl.Gateway;
using Codexctl.Gateway.Login;
using Codexctl.Images;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl;

/// <summary>The services of one run of the program, made by hand, lazily and once.</summary>
public sealed class App(HostEnvironment environment, Terminal.Terminal terminal, IProcesses processes, TimeProvider clock, Passthrough line)
{
    private CodexStore? _codex;
    private EngineSelection? _engines;
    private GatewayLauncher? _gateways;
    private LoginVault? _logins;

    public HostEnvironment Environment { get; } = environment;

    public Terminal.Terminal Terminal { get; } = terminal;

    public IProcesses Processes { get; } = processes;

    public TimeProvider Clock { get; } = clock;

    /// <summary>The command line, with what belongs to the box cut off.</summary>
    public Passthrough Line { get; } = line;

    public Paths Paths { get; } = new(environment);

    public CodexStore Codex => _codex ??= new CodexStore(Paths, Environment, Clock, CodexLock.Embedded.ForThisMachine());

    public GatewayLauncher Gateways => _gateways ??= new GatewayLauncher(Processes, Paths, Self.Command, Clock);

    public CredentialStores Stores => new(Environment, Processes, Paths.Login, Clock);

    /// <summary>The stored OpenAI login, in the store that was chosen or is found.</summary>
    public async Task<LoginVault> LoginsAsync() => _logins ??= new LoginVault(await Stores.ChooseAsync(asked: null), Paths.Login, Clock);

    /// <summary>How boxes use the login: `--broker`, else CODEXCTL_AUTH_MODE, else the one that keeps the refresh token here.</summary>
    public LoginMode LoginMode(bool broker) =>
        broker ? Auth.LoginMode.Broker
        : Environment["CODEXCTL_AUTH_MODE"] is { } word ? LoginModes.Parse(word, "the variable CODEXCTL_AUTH_MODE")
        : Auth.LoginMode.AccessOnly;

    public TokenRefresher Refresher(LoginVault vault) => new(vault, Environment, Clock, () => OpenAiHttp.Handler(Environment));

    public EngineSelection Engines =>
        _engines ??= new EngineSelection(
            Processes,
            Environment,
            new Dictionary<string, Func<IContainerEngine>>(StringComparer.Ordinal)
            {
                ["docker"] = () => new DockerEngine(Processes),
                [BubblewrapEngine.EngineName] = Bubblewrap,
            }
        );

    /// <summary>The engine of `--engine`, else the setting's, else the first that answers.</summary>
    public Task<IContainerEngine> EngineAsync(string? asked, CancellationToken cancel) =>
        Engines.ChooseAsync(asked, () => Bubblewrap().ProbeAsync(cancel), cancel);

    private BubblewrapEngine Bubblewrap() =>
        new(Paths, Processes, async cancel => (await CodexFilesAsync(cancel)).Root, OwnProgram.Current(), Clock);

    /// <summary>The pinned Codex, downloaded if it is not here yet; the person sees how far it is.</summary>
    public async Task<CodexFiles> CodexFilesAsync(CancellationToken cancel)
    {
        using var progress = new Terminal.Progress(Terminal, $"downloading Codex {Codex.Release.Version}", Clock);
        var files = await Codex.EnsureAsync(new DownloadView(progress, Terminal), cancel);
        progress.Succeeded();
        return files;
    }

    public SessionRunner Sessions(IContainerEngine engine) =>
        new(
            new SessionServices(
                Paths,
                engine,
                Gateways,
                (image, cancel) => ImageMaking.MakeAsync(this, engine, image, cancel),
                BoxFiles.Prepare,
                Terminal.Say,
                async () =>
                {
                    var vault = await LoginsAsync();
                    return new LoginSync(vault, Refresher(vault), Clock);
                }
            )
            {
                Clock = Clock,
            }
        );
}
