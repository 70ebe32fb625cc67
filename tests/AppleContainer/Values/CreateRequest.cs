namespace Codexctl.AppleContainer;

/// <summary>What run and create ask for, read in the order in which the original looks at it.</summary>
public sealed record CreateRequest(
    string? Name,
    string Image,
    IReadOnlyList<string> Arguments,
    long Cpus,
    long MemoryBytes,
    IReadOnlyList<MountSpec> Mounts,
    IReadOnlyDictionary<string, string> Labels,
    IReadOnlyList<NetworkSpec> Networks,
    IReadOnlyList<Ulimit> Ulimits
)
{
    private const long DefaultCpus = 4;
    private const long DefaultMemory = 1L << 30;

    public static CreateRequest Parse(ParsedCommand command)
    {
        var name = command.Value("--name");
        CheckName(command);
        ValueRules.CheckScheme(command);
        ImageReference.Require(command.Positionals[0]);
        return ParseAfterImage(command, name);
    }

    /// <summary>Comes before anything else is looked at.</summary>
    public static void CheckName(ParsedCommand command)
    {
        if (command.Value("--name") is { } name)
        {
            Names.CheckContainer(name);
        }
    }

    /// <summary>The part that the original reads only once the image is there.</summary>
    public static CreateRequest ParseAfterImage(ParsedCommand command, string? name)
    {
        var ulimits = Ulimit.ParseAll(command.All("--ulimit"));
        var cpus = command.Number("--cpus") ?? DefaultCpus;
        if (cpus < 1)
        {
            throw new ContainerException($"invalid number of cpus {cpus}");
        }
        var memory = command.Value("--memory") is { } text ? Sizes.ParseMemory(text) : DefaultMemory;
        if (command.Value("--shm-size") is { } shm && Sizes.Parse(shm) is null)
        {
            throw new ContainerException($"invalid memory value {shm}");
        }
        List<MountSpec> mounts =
        [
            .. command.All("--tmpfs").Select(AppleContainer.Mounts.ParseTmpfs),
            .. command.All("--mount").Select(AppleContainer.Mounts.ParseMount),
        ];
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var label in command.All("--label"))
        {
            var (key, value) = AppleContainer.Labels.ParseContainer(label);
            labels[key] = value;
        }
        mounts.AddRange(command.All("--volume").Select(AppleContainer.Mounts.ParseVolume));
        Capabilities.CheckAll(command);
        AppleContainer.Networks.CheckPublish(command.All("--publish"));
        AppleContainer.Networks.CheckPublishSocket(command.All("--publish-socket"));
        var networks = AppleContainer.Networks.Parse(command.All("--network"));
        return new CreateRequest(name, command.Positionals[0], command.Passthrough, cpus, memory, mounts, labels, networks, ulimits);
    }
}

/// <summary>--cap-add and --cap-drop: with or without CAP_, any case, or ALL.</summary>
public static class Capabilities
{
    private static readonly string[] _known =
    [
        "AUDIT_CONTROL",
        "AUDIT_READ",
        "AUDIT_WRITE",
        "BLOCK_SUSPEND",
        "BPF",
        "CHECKPOINT_RESTORE",
        "CHOWN",
        "DAC_OVERRIDE",
        "DAC_READ_SEARCH",
        "FOWNER",
        "FSETID",
        "IPC_LOCK",
        "IPC_OWNER",
        "KILL",
        "LEASE",
        "LINUX_IMMUTABLE",
        "MAC_ADMIN",
        "MAC_OVERRIDE",
        "MKNOD",
        "NET_ADMIN",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_RAW",
        "PERFMON",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYSLOG",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_CHROOT",
        "SYS_MODULE",
        "SYS_NICE",
        "SYS_PACCT",
        "SYS_PTRACE",
        "SYS_RAWIO",
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "WAKE_ALARM",
    ];

    /// <summary>As the JSON shows it: CAP_NAME, or ALL.</summary>
    public static string Normalise(string text)
    {
        var upper = text.ToUpperInvariant();
        if (upper == "ALL")
        {
            return upper;
        }
        var bare = upper.StartsWith("CAP_", StringComparison.Ordinal) ? upper[4..] : upper;
        return _known.Contains(bare) ? $"CAP_{bare}" : throw new ContainerException($"invalid capability {text}");
    }

    public static void CheckAll(ParsedCommand command)
    {
        foreach (var text in command.All("--cap-add").Concat(command.All("--cap-drop")))
        {
            Normalise(text);
        }
    }
}
