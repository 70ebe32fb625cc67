using static Codexctl.AppleContainer.TableBuilder;

namespace Codexctl.AppleContainer;

/// <summary>The commands about containers.</summary>
internal static partial class Tables
{
    /// <summary>What run, create and exec share: the process.</summary>
    private static Option[] Process =>
        [
            Texts("-e, --env", "env", help: "Set environment variables (format: key=value, or just key to inherit from host)"),
            Texts(
                "--env-file",
                "env-file",
                help: "Read in a file of environment variables (key=value format, ignores # comments and blank lines)"
            ),
            Number("--gid", "gid", help: "Set the group ID for the process"),
            Flag("-i, --interactive", help: "Keep the standard input open even if not attached"),
            Flag("-t, --tty", help: "Open a TTY with the process"),
            Text("-u, --user", "user", help: "Set the user for the process (format: name|uid[:gid])"),
            Number("--uid", "uid", help: "Set the user ID for the process"),
            Texts("--ulimit", "limit", "0.9", "Set resource limits (format: <type>=<soft>[:<hard>])"),
            Text("-w, --workdir, --cwd", "dir", help: "Set the initial working directory inside the container"),
        ];

    private static Option[] Dns =>
        [
            Texts("--dns", "ip", help: "DNS nameserver IP address"),
            Text("--dns-domain", "domain", help: "Default DNS domain"),
            Texts("--dns-option", "option", help: "DNS options"),
            Texts("--dns-search", "domain", help: "DNS search domains"),
        ];

    private static Option[] Create =>
        [
            .. Process,
            Number("-c, --cpus", "cpus", help: "Number of CPUs to allocate to the container"),
            Text("-m, --memory", "memory", help: "Amount of memory (1MiByte granularity), with optional K, M, G, T, or P suffix"),
            Text("-a, --arch", "arch", help: "Set arch if image can target multiple architectures"),
            Texts("--cap-add", "cap", "0.12", "Add a Linux capability"),
            Texts("--cap-drop", "cap", "0.12", "Drop a Linux capability"),
            Text("--cidfile", "cidfile", help: "Write the container ID to the path provided"),
            Flag("-d, --detach", help: "Run the container and detach from the process"),
            .. Dns,
            Text("--entrypoint", "cmd", help: "Override the entrypoint of the image"),
            Flag("--init", "0.10", "Run an init process inside the container that forwards signals and reaps processes"),
            Text("--init-image", "image", "0.10", "Use a custom init image instead of the default"),
            Text("-k, --kernel", "path", help: "Set a custom kernel path"),
            Texts("--kernel-arg", "arg", "1.2.0", "Add a kernel boot argument"),
            Texts("-l, --label", "label", help: "Add a key=value label to the container"),
            Texts("--masked-path", "path", "1.2.1", "Mask a path in the container"),
            Texts("--read-only-path", "path", "1.2.1", "Make a path read-only in the container"),
            Texts("--mount", "mount", help: "Add a mount to the container (format: type=<>,source=<>,target=<>,readonly)"),
            Text("--name", "name", help: "Use the specified name as the container ID"),
            Texts("--network", "network", "0.2", "Attach the container to a network"),
            Flag("--no-dns", help: "Do not configure DNS in the container"),
            Text("--os", "os", help: "Set OS if image can target multiple operating systems"),
            Texts("-p, --publish", "spec", help: "Publish a port from container to host"),
            Text("--platform", "platform", help: "Platform for the image if it's multi-platform"),
            Texts("--publish-socket", "spec", "0.2", "Publish a socket from container to host"),
            Flag("--read-only", "0.8", "Mount the container's root filesystem as read-only"),
            Flag("--remove, --rm", help: "Remove the container after it stops"),
            Flag("--rosetta", "0.7", "Enable Rosetta in the container"),
            Text("--runtime", "runtime", "0.10", "Set the runtime handler for the container"),
            Flag("--ssh", "0.4.1", "Forward SSH agent socket to container"),
            Text("--shm-size", "size", "1.0", "Size of /dev/shm"),
            Texts("--tmpfs", "tmpfs", help: "Add a tmpfs mount to the container at the given path"),
            Texts("-v, --volume", "volume", help: "Bind mount a volume into the container"),
            Flag("--virtualization", "0.3", "Expose virtualization capabilities to the container"),
            Text("--scheme", "scheme", help: "Scheme to use when connecting to the container registry"),
            Number("--max-concurrent-downloads", "max-concurrent-downloads", "0.7.1", "Maximum number of concurrent downloads"),
        ];

    private static Option Format(Profile profile) =>
        profile.NestedJson ? Choice("--format", "format", "json", "table", "yaml", "toml") : Choice("--format", "format", "json", "table");

    private static Option JsonOrTable => Choice("--format", "format", "json", "table");

    private static Option Quiet => Flag("-q, --quiet", help: "Only output the ID");

    private static CommandTable Container(string name, Profile profile) =>
        name switch
        {
            "create" => Command(
                "create",
                "[<options>] <image> [<arguments> ...]",
                Create,
                [One("image", "Image name"), Argv(required: false)],
                validate: Validation.NoDns
            ),
            "run" => Command(
                "run",
                "[<options>] <image> [<arguments> ...]",
                [.. Create, SilentChoice("--progress", "type", "0.7", "auto", "none", "ansi", "plain", "color")],
                [One("image", "Image name"), Argv(required: false)],
                validate: Validation.NoDns
            ),
            "start" => Command(
                "start",
                "[--attach] [--interactive] [--debug] <container-id>",
                [Flag("-a, --attach", help: "Attach stdout/stderr"), Flag("-i, --interactive", help: "Attach stdin")],
                [One("container-id", "Container ID")]
            ),
            "stop" => Command(
                "stop",
                "[--all] [--signal <signal>] [--time <time>] [--debug] [<container-ids> ...]",
                [
                    Flag("-a, --all", help: "Stop all running containers"),
                    Text("-s, --signal", "signal", help: "Signal to send to the containers"),
                    Number("-t, --time", "time", help: "Seconds to wait before killing the containers"),
                ],
                [Any("container-ids", "Container IDs")],
                validate: Validation.IdsOrAll("containers", "container IDs")
            ),
            "kill" => Command(
                "kill",
                "[--all] [--signal <signal>] [--debug] [<container-ids> ...]",
                [
                    Flag("-a, --all", help: "Kill or signal all running containers"),
                    Text("-s, --signal", "signal", help: "Signal to send to the container(s)"),
                ],
                [Any("container-ids", "Container IDs")],
                validate: Validation.IdsOrAll("containers", "container IDs")
            ),
            "delete" => Command(
                "delete",
                "[--all] [--force] [--debug] [<container-ids> ...]",
                [Flag("-a, --all", help: "Delete all containers"), Flag("-f, --force", help: "Delete containers even if they are running")],
                [Any("container-ids", "Container IDs")],
                validate: Validation.IdsOrAll("containers", "container ID(s)")
            ),
            "list" => Command(
                "list",
                "[--all] [--format <format>] [--quiet] [--debug]",
                [Flag("-a, --all", help: "Include containers that are not running"), Format(profile), Quiet],
                []
            ),
            "exec" => Command(
                "exec",
                "[<options>] <container-id> <arguments> ...",
                [.. Process, Flag("-d, --detach", help: "Run the process and detach from it")],
                [One("container-id", "Container ID"), Argv(required: true)]
            ),
            "inspect" => Command("inspect", "[--debug] <container-ids> ...", [], [Many("container-ids", "Container IDs")]),
            "logs" => Command(
                "logs",
                "[--boot] [--follow] [-n <n>] [--debug] <container-id>",
                [
                    Flag("--boot", help: "Display the boot log for the container instead of stdio"),
                    Flag("-f, --follow", help: "Follow log output"),
                    Number("-n", "n", help: "Number of lines to show from the end of the logs"),
                ],
                [One("container-id", "Container ID")]
            ),
            "stats" => Command(
                "stats",
                "[<containers> ...] [--format <format>] [--no-stream] [--debug]",
                [Format(profile), Flag("--no-stream", help: "Disable streaming stats and only pull the first result")],
                [Any("containers", "Container IDs or names")],
                "0.7"
            ),
            "copy" => Command(
                "copy",
                "[--debug] <source> <destination>",
                [],
                [One("source", "Source path"), One("destination", "Destination path")],
                "1.0"
            ),
            "export" => Command(
                "export",
                "[--debug] [--output <output>] <id>",
                [Text("-o, --output", "output", help: "Pathname for the saved container filesystem")],
                [One("id", "container ID")],
                "0.10"
            ),
            "prune" => Command("prune", "[--debug]", [], [], "0.9"),
            "build" => Build(profile),
            _ => throw new InvalidOperationException($"No table for {name}."),
        };

    private static CommandTable Build(Profile profile) =>
        Command(
            "build",
            "[<options>] [<context-dir>]",
            [
                Texts("-a, --arch", "value", help: "Add the architecture type to the build"),
                Texts("--build-arg", "key=val", help: "Set build-time variables"),
                Number("-c, --cpus", "cpus", help: "Number of CPUs to allocate to the builder container"),
                Text("-f, --file", "path", help: "Path to Dockerfile"),
                Texts("-l, --label", "key=val", help: "Set a label"),
                Text("-m, --memory", "memory", help: "Amount of builder container memory"),
                Flag("--no-cache", help: "Do not use cache"),
                Texts("-o, --output", "value", help: "Output configuration for the build (format: type=<oci|tar|local>[,dest=])"),
                Texts("--os", "value", help: "Add the OS type to the build"),
                Texts("--platform", "platform", help: "Add the platform to the build"),
                SilentChoice("--progress", "type", since: null, "auto", "plain", "tty"),
                Flag("-q, --quiet", help: "Suppress build output"),
                Texts("--secret", "id=key,...", "0.11", "Set build-time secrets (format: id=<key>[,env=<ENV_VAR>|,src=<local/path>])"),
                Texts("--ssh", "ssh", "1.2.1", "SSH agent to expose to the build"),
                Texts("-t, --tag", "name", help: "Name for the built image"),
                Text("--target", "stage", help: "Set the target build stage"),
                Number("--vsock-port", "port", help: "Builder shim vsock port"),
                Texts("--dns", "ip", "0.9", "DNS nameserver IP address"),
                Text("--dns-domain", "domain", "0.9", "Default DNS domain"),
                Texts("--dns-option", "option", "0.9", "DNS options"),
                Texts("--dns-search", "domain", "0.9", "DNS search domains"),
                Flag("--pull", "0.10", "Pull latest image"),
            ],
            [Maybe("context-dir", "Build directory")],
            validate: Validation.Build(profile)
        );
}
