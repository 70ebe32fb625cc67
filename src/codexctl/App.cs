using Codexctl.Auth;
using Codexctl.Commands;
using Codexctl.Engines;
using Codexctl.Engines.Apple;
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
    private ImageCatalogue? _images;
    private EngineSelection? _engines;
    private GatewayLauncher? _gateways;
    private LoginVault? _logins;
    private CodexctlSettings? _settings;

    public HostEnvironment Environment { get; } = environment;

    public Terminal.Terminal Terminal { get; } = terminal;

    public IProcesses Processes { get; } = processes;

    public TimeProvider Clock { get; } = clock;

    /// <summary>The command line, with what belongs to the box cut off.</summary>
    public Passthrough Line { get; } = line;

    public Paths Paths { get; } = new(environment);

    /// <summary>The pinned Codex: the one that codexctl came with, or the one that the person chose instead.</summary>
    public CodexStore Codex =>
        _codex ??= new CodexStore(Paths, Environment, Clock, (Release ?? CodexPin.Load(Paths).Lock).ForThisMachine());

    /// <summary>A Codex to try before it is chosen.</summary>
    public CodexLock? Release { get; init; }

    /// <summary>The same program with another Codex.</summary>
    public App With(CodexLock release) => new(Environment, Terminal, Processes, Clock, Line) { Release = release };

    /// <summary>The same program, as if it were called to run in another folder, with that folder's settings.</summary>
    public App For(string folder) =>
        new(Environment, Terminal, Processes, Clock, new Passthrough(["run", "--workdir", folder], RestKind.None, []))
        {
            Release = Release,
        };

    /// <summary>The images there are, the person's own among them.</summary>
    public ImageCatalogue Images => _images ??= ImageCatalogue.Load(Paths.UserImages);

    /// <summary>
    /// The settings for the folder that the command works on. Commands that only look or clear away go on without a project file
    /// that cannot be used: the box wrote it, and must not keep anybody from stopping it.
    /// </summary>
    /// <exception cref="UserError">A settings file or a variable is wrong.</exception>
    public CodexctlSettings Settings => _settings ??= LoadSettings();

    public SettingsLoader SettingsLoader => new(Environment, Paths);

    /// <summary>The folder that a run would mount, resolved; as given where it does not exist.</summary>
    public string Folder => Libc.ResolvePath(Line.Workdir ?? Directory.GetCurrentDirectory()) ?? Path.GetFullPath(Line.Workdir!);

    private CodexctlSettings LoadSettings()
    {
        var settings = SettingsLoader.Load(Folder);
        if (settings.Project.Problem is { } problem)
        {
            if (Line.Verb is "run" or "build" or "trust" || Line.Parsed is ["config", "list" or "get", ..])
            {
                throw problem;
            }
            Terminal.Say($"{problem.Message} {problem.Why} Going on without that file.");
        }
        if (Environment["CODEXCTL_CONFIG"] is not null && !File.Exists(Paths.ConfigFile))
        {
            Terminal.Say($"CODEXCTL_CONFIG names {Paths.ConfigFile}, which is not there: going on without settings of yours.");
        }
        if (Line.Verb is not ("trust" or "doctor") && settings.Project.Notice is { } notice)
        {
            Terminal.Say(notice);
        }
        return settings;
    }

    public GatewayLauncher Gateways => _gateways ??= new GatewayLauncher(Processes, Paths, Self.Command, Clock);

    public CredentialStores Stores => new(Environment, Processes, Paths.Login, Clock);

    /// <summary>The stored OpenAI login, in the store that was chosen or is found.</summary>
    public async Task<LoginVault> LoginsAsync() =>
        _logins ??= new LoginVault(await Stores.ChooseAsync(Settings.AuthStore), Paths.Login, Clock);

    /// <summary>How boxes use the login: `--broker`, else the setting `auth.mode`.</summary>
    public LoginMode LoginMode(bool broker) =>
        broker ? Auth.LoginMode.Broker : LoginModes.Parse(Settings.AuthMode, "the setting auth.mode");

    public TokenRefresher Refresher(LoginVault vault) => new(vault, Environment, Clock, () => OpenAiHttp.Handler(Environment));

    public EngineSelection Engines =>
        _engines ??= new EngineSelection(
            Processes,
            Environment,
            new Dictionary<string, Func<IContainerEngine>>(StringComparer.Ordinal)
            {
                [AppleEngine.EngineName] = () => new AppleEngine(Processes, Paths, new Person(Terminal.ConfirmAsync, Terminal.Say), Clock),
                ["docker"] = Docker,
                ["podman"] = Podman,
                [BubblewrapEngine.EngineName] = Bubblewrap,
            }
        );

    /// <summary>The engine of `--engine`, else the setting's, else the first that answers.</summary>
    public Task<IContainerEngine> EngineAsync(string? asked, CancellationToken cancel) =>
        Engines.ChooseAsync(asked ?? Settings.Engine, () => Bubblewrap().ProbeAsync(cancel), cancel);

    /// <summary>The setting `strict`: what would take a guarantee away is refused, not told.</summary>
    public bool Strict => Settings.Strict;

    private DockerEngine Docker()
    {
        var mac = OperatingSystem.IsMacOS();
        var cannot = DockerEndpoint.WhyDockerCannot(Environment, mac, Read);
        var machine = mac || cannot?.Contains("virtual machine", StringComparison.Ordinal) == true;
        return new DockerEngine(Processes, DockerDialect.Docker(HasSelinux, machine), new EngineDoor(cannot, HasTcp: true));
    }

    private DockerEngine Podman()
    {
        var mac = OperatingSystem.IsMacOS();
        var cannot = DockerEndpoint.WhyPodmanCannot(Environment, mac);
        // On Linux the bridge has no address before the first container is on it, and for an ordinary user none at all.
        return new DockerEngine(
            Processes,
            DockerDialect.Podman(rootless: Libc.GetUserId() != 0, HasSelinux, mac),
            new EngineDoor(cannot, HasTcp: mac)
        );
    }

    private static string? Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Not there, or not for us: then it is not in force for docker's client either.
            return null;
        }
    }

    private static bool HasSelinux => File.Exists("/sys/fs/selinux/enforce");

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
                ImageProblem = (image, info) => ImageOffers.Problem(this, image, info),
                OfferImage = (image, problem, cancel) => ImageOffers.OfferAsync(this, engine, image, problem, cancel),
                ContainerNotice = container => ImageOffers.Notice(this, container),
                Strict = Strict,
            }
        );
}
