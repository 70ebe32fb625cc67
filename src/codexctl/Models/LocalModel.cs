namespace Codexctl.Models;

/// <summary>A model as its server tells it. What a server does not tell is null.</summary>
/// <param name="Capabilities">Ollama's words: completion, tools, thinking, vision, embedding.</param>
/// <param name="ContextMaximum">Tokens the model was trained for.</param>
/// <param name="ContextConfigured">Tokens its own settings ask for (num_ctx).</param>
/// <param name="ContextLoaded">Tokens it runs with now; null when it is not loaded.</param>
/// <param name="RemoteHost">Set when the model is a name only and runs on somebody else's machine.</param>
/// <param name="Size">Bytes on disk.</param>
public sealed record LocalModel(
    string Name,
    string? Digest = null,
    string? Family = null,
    IReadOnlyList<string>? Capabilities = null,
    long? ContextMaximum = null,
    long? ContextConfigured = null,
    long? ContextLoaded = null,
    string? RemoteHost = null,
    long? Size = null
)
{
    /// <summary>The tokens that the server really takes; null when nobody knows before it is loaded.</summary>
    public long? EffectiveContext => ContextLoaded ?? ContextConfigured;

    /// <summary>Whether it has a capability; null when the server does not say.</summary>
    public bool? Can(string capability) => Capabilities?.Contains(capability, StringComparer.Ordinal);
}
