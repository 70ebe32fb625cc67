using System.Text.Json.Serialization;

namespace Codexctl;

/// <summary>What a command prints with `--json`: an object, or each object of a list.</summary>
public abstract record VersionedJson
{
    /// <summary>1; another number when a field changes its meaning or goes. New fields do not change it.</summary>
    [JsonPropertyOrder(-1)]
    public int Schema => 1;
}
