using Codexctl.Commands;
using Codexctl.Engines;
using Codexctl.Engines.Bubblewrap;
using Codexctl.Engines.Docker;
using Codexctl.Gateway;
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

    /// <summary>The images there are, the person's own among them.</summary>
    public ImageCatalogue Images => _images ??= ImageCatalogue.Load(Paths.UserImages);

    public GatewayLauncher Gateways => _gateways ??= new GatewayLauncher(Processes, Paths, Self.Command, Clock);

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
                Terminal.Say
            )
            {
                Clock = Clock,
                ImageProblem = (image, info) => ImageOffers.Problem(this, image, info),
                OfferImage = (image, problem, cancel) => ImageOffers.OfferAsync(this, engine, image, problem, cancel),
                ContainerNotice = container => ImageOffers.Notice(this, container),
            }
        );
}
