using System.Security.Cryptography;
using System.Text;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl;

/// <summary>Names every file that the program writes on the host. Directories are made 0700.</summary>
public sealed class Paths
{
    /// <summary>Linux allows 108 bytes with the final zero, macOS 104.</summary>
    internal const int LongestSocketPath = 103;

    public Paths(HostEnvironment environment)
    {
        var home = environment.Home;
        State = Absolute(environment["CODEXCTL_STATE_DIR"]) ?? Under(environment["XDG_STATE_HOME"], home, ".local/state");
        Cache = Absolute(environment["CODEXCTL_CACHE_DIR"]) ?? Under(environment["XDG_CACHE_HOME"], home, ".cache");
        ConfigFile =
            Absolute(environment["CODEXCTL_CONFIG"]) ?? Path.Combine(Under(environment["XDG_CONFIG_HOME"], home, ".config"), "config.toml");
        Config = Path.GetDirectoryName(ConfigFile)!;
    }

    /// <summary>What cannot be made again: recordings, receipts, box homes.</summary>
    public string State { get; }

    /// <summary>Names the state directory in labels, without telling where it is.</summary>
    public string StateId => Hash(State, 12);

    /// <summary>What can be downloaded or built again.</summary>
    public string Cache { get; }

    public string Config { get; }

    /// <summary>The person's settings.</summary>
    public string ConfigFile { get; }

    /// <summary>Which project files the person approved.</summary>
    public string Trust => Path.Combine(State, "trust.json");

    /// <summary>Which containers of other programs `import` took over.</summary>
    public string ImportsDone => Path.Combine(State, "imports.json");

    /// <summary>What `import` is reading; gone when it is done.</summary>
    public string ImportFolder => Path.Combine(State, "import");

    /// <summary>Held while a settings file is changed.</summary>
    public string SettingsLock => Path.Combine(State, "settings.lock");

    /// <summary>Where sockets go whose path in the state directory would be too long.</summary>
    public static string SharedSockets { get; } = $"/tmp/codexctl-{Libc.GetUserId()}";

    /// <summary>The pinned Codex releases, one folder a version and platform.</summary>
    public string CodexReleases => Path.Combine(Cache, "codex");

    /// <summary>The stored login, where the operating system has no place for it, and the lock of all who change it.</summary>
    public string Login => Path.Combine(State, "auth");

    /// <summary>Records of `codexctl proxy --record`.</summary>
    public string Proxy => Path.Combine(State, "proxy");

    public string BuildLogs => Path.Combine(State, "build");

    /// <summary>The person's own recipes, a folder with a Dockerfile each.</summary>
    public string UserImages => Path.Combine(Config, "images");

    /// <summary>The Codex that the person chose instead of the one that this codexctl came with.</summary>
    public string CodexPin => Path.Combine(State, "codex-pin.json");

    public string CrashLog => Path.Combine(State, "crash.log");

    /// <summary>Serialises the short preparation of runs: looking up, creating and starting containers, launching gateways.</summary>
    public string PrepareLock(string engine) => Path.Combine(EngineState(engine), ".prepare.lock");

    public string EngineState(string engine) => Path.Combine(State, engine);

    public ContainerPaths Container(string engine, string name) => new(Path.Combine(State, engine, name));

    /// <summary>The same, and refuses one that belongs to somebody else: its owner could replace what we put there.</summary>
    public static string MakeOwn(string path)
    {
        MakePrivate(path);
        if (Libc.OwnerOf(path) is { } owner && owner != Libc.GetUserId())
        {
            throw new UserError(
                $"{path} belongs to somebody else (user {owner}).",
                "codexctl keeps there what nobody else may change.",
                "Run codexctl as that user, or set CODEXCTL_STATE_DIR to a folder of your own."
            );
        }
        return path;
    }

    /// <summary>Makes a directory that only its owner may enter, with its parents.</summary>
    public static string MakePrivate(string path)
    {
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return path;
    }

    private static string? Absolute(string? path) => path is null ? null : Path.GetFullPath(path);

    private static string Under(string? xdg, string home, string fallback) =>
        Path.Combine(xdg is not null && Path.IsPathRooted(xdg) ? xdg : Path.Combine(home, fallback), "codexctl");

    /// <summary>A short, stable name for anything: the first bytes of its SHA-256, in hex.</summary>
    public static string Hash(string text, int digits = 8) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..digits];
}

/// <summary>The files of one container.</summary>
public sealed class ContainerPaths(string root)
{
    public string Root { get; } = root;

    /// <summary>Held shared by every run, exclusively by a gateway that closes: the kernel frees it, whatever kills the holder.</summary>
    public string Lease => Path.Combine(Root, "lease");

    /// <summary>Held by the gateway for as long as it lives; its successor waits for it.</summary>
    public string GatewayLock => Path.Combine(Root, "gateway.lock");

    public string GatewayLog => Path.Combine(Root, "gateway.log");

    /// <summary>Present while the person asked for a running container (`codexctl start`).</summary>
    public string Pinned => Path.Combine(Root, "pinned");

    /// <summary>Present while the box may have a login in its home: whoever finds it there when no run is on takes it out.</summary>
    public string LoginInside => Path.Combine(Root, "login-inside");

    /// <summary>Files of a move to another image (`codexctl upgrade`).</summary>
    public string Move => Path.Combine(Root, "move");

    /// <summary>The Codex homes of a container that was removed, for the next of that name; gone when they are in it.</summary>
    public string Luggage => Path.Combine(Move, "homes.tar");

    /// <summary>What the gateway was told to do; written before it is launched.</summary>
    public string GatewayOrder => Path.Combine(Root, "gateway.json");

    /// <summary>What `allow` and `deny` changed while the box runs, for a gateway that follows one that was killed.</summary>
    public string AllowChanges => Path.Combine(Root, "allow-changes");

    /// <summary>Codex's system configuration, mounted read-only at /etc/codex.</summary>
    public string CodexConfig => Path.Combine(Root, "codex");

    /// <summary>The home inside the box, for engines whose containers have no file system of their own.</summary>
    public string Home => Path.Combine(Root, "home");

    /// <summary>Files of the bubblewrap engine: the specification and what runs.</summary>
    public string Box => Path.Combine(Root, "box");

    /// <summary>Held while the bubblewrap engine changes the box.</summary>
    public string BoxLock => Path.Combine(Root, "box.lock");

    public string Records => Path.Combine(Root, "record");

    public string Receipts => Path.Combine(Root, "receipt");

    /// <summary>Mounted read-only into the box; holds the door's socket and nothing else.</summary>
    public string Door => SocketDirectory("door");

    public string DoorSocket => Path.Combine(Door, "door.sock");

    /// <summary>What the box must present at a door over TCP; made anew by each gateway.</summary>
    public string DoorToken => Path.Combine(Door, "token");

    /// <summary>The port of a door over TCP; kept from gateway to gateway, because the box lets nothing else through.</summary>
    public string DoorPort => Path.Combine(Door, "port");

    /// <summary>Where front ends talk to the gateway; never visible in a box.</summary>
    public string ControlSocket => Path.Combine(SocketDirectory("control"), "control.sock");

    /// <summary>Links to folders whose paths an engine cannot be told; their own paths hold no ':'.</summary>
    public string Links => SocketDirectory("link");

    /// <summary>
    /// A socket's path must stay below 104 bytes and hold no ':', which separates paths for some engines; a state directory or
    /// container name that does not fit moves the sockets to a private folder in /tmp, whose name is derived from the path so
    /// that every process finds the same.
    /// </summary>
    public string SocketDirectory(string purpose)
    {
        var path = Path.Combine(Root, purpose);
        if (
            Encoding.UTF8.GetByteCount(path) + "/control.sock".Length <= Paths.LongestSocketPath
            && !path.Contains(':', StringComparison.Ordinal)
        )
        {
            return path;
        }
        return Path.Combine(Paths.SharedSockets, Paths.Hash(Root, 16), purpose);
    }

    /// <summary>Removes what is kept for the container, but for recordings and receipts, which are the person's to keep.</summary>
    public void RemoveAllButRecords()
    {
        foreach (var folder in (string[])[Door, Path.GetDirectoryName(ControlSocket)!, Links, CodexConfig, Move])
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
            // The container's own folder in /tmp, where its sockets are there.
            var above = Path.GetDirectoryName(folder)!;
            if (above != Root && Directory.Exists(above) && !Directory.EnumerateFileSystemEntries(above).Any())
            {
                Directory.Delete(above);
            }
        }
        // The order first: it is the sign that there is something to clear away. The locks last, and whoever waits for one looks
        // whether its file is still the one that others find.
        foreach (var file in (string[])[GatewayOrder, GatewayLog, AllowChanges, LoginInside, Pinned, BoxLock, GatewayLock, Lease])
        {
            if (Directory.Exists(Root))
            {
                File.Delete(file);
            }
        }
        foreach (var folder in (string[])[Records, Receipts, Root])
        {
            if (Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any())
            {
                Directory.Delete(folder);
            }
        }
    }

    /// <summary>Makes the folders that every run needs and checks that a shared parent in /tmp is really ours.</summary>
    public void Prepare()
    {
        Paths.MakeOwn(Root);
        foreach (var folder in (string[])[Door, Path.GetDirectoryName(ControlSocket)!])
        {
            if (!folder.StartsWith(Root, StringComparison.Ordinal))
            {
                var shared = Path.GetDirectoryName(Path.GetDirectoryName(folder))!;
                Paths.MakePrivate(shared);
                if (!Libc.IsPrivateDirectory(shared))
                {
                    throw new UserError(
                        $"{shared} belongs to somebody else or can be entered by others.",
                        "codexctl keeps its sockets there when the state directory's path is too long.",
                        $"Remove {shared}, or set CODEXCTL_STATE_DIR to a shorter path."
                    );
                }
            }
            Paths.MakePrivate(folder);
        }
    }
}
