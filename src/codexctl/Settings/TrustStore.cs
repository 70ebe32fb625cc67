using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.Settings;

/// <summary>
/// Which project files the person approved, by path and content. Kept in the state directory, which no box ever sees; one that
/// cannot be read approves nothing.
/// </summary>
public sealed class TrustStore(Paths paths)
{
    /// <summary>The content that was approved for a path; null when none was.</summary>
    public string? HashFor(string path) => Read()[path] is JsonValue value && value.TryGetValue<string>(out var hash) ? hash : null;

    public bool Trusts(string path, byte[] content) => HashFor(path) == Hash(content);

    public void Trust(string path, byte[] content)
    {
        var all = Read();
        all[path] = Hash(content);
        Write(all);
    }

    /// <summary>False when it was not trusted.</summary>
    public bool Revoke(string path)
    {
        var all = Read();
        if (!all.Remove(path))
        {
            return false;
        }
        Write(all);
        return true;
    }

    private static string Hash(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    private JsonObject Read()
    {
        if (!File.Exists(paths.Trust))
        {
            return [];
        }
        try
        {
            return JsonNode.Parse(File.ReadAllBytes(paths.Trust)) as JsonObject ?? [];
        }
        catch (JsonException)
        {
            // Half a file, or somebody's hand: the person is asked again.
            return [];
        }
    }

    private void Write(JsonObject all)
    {
        Paths.MakeOwn(paths.State);
        PrivateFile.Write(paths.Trust, all.ToJsonString());
    }
}
