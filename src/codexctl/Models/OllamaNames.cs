namespace Codexctl.Models;

/// <summary>What Ollama reads into a model's name.</summary>
internal static class OllamaNames
{
    /// <summary>
    /// Names that Ollama passes on to ollama.com whatever it has locally: those whose tag is "cloud" or ends in "-cloud",
    /// in any case and with spaces around.
    /// </summary>
    public static bool IsCloud(string name)
    {
        var colon = name.LastIndexOf(':');
        if (colon < 0)
        {
            return false;
        }
        var tag = name[(colon + 1)..].Trim();
        return tag.Equals("cloud", StringComparison.OrdinalIgnoreCase) || tag.EndsWith("-cloud", StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Whether a listed name is the one that is asked for; Ollama adds ":latest" where there is no tag.</summary>
    public static bool Same(string listed, string asked, ModelServerKind kind) =>
        string.Equals(listed, asked, StringComparison.Ordinal)
        || (kind == ModelServerKind.Ollama && !HasTag(asked) && string.Equals(listed, asked + ":latest", StringComparison.Ordinal));

    // The colon of a registry's port is no tag.
    private static bool HasTag(string name) => name.LastIndexOf(':') > name.LastIndexOf('/');
}
