using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Models;
using Codexctl.Settings;

namespace Codexctl.Sessions;

/// <summary>What a person asked of `run`, after arguments and settings were put together. Nothing here was looked up yet.</summary>
public sealed record RunRequest
{
    public required Workdir Workdir { get; init; }

    /// <summary>Whose gateways can serve the container (see <see cref="Paths.StateId"/>).</summary>
    public required string StateId { get; init; }

    /// <summary>`--name`; null for the folder's name.</summary>
    public string? Name { get; init; }

    /// <summary>How the container's name begins when the folder names it.</summary>
    public string NamePrefix { get; init; } = "codex-";

    public required string Image { get; init; }

    public required BoxUser User { get; init; }

    public bool Temporary { get; init; }

    public bool ReadOnly { get; init; }

    public BoxNetwork Network { get; init; }

    /// <summary>Further folders of the host in the box.</summary>
    public IReadOnlyList<Mount> Mounts { get; init; } = [];

    public decimal? Cpus { get; init; }

    public long? MemoryBytes { get; init; }

    /// <summary>The model that Codex begins with, and the host's address of its server.</summary>
    public required ModelChoice Choice { get; init; }

    public Uri ModelUrl => Choice.Url;

    public string Model => Choice.Model;

    /// <summary>What `--allow` named: hosts, patterns, presets.</summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    /// <summary>Program and arguments for the box.</summary>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>Variables for the command, by name.</summary>
    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>What tools in the box are to believe (PEM); null where the box's own certificates are enough.</summary>
    public byte[]? Certificates { get; init; }

    /// <summary>Both standard input and output are terminals.</summary>
    public bool Terminal { get; init; }

    /// <summary>The built-in scripted model answers instead of a server (`demo`).</summary>
    public bool Scripted { get; init; }

    /// <summary>How the box uses the OpenAI login; null for the local model.</summary>
    public LoginMode? Login { get; init; }

    /// <summary>The box is there to sign in: it has no login and gets none.</summary>
    public bool SignsIn { get; init; }

    /// <summary>What `codex --profile` can name in the box.</summary>
    public IReadOnlyCollection<ProfileSettings> Profiles { get; init; } = [CodexctlSettings.GptOss];

    /// <summary>A new container gets the door over TCP, because the socket did not answer; null when it was not tried. Why, in words.</summary>
    public string? SocketFailure { get; init; }

    /// <summary>`--record`: bodies are recorded too.</summary>
    public bool Record { get; init; }

    /// <summary>The command is Codex itself, so the model server must be there.</summary>
    public bool IsCodex { get; init; }
}
