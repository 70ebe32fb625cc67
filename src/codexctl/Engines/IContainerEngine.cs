namespace Codexctl.Engines;

/// <summary>
/// One way to run containers. Methods are idempotent where that makes sense, have a time limit of their own, and fail with
/// <see cref="UserError"/> (what a person can mend) or <see cref="ProcessError"/> (what the engine said).
/// </summary>
public interface IContainerEngine
{
    /// <summary>The word that `--engine` takes.</summary>
    string Name { get; }

    EngineCapabilities Capabilities { get; }

    /// <summary>How its boxes reach the gateway.</summary>
    EngineDoor Door => EngineDoor.SocketOnly;

    /// <summary>Where the gateway listens for its boxes over TCP; only for engines whose door has that. One engine call at most.</summary>
    /// <exception cref="UserError">No such address is known here.</exception>
    Task<TcpDoor> TcpDoorAsync(CancellationToken cancel = default) => throw new NotSupportedException($"{Name} has no door over TCP.");

    /// <summary>The containers with these exact names that exist, in one engine call; those that do not exist are left out.</summary>
    Task<IReadOnlyList<ContainerInfo>> InspectAsync(IReadOnlyList<string> names, CancellationToken cancel = default);

    /// <summary>All containers, running or not, of whatever program.</summary>
    Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancel = default);

    /// <exception cref="ImageMissingException">The image is not on this machine; nothing is pulled by surprise.</exception>
    /// <exception cref="NameTakenException">Somebody made a container of that name meanwhile.</exception>
    Task CreateAsync(ContainerSpec spec, CancellationToken cancel = default);

    /// <summary>Starts a stopped container. Nothing happens when it runs already.</summary>
    Task StartAsync(string name, CancellationToken cancel = default);

    /// <summary>Stops a container quickly; one that is stopped or gone is fine.</summary>
    Task StopAsync(string name, CancellationToken cancel = default);

    /// <summary>Removes a container; one that is gone is fine.</summary>
    /// <param name="force">Also when it runs.</param>
    Task RemoveAsync(string name, bool force, CancellationToken cancel = default);

    /// <summary>Runs a command in a running container on the person's terminal or pipes; returns its exit code.</summary>
    Task<int> ExecAsync(ExecSpec spec);

    /// <summary>Runs a command in a running container without a terminal and collects what it says.</summary>
    /// <param name="input">Its standard input, the only way for a secret into a box; null for none.</param>
    Task<Processes.ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default);

    /// <summary>What process 1 of a container said last, for one that ended by itself; null where nothing is kept or can be had.</summary>
    Task<string?> LastWordsAsync(string name, CancellationToken cancel = default) => Task.FromResult<string?>(null);

    /// <summary>Ends the processes of a run whose front end was killed; one that has none left is fine.</summary>
    Task KillSessionAsync(string container, string session, CancellationToken cancel = default);
}

/// <summary>An engine that takes its containers' files from images.</summary>
public interface IImageEngine : IContainerEngine
{
    Task<ImageInfo?> InspectImageAsync(string image, CancellationToken cancel = default);

    /// <summary>Containers as <see cref="IContainerEngine.InspectAsync"/> tells them, and an image, in one call where the engine can.</summary>
    async Task<(IReadOnlyList<ContainerInfo> Containers, ImageInfo? Image)> InspectWithImageAsync(
        IReadOnlyList<string> names,
        string image,
        CancellationToken cancel = default
    ) => (await InspectAsync(names, cancel), await InspectImageAsync(image, cancel));

    /// <summary>The images that codexctl built (they carry the label), with and without a name.</summary>
    Task<IReadOnlyList<ImageInfo>> ListImagesAsync(string label, CancellationToken cancel = default);

    /// <summary>Gives an image one more name, which moves when another image had it.</summary>
    Task TagImageAsync(string image, string name, CancellationToken cancel = default);

    Task PullImageAsync(string image, Action<string> onLine, CancellationToken cancel = default);

    Task RemoveImageAsync(string image, CancellationToken cancel = default);

    /// <summary>Builds an image; each line of the engine's log goes to <paramref name="onLine"/>.</summary>
    Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default);
}

/// <summary>An engine that gives away what others made with it.</summary>
public interface IExportingEngine : IImageEngine
{
    /// <summary>Writes all files of a container, which should be stopped, into a tar file.</summary>
    Task ExportAsync(string container, string file, CancellationToken cancel = default);

    /// <summary>The names of all images, with tags.</summary>
    Task<IReadOnlyList<string>> ImageNamesAsync(CancellationToken cancel = default);
}

/// <summary>What an engine can promise; a missing one is an error or a named opt-out, never silent.</summary>
/// <param name="Images">Containers come from images; else the host's system directories are used.</param>
/// <param name="Limits">`--cpu` and `--mem` hold.</param>
/// <param name="RootExec">`su-exec`: root inside the box, without being root outside.</param>
/// <param name="OwnNetwork">`--network full` gives the box a network of its own; else it would be the host's, with all that listens on its loopback.</param>
/// <param name="HomeOnHost">The box's home is a folder of ours, because the container has no file system of its own.</param>
public sealed record EngineCapabilities(bool Images, bool Limits, bool RootExec, bool OwnNetwork, bool HomeOnHost)
{
    /// <summary>`--cpu` takes whole numbers only.</summary>
    public bool WholeCpus { get; init; }

    /// <summary>
    /// The door's socket is relayed, not mounted: the one inside belongs to root and has the mode of ours, which must therefore
    /// be open to everybody. Its folder still keeps everybody else on the host out.
    /// </summary>
    public bool RelaysDoor { get; init; }
}

public enum ContainerState
{
    Unknown,
    Stopped,
    Running,
}

/// <summary>One container as its engine tells it.</summary>
/// <param name="WorkdirReadOnly">How /workdir is mounted; null when that cannot be read.</param>
public sealed record ContainerInfo(
    string Name,
    ContainerState State,
    string Image,
    IReadOnlyDictionary<string, string> Labels,
    bool? WorkdirReadOnly,
    DateTimeOffset? Created
)
{
    /// <summary>The image's id as <see cref="ImageInfo.Id"/> has it; null where the engine does not say.</summary>
    public string? ImageId { get; init; }

    /// <summary>The folder of the host that is at /workdir; null when there is none, or the engine does not say.</summary>
    public string? WorkdirSource { get; init; }

    /// <summary>The limits that it was made with; null for none, or where the engine does not say.</summary>
    public decimal? Cpus { get; init; }

    public long? MemoryBytes { get; init; }

    public string? Label(string key) => Labels.GetValueOrDefault(key);

    /// <summary>Whether codexctl made it.</summary>
    public bool IsOurs => Labels.ContainsKey(ContainerLabels.Workdir);
}

/// <summary>The labels that containers carry. Labels are the truth about containers; files on disk are not.</summary>
public static class ContainerLabels
{
    /// <summary>The host path behind /workdir, percent-encoded (engines differ in what a label value may hold).</summary>
    public const string Workdir = "codexctl.workdir";

    /// <summary>Which state directory it belongs to: the door that it mounts is served from there and from nowhere else.</summary>
    public const string State = "codexctl.state";
    public const string Image = "codexctl.image";
    public const string Version = "codexctl.version";
    public const string Network = "codexctl.network";
    public const string Temporary = "codexctl.temp";
    public const string ReadOnly = "codexctl.read-only";

    /// <summary>Further folders of the host; not there when there are none.</summary>
    public const string Mounts = "codexctl.mounts";

    /// <summary>See <see cref="DoorLabel"/>.</summary>
    public const string Door = "codexctl.door";
}

/// <summary>A folder or file of the host inside the box.</summary>
public sealed record Mount(string Source, string Target, bool ReadOnly);

public enum BoxNetwork
{
    /// <summary>Loopback only: the door is the one way out.</summary>
    None,

    /// <summary>The engine's ordinary network (`--network full`).</summary>
    Full,
}

/// <summary>A container to create. Nothing here is secret: it can be read back from the engine by everybody who may use it.</summary>
/// <param name="Hidden">Folders inside the mounts that the box must see empty: codexctl's own, when the home directory is mounted.</param>
/// <param name="User">Whose files these are: the numeric ids of the person who runs codexctl.</param>
/// <param name="Cpus">Number of processors; null for the engine's default.</param>
/// <param name="MemoryBytes">Memory limit; null for the engine's default.</param>
public sealed record ContainerSpec(
    string Name,
    string Image,
    IReadOnlyDictionary<string, string> Labels,
    IReadOnlyList<Mount> Mounts,
    IReadOnlyList<string> Hidden,
    BoxNetwork Network,
    BoxUser User,
    decimal? Cpus,
    long? MemoryBytes
)
{
    /// <summary>The image, where the engine was asked about it already.</summary>
    public ImageInfo? FoundImage { get; init; }

    /// <summary>The door over TCP; null for the socket. Its token is no part of this.</summary>
    public TcpDoor? Door { get; init; }
}

public sealed record BoxUser(uint UserId, uint GroupId);

/// <summary>A command for a running container.</summary>
/// <param name="Command">Program and arguments as the box sees them.</param>
/// <param name="Root">As root and without dropping privileges (`su-exec`).</param>
/// <param name="Terminal">With a terminal of its own: only when both our standard input and output are terminals.</param>
/// <param name="Environment">Goes in by inheritance, never on a command line.</param>
/// <param name="Session">Names the run, so that its processes can be found again when its front end was killed.</param>
public sealed record ExecSpec(
    string Container,
    IReadOnlyList<string> Command,
    BoxUser User,
    bool Root,
    bool Terminal,
    IReadOnlyDictionary<string, string> Environment,
    string Session
);

/// <param name="Size">Bytes on disk, as the engine counts them; null where it does not say.</param>
public sealed record ImageInfo(string Name, string Id, IReadOnlyDictionary<string, string> Labels, long? Size, DateTimeOffset? Created)
{
    /// <summary>All its names, with tags; none of an image that lost its name to a newer one.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];
}

/// <param name="Context">The folder that holds the recipe and all that it copies.</param>
/// <param name="Recipe">The recipe's path inside the context.</param>
/// <param name="Network">The network of the build's own steps; null for the engine's default.</param>
public sealed record ImageBuild(
    string Tag,
    string Context,
    string Recipe,
    IReadOnlyDictionary<string, string> Arguments,
    IReadOnlyDictionary<string, string> Labels,
    bool NoCache,
    bool Pull,
    string? Network
);

/// <param name="said">The engine's own words; null where it was asked for the image and has none.</param>
public sealed class ImageMissingException(string image, string? said = null) : Exception($"There is no image {image} on this machine.")
{
    public string Image { get; } = image;
    public string? Said { get; } = said;
}

public sealed class NameTakenException(string name) : Exception($"A container named {name} exists already.");
