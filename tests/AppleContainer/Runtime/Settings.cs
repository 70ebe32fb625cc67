using System.Security.Cryptography;
using System.Text;

namespace Codexctl.AppleContainer;

/// <summary>
/// How this run of the emulator behaves: FAKE_CONTAINER_* from the environment, else the same names without the prefix from
/// `NAME=value` lines in the file `config` of the state folder (for callers that start engines with an environment of their own).
/// </summary>
internal sealed class Settings
{
    private const string Prefix = "FAKE_CONTAINER_";
    private readonly Dictionary<string, string> _file = new(StringComparer.Ordinal);

    public Settings()
    {
        Home = Path.GetFullPath(
            Environment.GetEnvironmentVariable(Prefix + "HOME") is { Length: > 0 } home
                ? home
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".fake-container")
        );
        var config = Path.Combine(Home, "config");
        if (File.Exists(config))
        {
            foreach (var line in File.ReadLines(config))
            {
                if (line.IndexOf('=', StringComparison.Ordinal) is var at and > 0)
                {
                    _file[line[..at].Trim()] = line[(at + 1)..].Trim();
                }
            }
        }
        var version = Get("VERSION") ?? "1.2.2";
        Profile = Profile.Find(version) ?? throw new ContainerException($"the emulator has no profile {version}", 70);
        Key = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Home)))[..12];
    }

    /// <summary>The state folder. Two folders are two machines, even on one Docker.</summary>
    public string Home { get; }

    /// <summary>Stands for the state folder in Docker's names and labels.</summary>
    public string Key { get; }

    public Profile Profile { get; }

    /// <summary>"unregistered", "notrunning" or "xpc": the service is down until `system start`.</summary>
    public string? Down => Get("DOWN");

    public int LatencyMilliseconds => int.Parse(Get("LATENCY_MS") ?? "0");

    /// <summary>No kernel is installed: `system start` asks on standard input unless told.</summary>
    public bool NoKernel => Get("NO_KERNEL") == "1";

    /// <summary>On macOS 15 there is only the built-in network.</summary>
    public bool MacOs15 => Get("MACOS") == "15";

    /// <summary>Sockets reach the container, but nobody answers them.</summary>
    public bool DeadSockets => Get("SOCKETS") == "dead";

    /// <summary>Folders that are mounted look as if root owned them, as on a Mac.</summary>
    public bool RootOwnedMounts => Get("UID0") == "1";

    /// <summary>The gateway of the network `default` is an address of this machine, while a container on it runs and only then.</summary>
    public bool RealNetwork => Get("VMNET") == "1";

    /// <summary>The kernel of the virtual machines has no packet filter.</summary>
    public bool NoPacketFilter => Get("NETFILTER") == "none";

    /// <summary>Docker's images that are in the original's store from the beginning.</summary>
    public string[] SeedImages => List("IMAGES");

    /// <summary>Docker's images that the registry has.</summary>
    public string[] RegistryImages => List("REGISTRY");

    /// <summary>Docker's network behind every network of the emulator but `none`.</summary>
    public string DockerNetwork => Get("DOCKER_NETWORK") ?? "bridge";

    /// <summary>Docker's network for the steps of a build; null for Docker's default.</summary>
    public string? BuildNetwork => Get("BUILD_NETWORK");

    public string? DockerHost => _file.GetValueOrDefault("DOCKER_HOST");

    /// <summary>Whether a fault (HANG, GARBAGE, FAIL) is meant for this command: a list of paths such as "exec, image inspect".</summary>
    public bool Hits(string fault, string path) => List(fault, ',').Contains(path);

    private string[] List(string name, char separator = ' ') =>
        (Get(name) ?? "").Split(separator, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private string? Get(string name) =>
        Environment.GetEnvironmentVariable(Prefix + name) is { Length: > 0 } value ? value
        : _file.TryGetValue(name, out var fromFile) && fromFile.Length > 0 ? fromFile
        : null;
}
