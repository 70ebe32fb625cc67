using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>`create` and `run`, in the original's order of checks.</summary>
internal sealed class CreateCommand(Emulator emulator, ParsedCommand command)
{
    /// <summary>Parsed, but nothing stands behind them here.</summary>
    private static readonly string[] _unsupported =
    [
        "--init-image",
        "--kernel",
        "--kernel-arg",
        "--masked-path",
        "--publish",
        "--publish-socket",
        "--read-only-path",
        "--rosetta",
        "--runtime",
        "--ssh",
        "--virtualization",
    ];

    public int Create()
    {
        var id = CreateContainer(checkFirst: false);
        Console.Out.WriteLine(id);
        return 0;
    }

    public int RunIt()
    {
        var id = CreateContainer(checkFirst: true);
        var entry = emulator.Containers.Find(id) ?? throw new ContainerException($"get failed: container {id} not found");
        var start = new StartCommand(emulator);
        try
        {
            if (command.Has("--detach"))
            {
                if (command.Has("--tty") && command.Has("--interactive"))
                {
                    Attachment.RequireTerminal("failed to run container");
                }
                start.Detached(entry);
                Console.Out.WriteLine(id);
                return 0;
            }
            return start.Attached(entry, command.Has("--interactive"), command.Has("--tty"), "failed to run container", hasThreshold: true);
        }
        catch (ContainerException)
        {
            emulator.Containers.Delete(entry);
            throw;
        }
    }

    private string CreateContainer(bool checkFirst)
    {
        foreach (var option in _unsupported.Where(command.Has))
        {
            throw Emulator.NotSupported(option);
        }
        CreateRequest.CheckName(command);
        var id = command.Value("--name") ?? Guid.NewGuid().ToString();
        if (checkFirst && emulator.Containers.Find(id) is not null)
        {
            throw new ContainerException($"container with id {id} already exists");
        }
        ValueRules.CheckScheme(command);
        CheckPlatform();
        var image = emulator.Images.FindOrPull(command.Positionals[0]);
        var info = emulator.Images.Inspect(image);
        var request = CreateRequest.ParseAfterImage(command, id);
        var process = Process(info);
        var mounts = request.Mounts.Select(mount => Mounts.Locate(mount, Environment.CurrentDirectory)).ToList();
        CheckNetworks(request);
        CheckOwners(mounts);

        using (emulator.Store.Lock())
        {
            if (emulator.Containers.Find(id) is not null)
            {
                throw new ContainerException($"container already exists: {id}");
            }
            var volumes = new Volumes(emulator);
            foreach (var mount in mounts.Where(mount => mount.Kind == MountKind.Volume))
            {
                volumes.Claim(mount.Source);
            }
            var sockets = mounts.Where(IsSocket).Select(mount => mount.Source).ToList();
            var result = emulator.Docker.Capture(DockerArguments(id, image, request, mounts));
            if (!result.Ok)
            {
                throw new ContainerException(
                    $"internalError: \"failed to create container\" (cause: \"unknown: \"{result.Error.Trim()}\"\")"
                );
            }
            var record = new JsonObject
            {
                ["configuration"] = Configuration(id, image, info, request, mounts, process),
                ["emulator"] = new JsonObject
                {
                    ["docker"] = emulator.Containers.DockerName(id),
                    ["terminal"] = command.Has("--tty"),
                    ["remove"] = command.Has("--rm"),
                    ["imageId"] = image.DockerId,
                    ["imageName"] = image.Name,
                    ["sources"] = AppleJson.Array(mounts.Where(mount => mount.Kind == MountKind.Virtiofs).Select(mount => mount.Source)),
                    ["sockets"] = AppleJson.Array(sockets),
                },
            };
            emulator.Store.Write(Containers.Kind, id, record);
        }
        if (command.Value("--cidfile") is { } file)
        {
            File.WriteAllText(file, id);
        }
        return id;
    }

    private static bool IsSocket(MountSpec mount) => mount.Kind == MountKind.Virtiofs && Libc.IsSocket(mount.Source);

    /// <summary>
    /// With UID0 every folder must look root-owned inside. The ids of files cannot be changed here, but the caller can live in a user
    /// namespace whose ids are root's outside; what does not look so is refused rather than shown otherwise.
    /// </summary>
    private void CheckOwners(List<MountSpec> mounts)
    {
        if (!emulator.Settings.RootOwnedMounts)
        {
            return;
        }
        foreach (var mount in mounts.Where(mount => mount.Kind == MountKind.Virtiofs && !IsSocket(mount)))
        {
            if (Libc.OwnerOutside(mount.Source) != 0)
            {
                throw new ContainerException($"UID0: {mount.Source} does not look root-owned outside of the caller's user namespace", 70);
            }
        }
    }

    private void CheckPlatform()
    {
        var own = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "amd64";
        var platform = command.Value("--platform") ?? $"{command.Value("--os") ?? "linux"}/{command.Value("--arch") ?? own}";
        if (platform != $"linux/{own}")
        {
            throw Emulator.NotSupported($"platform {platform}");
        }
    }

    private void CheckNetworks(CreateRequest request)
    {
        foreach (var network in request.Networks)
        {
            if (network.Name != "default" && emulator.Settings.MacOs15)
            {
                throw new ContainerException("non-default network configuration requires macOS 26 or newer");
            }
            if (!NetworkCommands.Exists(emulator, network.Name))
            {
                throw new ContainerException($"network {network.Name} not found");
            }
        }
    }

    /// <summary>Program and arguments: what was given, else the image's; an entry point that was given drops the image's command.</summary>
    private List<string> Process(JsonObject info)
    {
        var given = command.Passthrough;
        List<string> words = command.Value("--entrypoint") is { } entry
            ? [entry, .. given]
            : [.. Words(info, "Entrypoint"), .. given.Count > 0 ? given : Words(info, "Cmd")];
        return words.Count > 0 ? words : throw new ContainerException("command/entrypoint not specified for container process");
    }

    private static List<string> Words(JsonObject info, string key) =>
        info["Config"]?[key] is JsonArray words ? [.. words.Select(word => word!.GetValue<string>())] : [];

    private List<string> DockerArguments(string id, StoredImage image, CreateRequest request, List<MountSpec> mounts)
    {
        List<string> arguments =
        [
            "create",
            "--name",
            emulator.Containers.DockerName(id),
            "--hostname",
            id,
            "--label",
            emulator.Containers.DockerLabel,
            "--cpus",
            Math.Min(request.Cpus, Environment.ProcessorCount).ToString(),
            "--memory",
            request.MemoryBytes.ToString(),
            "--network",
            request.Networks.Count == 0 ? "none" : emulator.Settings.DockerNetwork,
        ];
        Dictionary<string, string> flags = new()
        {
            ["--init"] = "--init",
            ["--tty"] = "--tty",
            ["--interactive"] = "--interactive",
            ["--read-only"] = "--read-only",
            ["--rm"] = "--rm",
        };
        arguments.AddRange(flags.Where(flag => command.Has(flag.Key)).Select(flag => flag.Value));
        foreach (var option in (string[])["--cap-add", "--cap-drop"])
        {
            arguments.AddRange(
                command
                    .All(option)
                    .Select(Capabilities.Normalise)
                    .Where(value => value != "CAP_NET_ADMIN" || !emulator.Settings.NoPacketFilter)
                    .SelectMany(value => (string[])[option, value])
            );
        }
        foreach (var variable in ProcessOptions.Environment(command))
        {
            arguments.AddRange(["--env", variable]);
        }
        arguments.AddRange(ProcessOptions.UserAndFolder(command));
        foreach (var limit in request.Ulimits)
        {
            arguments.AddRange([
                "--ulimit",
                $"{limit.Type}={limit.Soft.Replace("unlimited", "-1")}:{limit.Hard.Replace("unlimited", "-1")}",
            ]);
        }
        foreach (var mount in mounts)
        {
            arguments.AddRange(DockerMount(mount));
        }
        if (command.Value("--shm-size") is { } shm)
        {
            arguments.AddRange(["--shm-size", Sizes.Parse(shm)!.Value.ToString()]);
        }
        foreach (var option in (string[])["--dns", "--dns-option", "--dns-search"])
        {
            arguments.AddRange(command.All(option).SelectMany(value => (string[])[option, value]));
        }
        if (command.Value("--entrypoint") is { } entry)
        {
            arguments.AddRange(["--entrypoint", entry]);
        }
        return [.. arguments, image.DockerId, .. command.Passthrough];
    }

    private string[] DockerMount(MountSpec mount)
    {
        switch (mount.Kind)
        {
            case MountKind.Tmpfs:
                return ["--tmpfs", $"{mount.Destination}:{string.Join(',', (string[])["rw", "exec", .. mount.Options])}"];
            case MountKind.Anonymous:
                throw Emulator.NotSupported("an anonymous volume");
            case MountKind.Volume:
                return
                [
                    "--mount",
                    $"type=volume,source={Volumes.DockerName(emulator.Settings, mount.Source)},target={mount.Destination}{(mount.ReadOnly ? ",readonly" : "")}",
                ];
            default:
                var source = emulator.Settings.DeadSockets && IsSocket(mount) ? Sockets.MakeDead(emulator.Store) : mount.Source;
                return
                [
                    "--mount",
                    $"type=bind,\"source={source.Replace("\"", "\"\"")}\",\"target={mount.Destination.Replace("\"", "\"\"")}\"{(mount.ReadOnly ? ",readonly" : "")}",
                ];
        }
    }

    private JsonObject Configuration(
        string id,
        StoredImage image,
        JsonObject info,
        CreateRequest request,
        List<MountSpec> mounts,
        List<string> process
    )
    {
        var imageEnvironment = info["Config"]?["Env"] is JsonArray variables ? variables.Select(v => v!.GetValue<string>()) : [];
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var variable in imageEnvironment.Concat(ProcessOptions.ResolvedEnvironment(command)))
        {
            environment[variable.Split('=')[0]] = variable;
        }
        var imageUser = info["Config"]?["User"]?.GetValue<string>() ?? "";
        var imageFolder = info["Config"]?["WorkingDir"]?.GetValue<string>() is { Length: > 0 } folder ? folder : "/";
        var rlimits = new JsonArray();
        foreach (var limit in request.Ulimits)
        {
            rlimits.Add(
                (JsonNode)
                    new JsonObject
                    {
                        ["hard"] = limit.Hard == "unlimited" ? ulong.MaxValue : ulong.Parse(limit.Hard),
                        ["limit"] = $"RLIMIT_{limit.Type.ToUpperInvariant()}",
                        ["soft"] = limit.Soft == "unlimited" ? ulong.MaxValue : ulong.Parse(limit.Soft),
                    }
            );
        }
        var labels = new JsonObject();
        foreach (var (key, value) in request.Labels)
        {
            labels[key] = value;
        }
        var configuration = new JsonObject
        {
            ["capAdd"] = AppleJson.Array(command.All("--cap-add").Select(Capabilities.Normalise)),
            ["capDrop"] = AppleJson.Array(command.All("--cap-drop").Select(Capabilities.Normalise)),
            ["creationDate"] = AppleJson.Date(DateTimeOffset.UtcNow),
            ["id"] = id,
            ["image"] = new JsonObject { ["descriptor"] = Images.Descriptor(image, info), ["reference"] = image.Name },
            ["initProcess"] = new JsonObject
            {
                ["arguments"] = AppleJson.Array(process.Skip(1)),
                ["environment"] = AppleJson.Array(environment.Values),
                ["executable"] = process[0],
                ["rlimits"] = rlimits,
                ["supplementalGroups"] = new JsonArray(),
                ["terminal"] = command.Has("--tty"),
                ["user"] = ProcessOptions.User(command, imageUser),
                ["workingDirectory"] = command.Value("--cwd") ?? imageFolder,
            },
            ["labels"] = labels,
            ["mounts"] = new JsonArray([.. mounts.Select(mount => MountShape(mount))]),
            ["networks"] = new JsonArray([.. request.Networks.Select(network => NetworkShape(id, network))]),
            ["platform"] = new JsonObject { ["architecture"] = info["Architecture"]!.DeepClone(), ["os"] = "linux" },
            ["publishedPorts"] = new JsonArray(),
            ["publishedSockets"] = new JsonArray(),
            ["readOnly"] = command.Has("--read-only"),
            ["resources"] = new JsonObject
            {
                ["cpuOverhead"] = 1,
                ["cpus"] = request.Cpus,
                ["memoryInBytes"] = request.MemoryBytes,
            },
            ["rosetta"] = false,
            ["runtimeHandler"] = "container-runtime-linux",
            ["ssh"] = false,
            ["sysctls"] = new JsonObject(),
            ["useInit"] = command.Has("--init"),
            ["virtualization"] = false,
        };
        if (info["Config"]?["StopSignal"] is JsonValue signal)
        {
            configuration["stopSignal"] = signal.DeepClone();
        }
        if (!command.Has("--no-dns"))
        {
            configuration["dns"] = new JsonObject
            {
                ["domain"] = command.Value("--dns-domain"),
                ["nameservers"] = AppleJson.Array(command.All("--dns")),
                ["options"] = AppleJson.Array(command.All("--dns-option")),
                ["searchDomains"] = AppleJson.Array(command.All("--dns-search")),
            };
        }
        if (command.Value("--shm-size") is { } shm)
        {
            configuration["shmSize"] = Sizes.Parse(shm);
        }
        return configuration;
    }

    private JsonObject MountShape(MountSpec mount) =>
        new()
        {
            ["destination"] = mount.Destination,
            ["options"] = AppleJson.Array(mount.Options),
            ["source"] = mount.Kind switch
            {
                MountKind.Tmpfs => "tmpfs",
                MountKind.Volume => Volumes.ImagePath(emulator.Settings, mount.Source),
                _ => mount.Source,
            },
            ["type"] = mount.Kind switch
            {
                MountKind.Tmpfs => new JsonObject { ["tmpfs"] = new JsonObject() },
                MountKind.Volume => new JsonObject
                {
                    ["volume"] = new JsonObject
                    {
                        ["cache"] = new JsonObject { ["on"] = new JsonObject() },
                        ["format"] = "ext4",
                        ["name"] = mount.Source,
                        ["sync"] = new JsonObject { ["fsync"] = new JsonObject() },
                    },
                },
                _ => new JsonObject { ["virtiofs"] = new JsonObject() },
            },
        };

    private static JsonObject NetworkShape(string id, NetworkSpec network)
    {
        var options = new JsonObject { ["hostname"] = id, ["mtu"] = network.Mtu ?? 1280 };
        if (network.Mac is { } mac)
        {
            options["macAddress"] = mac;
        }
        return new JsonObject { ["network"] = network.Name, ["options"] = options };
    }
}
