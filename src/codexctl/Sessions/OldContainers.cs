using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>What another program's container is to `import`.</summary>
public enum OldKind
{
    /// <summary>Not of the shell script, and not of agentctl.</summary>
    None,

    /// <summary>A folder's container, with a Codex home in it.</summary>
    Folder,

    /// <summary>Left over from a sign-in.</summary>
    SignIn,
}

/// <summary>Containers and images of the shell script and of agentctl, known by their names. Pure.</summary>
public static class OldContainers
{
    /// <summary>Where both keep Codex's files, in a container.</summary>
    public const string Home = "/home/coder/.codex/";

    private static readonly Dictionary<string, string> _agentImages = new(StringComparer.Ordinal)
    {
        ["agent-plain"] = "codex",
        ["agent-python"] = "codex-python",
        ["agent-swift"] = "codex-swift",
        ["agent-office"] = "codex-office",
    };

    /// <param name="prefix">How the names begin, where the script was changed; null for its usual ones.</param>
    /// <param name="signInPrefix">The same of sign-in containers.</param>
    public static OldKind KindOf(ContainerInfo container, string? prefix = null, string? signInPrefix = null)
    {
        bool Begins(params ReadOnlySpan<string?> prefixes)
        {
            foreach (var one in prefixes)
            {
                if (one is not null && container.Name.StartsWith(one, StringComparison.Ordinal))
                {
                    return true;
                }
            }
            return false;
        }
        return container.IsOurs ? OldKind.None
            : Begins("codex-openai-auth-", "agent-openai-auth-", signInPrefix) ? OldKind.SignIn
            : Begins("codex-", "agent-", prefix) && container.WorkdirSource is not null ? OldKind.Folder
            : OldKind.None;
    }

    /// <summary>An image's name without registry, folder and tag.</summary>
    public static string BareName(string image) => image[(image.LastIndexOf('/') + 1)..].Split(':', '@')[0];

    public static bool IsOldImage(string image) =>
        BareName(image) is "codex" or "agent"
        || BareName(image).StartsWith("codex-", StringComparison.Ordinal)
        || BareName(image).StartsWith("agent-", StringComparison.Ordinal);

    /// <summary>Our image that does what one of theirs does; null when there is none.</summary>
    public static string? OurImage(string image, Func<string, bool> exists)
    {
        var bare = BareName(image);
        var ours = _agentImages.GetValueOrDefault(bare, bare);
        return exists(ours) ? ours : null;
    }
}
