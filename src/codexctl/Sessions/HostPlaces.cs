using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Sessions;

/// <summary>Places of the host that no box may get, or none without the person's word. All paths are resolved.</summary>
public sealed class HostPlaces
{
    private static readonly string[] _system =
    [
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/lib",
        "/lib32",
        "/lib64",
        "/proc",
        "/run",
        "/sbin",
        "/sys",
        "/usr",
        "/var",
        "/var/run",
        "/private",
        "/private/etc",
        "/private/var",
        "/Library",
        "/System",
    ];

    // Of a further folder also what lies in them: a box has no business there, and sockets of services are there.
    private static readonly string[] _systemWhole =
    [
        "/boot",
        "/dev",
        "/etc",
        "/proc",
        "/run",
        "/sys",
        "/var/run",
        "/var/lib/docker",
        "/var/lib/containers",
        "/var/lib/containerd",
        "/private/etc",
        "/private/var/run",
        "/System",
        "/Library/Keychains",
    ];

    // Everybody's sockets lie there, tmux's and X's among them.
    private static readonly string[] _shared = ["/home", "/root", "/Users", "/tmp", "/var/tmp", "/private/tmp", "/private/var/tmp"];

    // Under the home directory: who reaches these controls an engine, and with it the machine.
    private static readonly string[] _engines =
    [
        ".colima",
        ".docker/run",
        ".lima",
        ".local/share/containers",
        ".local/share/docker",
        ".orbstack",
        ".rd",
        "Library/Application Support/com.apple.container",
        "Library/Containers/com.docker.docker",
    ];

    // Under the home directory: keys, logins, and what was said in private.
    private static readonly string[] _secrets =
    [
        ".ssh",
        ".gnupg",
        ".aws",
        ".azure",
        ".docker",
        ".kube",
        ".codex",
        ".claude",
        ".config/gcloud",
        ".config/gh",
        ".config/op",
        ".config/rclone",
        ".config/containers",
        ".config/sops",
        ".config/google-chrome",
        ".config/chromium",
        ".password-store",
        ".local/share/keyrings",
        ".local/share/kwalletd",
        ".mozilla",
        ".thunderbird",
        ".terraform.d",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".git-credentials",
        ".vault-token",
        ".cargo/credentials.toml",
        ".gem/credentials",
        ".m2/settings.xml",
        "Library/Keychains",
        "Library/Cookies",
        "Library/Mail",
        "Library/Messages",
        "Library/Safari",
        "Library/Application Support/Google",
        "Library/Application Support/Firefox",
        "Library/Application Support/1Password",
    ];

    private readonly string _home;
    private readonly IReadOnlyList<string> _engineFolders;
    private readonly IReadOnlyList<string> _secretFolders;

    public HostPlaces(Paths paths, HostEnvironment environment)
    {
        _home = Real(environment.Home);
        Own = OwnFolders(paths);
        var sockets = new[] { environment["DOCKER_HOST"], environment["CONTAINER_HOST"] }
            .OfType<string>()
            .Where(address => address.StartsWith("unix://", StringComparison.Ordinal))
            .Select(address => Path.GetDirectoryName(address["unix://".Length..]))
            .OfType<string>()
            .Append(environment["XDG_RUNTIME_DIR"])
            .OfType<string>();
        _engineFolders = [.. _engines.Select(InHome).Concat(sockets).Select(Real)];
        var agent = environment["SSH_AUTH_SOCK"] is { } socket ? Path.GetDirectoryName(socket) : null;
        _secretFolders = [.. _secrets.Select(InHome).Append(agent).OfType<string>().Select(Real)];
    }

    /// <summary>Where codexctl keeps its own files.</summary>
    public IReadOnlyList<string> Own { get; }

    public static IReadOnlyList<string> OwnFolders(Paths paths)
    {
        // Settings are often a link into a folder of dotfiles, which is a project like any other.
        var settings = Path.GetDirectoryName(Libc.ResolvePath(paths.ConfigFile) ?? paths.ConfigFile)!;
        return
        [
            .. new[] { paths.State, paths.Cache, paths.Config, settings, Paths.SharedSockets }
                .Select(Real)
                .Distinct(StringComparer.Ordinal),
        ];
    }

    /// <summary>Whether it is a system folder that cannot be the working folder.</summary>
    public static bool IsSystem(string path) =>
        path == "/"
        || _system.Contains(path, StringComparer.Ordinal)
        || IsInside(path, "/proc")
        || IsInside(path, "/sys")
        || IsInside(path, "/dev");

    /// <summary>Why no box may get a folder, whatever the person says; null when it may.</summary>
    public string? NeverBecause(string path) =>
        IsSystem(path) || (_systemWhole.Any(place => IsWithin(path, place)) && !IsWithin(path, "/run/media"))
            ? "It belongs to the system: a box that gets it could control this machine."
        : _shared.Contains(path, StringComparer.Ordinal) ? "Everybody's files and sockets are in it."
        : IsWithin(_home, path) ? "Your home directory is in it: the agent could read every key."
        : Own.FirstOrDefault(place => Meets(path, place)) is { } own ? $"codexctl keeps its own files in {own}."
        : _engineFolders.FirstOrDefault(place => Meets(path, place)) is { } engine
            ? $"Who reaches {engine} controls a container engine, and with it this machine."
        : null;

    /// <summary>Why a box gets a folder only on the person's own word; null when nothing speaks against it.</summary>
    public string? RiskyBecause(string path, bool readOnly)
    {
        if (_secretFolders.FirstOrDefault(place => Meets(path, place)) is { } secret)
        {
            return $"{secret} holds keys or logins of yours.";
        }
        var name = IsInside(path, _home) ? path[(_home.Length + 1)..].Split('/')[0] : "";
        return !readOnly && (name.StartsWith('.') || name is "bin" or "Library")
            ? "Programs of yours run, or are set up, from there: a box that can write to it could run what it likes on this machine."
            : null;
    }

    public static bool IsInside(string path, string folder) => path.StartsWith(folder.TrimEnd('/') + "/", Comparison);

    /// <summary>The folder itself, or something in it.</summary>
    public static bool IsWithin(string path, string folder) => string.Equals(path, folder, Comparison) || IsInside(path, folder);

    // Macs take no notice of case; better one folder too many than one name too few.
    private static StringComparison Comparison => OperatingSystem.IsMacOS() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;

    // In it, or around it where it is there at all.
    private static bool Meets(string path, string place) => IsWithin(path, place) || (IsInside(place, path) && Path.Exists(place));

    private string InHome(string place) => Path.Combine(_home, place);

    private static string Real(string path) => Libc.ResolvePath(path) ?? path;
}
