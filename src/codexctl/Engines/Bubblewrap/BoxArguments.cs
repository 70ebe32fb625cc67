using Codexctl.Engines.Bubblewrap.InBox;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>How the box's user is made. Tried in this order.</summary>
internal enum Isolation
{
    /// <summary>A user namespace in which no further one can be made (bubblewrap 0.8 and newer).</summary>
    SealedUserNamespace,
    UserNamespace,

    /// <summary>Only for root on a host without user namespaces: without capabilities, but still root's number.</summary>
    NoUserNamespace,
}

/// <summary>Everything that decides a box's bwrap command line.</summary>
/// <param name="EtcFolder">The host folder of the files that are made for /etc.</param>
/// <param name="CodexRelease">The host folder of the pinned Codex release, with bin/ in it.</param>
internal sealed record BoxPlan(
    ContainerSpec Spec,
    HostLayout Host,
    Isolation Isolation,
    string Home,
    string EtcFolder,
    IReadOnlyList<string> EtcNames,
    string CodexRelease,
    OwnProgram Own
);

/// <summary>From a box's plan to bwrap's arguments: a pure function.</summary>
internal static class BoxArguments
{
    public const string CodexFolder = "/opt/codex";
    private const string OwnRoot = "/run/codexctl";
    private const string OwnFolder = OwnRoot + "/bin";
    private const string DotnetFolder = OwnRoot + "/dotnet";

    /// <summary>Inside, root is an ordinary user too, and its files are still root's outside.</summary>
    private const uint CoderForRoot = 1000;

    // Parts of /proc that root's number may write to without any capability. bwrap covers them only where it finds them
    // writable itself, which it does not after it has dropped its capabilities.
    private static readonly string[] ReadOnlyProc =
    [
        "/proc/sys",
        "/proc/sysrq-trigger",
        "/proc/irq",
        "/proc/bus",
        "/proc/fs",
        "/proc/acpi",
        "/proc/scsi",
        "/proc/mtrr",
        "/proc/pressure",
    ];

    public static uint UserInside(uint user, Isolation isolation) =>
        user == 0 && isolation != Isolation.NoUserNamespace ? CoderForRoot : user;

    public static IReadOnlyList<string> Build(BoxPlan plan)
    {
        var spec = plan.Spec;
        var arguments = new List<string>();
        void Add(params ReadOnlySpan<string> words) => arguments.AddRange(words);

        if (plan.Isolation != Isolation.NoUserNamespace)
        {
            Add("--unshare-user");
            Add("--uid", $"{UserInside(spec.User.UserId, plan.Isolation)}", "--gid", $"{UserInside(spec.User.GroupId, plan.Isolation)}");
        }
        if (plan.Isolation == Isolation.SealedUserNamespace)
        {
            Add("--disable-userns");
        }
        Add(
            "--unshare-pid",
            "--unshare-ipc",
            "--unshare-uts",
            "--unshare-cgroup-try",
            "--hostname",
            spec.Name[..Math.Min(spec.Name.Length, 63)]
        );
        if (spec.Network == BoxNetwork.None)
        {
            Add("--unshare-net");
        }
        Add("--cap-drop", "ALL", "--clearenv");

        foreach (var directory in plan.Host.Directories)
        {
            Add("--ro-bind", directory, directory);
        }
        foreach (var (path, target) in plan.Host.Links)
        {
            Add("--symlink", target, path);
        }
        Add("--proc", "/proc");
        foreach (var path in ReadOnlyProc)
        {
            Add("--ro-bind-try", path, path);
        }
        Add("--dev", "/dev");
        foreach (var (path, mode) in (ReadOnlySpan<(string, string)>)[("/tmp", "1777"), ("/run", "0755"), ("/var/tmp", "1777")])
        {
            Add("--perms", mode, "--tmpfs", path);
        }
        // A file system of its own, read-only in the end: nothing in it can be moved away or added to.
        Add("--perms", "0755", "--tmpfs", OwnRoot, "--perms", "0755", "--dir", OwnFolder);
        Add("--symlink", "/run", "/var/run");

        // Made as a by-product they would be 0700, which some programs take for a broken system.
        foreach (var path in (ReadOnlySpan<string>)["/etc", "/etc/ssl", "/etc/pki", "/home", "/opt"])
        {
            Add("--perms", "0755", "--dir", path);
        }
        foreach (var path in plan.Host.Configuration)
        {
            Add("--ro-bind", path, path);
        }
        foreach (var name in plan.EtcNames)
        {
            Add("--ro-bind", Path.Combine(plan.EtcFolder, name), $"/etc/{name}");
        }
        Add("--symlink", "/proc/self/mounts", "/etc/mtab");

        Add("--bind", plan.Home, Box.Home);
        Add("--ro-bind", plan.CodexRelease, CodexFolder);
        foreach (var mount in spec.Mounts)
        {
            Add(mount.ReadOnly ? "--ro-bind" : "--bind", mount.Source, mount.Target);
        }
        foreach (var hidden in spec.Hidden)
        {
            Add("--perms", "0700", "--tmpfs", hidden);
        }
        AddInit(plan, arguments);
        return arguments;
    }

    private static void AddInit(BoxPlan plan, List<string> arguments)
    {
        void Add(params ReadOnlySpan<string> words) => arguments.AddRange(words);

        // The diagnostics port of .NET is a socket through which the agent could run code in the init.
        Add("--setenv", "DOTNET_EnableDiagnostics", "0", "--setenv", "HOME", Box.Home, "--setenv", "LANG", "C.UTF-8");
        string[] program;
        if (plan.Own.DotnetRoot is { } root)
        {
            Add("--ro-bind", plan.Own.Files, OwnFolder, "--ro-bind", root, DotnetFolder, "--setenv", "DOTNET_ROOT", DotnetFolder);
            // Two small services of the runtime that cost memory for nothing here.
            Add("--setenv", "DOTNET_TieredPGO", "0", "--setenv", "DOTNET_gcServer", "0");
            program = [$"{DotnetFolder}/dotnet", $"{OwnFolder}/codexctl.dll"];
        }
        else
        {
            Add("--ro-bind", plan.Own.Files, $"{OwnFolder}/codexctl");
            program = [$"{OwnFolder}/codexctl"];
        }

        var door = plan.Spec.Mounts.Any(mount => string.Equals(mount.Target, Box.Door, StringComparison.Ordinal));
        Add("--chdir", "/", "--remount-ro", OwnRoot, "--remount-ro", "/");
        Add("--json-status-fd", $"{BoxInit.StatusDescriptor}", "--");
        Add(program);
        Add("box-init", door ? "--door" : "--no-door", plan.Spec.Network == BoxNetwork.Full ? "--shared-network" : "--own-network");
    }
}
