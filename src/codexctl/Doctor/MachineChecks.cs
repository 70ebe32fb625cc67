using System.Globalization;
using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Settings;

namespace Codexctl.Doctor;

/// <summary>Disk, memory, the pinned Codex, the engine and its image.</summary>
public static class MachineChecks
{
    /// <summary>Codex, unpacked twice for a moment, and an image with it.</summary>
    private const long NeededDisk = 2_000_000_000;

    private const long NeededMemory = 4L << 30;

    /// <param name="free">Bytes that are free where a folder is or would be; null when nobody knows.</param>
    public static Check Disk(Paths paths, Func<string, long?> free) =>
        Check.Of(
            "disk",
            () =>
                ((string Folder, string Variable)[])[(paths.Cache, "CODEXCTL_CACHE_DIR"), (paths.State, "CODEXCTL_STATE_DIR")]
                    is var folders
                    ? folders.Select(place =>
                        free(place.Folder) is not { } bytes
                            ? new Finding("disk", Level.Warning, $"How much is free at {place.Folder} is not known.")
                        : bytes < NeededDisk
                            ? new Finding(
                                "disk",
                                bytes < NeededDisk / 4 ? Level.Problem : Level.Warning,
                                $"Only {Gigabytes(bytes)} GB are free at {place.Folder}.",
                                "Codex, its image and recordings need about 2 GB.",
                                $"Make room, or name another disk with {place.Variable}."
                            )
                        : Finding.Ok("disk", $"{Gigabytes(bytes)} GB free at {place.Folder}")
                    )
                    : []
        );

    public static Check Memory(long bytes) =>
        Check.Of(
            "memory",
            () =>
                [
                    bytes < NeededMemory
                        ? new Finding(
                            "memory",
                            Level.Warning,
                            $"This machine has {Gigabytes(bytes)} GB of memory.",
                            "A box with Codex and a build wants 4 GB, a local model its own size besides.",
                            "Use a small model, or a model server on another machine: codexctl config set servers.NAME.url http://…"
                        )
                        : Finding.Ok("memory", $"{Gigabytes(bytes)} GB"),
                ]
        );

    /// <summary>What is free on the disk of a folder, or of the nearest one above it that exists.</summary>
    public static long? FreeAt(string folder)
    {
        for (var path = folder; path is not null; path = Path.GetDirectoryName(path))
        {
            if (Directory.Exists(path))
            {
                return new DriveInfo(path).AvailableFreeSpace;
            }
        }
        return null;
    }

    /// <param name="fetch">Downloads the pinned Codex.</param>
    public static Check Pin(CodexStore store, Paths paths, Func<CancellationToken, Task> fetch) =>
        Check.Of("pin", () => [Look(store, paths, fetch)]);

    /// <param name="choose">The engine that a run would take.</param>
    /// <param name="version">What its program says of itself.</param>
    public static Check Engine(
        Func<CancellationToken, Task<IContainerEngine>> choose,
        Func<IContainerEngine, CancellationToken, Task<string>> version
    ) =>
        new(
            "engine",
            async cancel =>
            {
                var engine = await choose(cancel);
                // An answer to a real question: the client alone tells nothing about the service.
                var containers = await engine.ListAsync(cancel);
                var lost = new List<string>();
                if (!engine.Capabilities.Limits)
                {
                    lost.Add("no limits of memory and processors");
                }
                if (!engine.Capabilities.RootExec)
                {
                    lost.Add("no su-exec");
                }
                return
                [
                    Finding.Ok(
                        "engine",
                        $"{engine.Name} ({await version(engine, cancel)}) answers, {containers.Count(container => container.IsOurs)} of its {containers.Count} containers are codexctl's{(lost.Count == 0 ? "" : $" ({string.Join(", ", lost)})")}"
                    ),
                    Door(engine, containers),
                ];
            }
        );

    /// <summary>The door of new boxes, and those of this state directory whose socket did not answer when they were made.</summary>
    private static Finding Door(IContainerEngine engine, IReadOnlyList<ContainerInfo> containers)
    {
        if (engine.Door.SocketCannotCross is { } why)
        {
            return new Finding(
                "door",
                Level.Warning,
                "The door of this engine's boxes is a TCP port with a token, not a Unix socket.",
                $"{why}. {string.Join(' ', EngineDoor.LostWithTcp)}",
                "An engine on this machine itself gives the whole promise: --engine NAME"
            );
        }
        var overTcp = containers.Where(container => container.IsOurs && DoorLabel.Listen(container) is not null).ToList();
        return overTcp.Count == 0
            ? Finding.Ok("door", "the door is a Unix socket: no port of this machine is opened for a box")
            : new Finding(
                "door",
                Level.Warning,
                $"The door of {string.Join(", ", overTcp.Select(container => container.Name))} is a TCP port with a token, not a Unix socket.",
                $"The socket did not answer from inside when they were made. {string.Join(' ', EngineDoor.LostWithTcp)}",
                "To try the socket again, remove them (codexctl rm --name NAME) and run anew; CODEXCTL_STRICT=true refuses such doors."
            );
    }

    /// <param name="isCurrent">Whether an image is what this version of codexctl would build.</param>
    /// <param name="build">Builds it anew.</param>
    public static Check Image(
        Func<CancellationToken, Task<IContainerEngine>> choose,
        string name,
        Func<IImageEngine, ImageInfo, bool> isCurrent,
        Func<IImageEngine, CancellationToken, Task> build
    ) =>
        new(
            "image",
            async cancel =>
            {
                if (await choose(cancel) is not IImageEngine engine)
                {
                    return [Finding.Ok("image", "the engine needs none")];
                }
                var image = await engine.InspectImageAsync(name, cancel);
                return
                [
                    image is null
                        ? new Finding(
                            "image",
                            Level.Warning,
                            $"The image {name} is not built yet.",
                            "The first run builds it, which takes a while.",
                            $"codexctl build --image {name}",
                            stop => build(engine, stop)
                        )
                    : !isCurrent(engine, image)
                        ? new Finding(
                            "image",
                            Level.Warning,
                            $"The image {name} is not what this codexctl would build.",
                            "It was built by another version, with another Codex, or on another base.",
                            $"codexctl build --image {name} --rebuild",
                            stop => build(engine, stop)
                        )
                    : Finding.Ok("image", $"{name} is built and current"),
                ];
            }
        );

    private static Finding Look(CodexStore store, Paths paths, Func<CancellationToken, Task> fetch)
    {
        if (store.Find() is { } files)
        {
            return Finding.Ok("pin", $"Codex {files.Release.Version} is here and whole");
        }
        var damaged =
            Directory.Exists(paths.CodexReleases)
            && Directory.EnumerateDirectories(paths.CodexReleases, $"*{store.Release.Version}*").Any();
        return new Finding(
            "pin",
            Level.Warning,
            damaged
                ? $"The download of Codex {store.Release.Version} in {paths.CodexReleases} is not whole."
                : $"Codex {store.Release.Version} is not downloaded yet.",
            damaged ? "A file is missing or has another size than the verified package." : "The first run downloads it, about 120 MB.",
            "codexctl doctor --fix downloads and verifies it",
            fetch
        );
    }

    private static string Gigabytes(long bytes) => (bytes / 1e9).ToString("0.#", CultureInfo.InvariantCulture);
}
