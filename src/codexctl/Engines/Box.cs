namespace Codexctl.Engines;

/// <summary>What every box looks like from inside, whatever the engine. The scripts in images/ use the same paths.</summary>
public static class Box
{
    public const string Workdir = "/workdir";

    /// <summary>The home of the user `coder`.</summary>
    public const string Home = "/home/coder";

    /// <summary>The Codex home of local runs. Apart from the online one: a signed-in home can override the model provider.</summary>
    public const string LocalCodexHome = "/home/coder/.codex-local";

    /// <summary>The Codex home of `--openai` runs, where the seed keeps auth.json.</summary>
    public const string OnlineCodexHome = "/home/coder/.codex";

    /// <summary>Codex's home while it signs in: in memory, so that the login is on no disk, and gone with the box whoever was killed.</summary>
    public const string SignInCodexHome = "/dev/shm/codex";

    /// <summary>Read-only mount of the folder that holds the door's socket.</summary>
    public const string Door = "/run/codexctl/door";

    public const string DoorSocket = Door + "/door.sock";

    /// <summary>Read-only mount of Codex's system configuration.</summary>
    public const string CodexConfig = "/etc/codex";

    /// <summary>The variable with the run's key for the broker.</summary>
    public const string KeyVariable = "CODEXCTL_RUN_KEY";

    /// <summary>The relay's ports on 127.0.0.1 inside the box.</summary>
    public const int ModelPort = 11434;
    public const int ProxyPort = 3128;

    /// <summary>
    /// Every variable by which programs find a proxy. Engines may have proxies of the person's own for containers, whose addresses often hold
    /// a password: none of them may be left to them.
    /// </summary>
    public static IReadOnlyList<string> ProxyVariables { get; } =
    ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];

    /// <summary>
    /// Waits until process 1 is ready, makes the Codex home, drops every capability (not under su-exec), and becomes the
    /// command. A script in images; codexctl itself under bubblewrap. Usage: codexctl-enter SESSION COMMAND…
    /// </summary>
    public const string Enter = "/usr/local/bin/codexctl-enter";

    /// <summary>Set to 1 for a command that keeps root's privileges (`su-exec`).</summary>
    public const string RootVariable = "CODEXCTL_ROOT";

    /// <summary>Set to 1 for a command in a box that no gateway serves, so that nobody waits for its door.</summary>
    public const string NoDoorVariable = "CODEXCTL_NO_DOOR";

    /// <summary>Process 1 of a box: gives the home to its user, starts the relay, then idles.</summary>
    public const string Init = "/usr/local/bin/codexctl-init";

    /// <summary>
    /// Process 1 of a box whose door is a TCP port: closes the network but for that port, then becomes <see cref="Init"/>. A name of
    /// its own, so that an image that is too old for it does not start at all.
    /// </summary>
    public const string TcpInit = "/usr/local/bin/codexctl-init-tcp";

    /// <summary>The address or name of the machine with the gateway, for a door over TCP.</summary>
    public const string DoorHostVariable = "CODEXCTL_DOOR_HOST";

    /// <summary>1: nothing but the door may be reached; 0 with `--network full`.</summary>
    public const string DoorFilterVariable = "CODEXCTL_DOOR_FILTER";

    /// <summary>codexctl-enter's exit code when the door has not answered since the box was started. No command was run.</summary>
    public const int DoorSilent = 87;

    /// <summary>
    /// What process 1 and `su-exec` need to take over the home, switch users and install packages; `exec` drops all of it.
    /// </summary>
    public static IReadOnlyList<string> Capabilities { get; } =
    ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"];
}
