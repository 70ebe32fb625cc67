namespace Codexctl.Engines.Docker;

/// <summary>What differs between docker and podman, which took over docker's command line.</summary>
/// <param name="Name">The word that `--engine` takes, and the program.</param>
/// <param name="Title">How people write it.</param>
/// <param name="Create">Further options of `create`.</param>
/// <param name="Exec">Further options of `exec`.</param>
/// <param name="FullNetwork">The network of `--network full`; null for the engine's default.</param>
/// <param name="MayLackLimits">The engine can turn out to have no control over processors and memory; it is asked before they are promised.</param>
/// <param name="LeavesProcesses">There is no daemon: what keeps containers alive are children of the client.</param>
/// <param name="LoopbackFromInside">The name under which boxes reach this machine's loopback: engines in a virtual machine have one.</param>
/// <param name="Down">What it says when it does not answer at all.</param>
/// <param name="Start">How a person brings it back.</param>
/// <param name="Floor">The oldest release that knows all options that are used.</param>
public sealed record DockerDialect(
    string Name,
    string Title,
    IReadOnlyList<string> Create,
    IReadOnlyList<string> Exec,
    string? FullNetwork,
    bool MayLackLimits,
    bool LeavesProcesses,
    string? LoopbackFromInside,
    IReadOnlyList<string> Down,
    string Start,
    string Floor
)
{
    /// <summary>
    /// Where SELinux is on, a box may neither enter the folders that it gets nor connect to the door. Relabelling a person's
    /// folder would change it for every other program, so the box goes without a label instead.
    /// </summary>
    private static readonly string[] _withoutLabel = ["--security-opt", "label=disable"];

    /// <param name="selinux">SELinux is on.</param>
    /// <param name="virtualMachine">Containers run in a virtual machine on this machine (Docker Desktop, podman machine).</param>
    public static DockerDialect Docker(bool selinux = false, bool virtualMachine = false) =>
        new(
            "docker",
            "Docker",
            // An init that reaps; docker brings its own.
            ["--init", .. selinux ? _withoutLabel : []],
            [],
            "bridge",
            MayLackLimits: false,
            LeavesProcesses: false,
            virtualMachine ? "host.docker.internal" : null,
            ["Cannot connect to the Docker daemon", "failed to connect to the docker API", "permission denied while trying to connect"],
            "Start its service (sudo systemctl start docker), or choose another engine: --engine bubblewrap",
            "Docker 20.10"
        );

    /// <param name="rootless">Run by an ordinary user, whose numeric ids are to be the same inside.</param>
    public static DockerDialect Podman(bool rootless, bool selinux = false, bool virtualMachine = false) =>
        new(
            "podman",
            "Podman",
            // No --init: its program (catatonit) is missing on many machines, and codexctl-init reaps by itself.
            // Not the host's proxies, which podman would put into every box, nor the whole environment, which containers.conf can ask for.
            [
                "--http-proxy=false",
                "--env-host=false",
                .. rootless ? ["--userns", "keep-id"] : Array.Empty<string>(),
                .. selinux ? _withoutLabel : [],
            ],
            // Programs in the box get every key: nobody detaches from a command of ours.
            ["--detach-keys", ""],
            // An ordinary user has no bridge; podman's default differs by version.
            rootless ? null : "bridge",
            MayLackLimits: rootless,
            LeavesProcesses: true,
            virtualMachine ? "host.containers.internal" : null,
            ["Cannot connect to Podman", "unable to connect to Podman"],
            "Start its machine (podman machine start), or choose another engine with --engine",
            "Podman 4.0"
        );

    /// <summary>A line of standard error that says nothing about the call itself.</summary>
    public static bool IsWarning(string line) =>
        line.Contains("level=warning", StringComparison.Ordinal)
        || line.StartsWith("WARN[", StringComparison.Ordinal)
        || line.StartsWith("WARNING:", StringComparison.Ordinal);
}
