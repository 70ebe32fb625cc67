using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>Which containers of other programs were taken over, and into which of ours. One that cannot be read knows of none.</summary>
public sealed class ImportsDone(Paths paths)
{
    /// <summary>Our container that has what was in theirs; null when it was not taken yet.</summary>
    public string? Find(string engine, ContainerInfo old) =>
        Read()[Key(engine, old)] is JsonValue value && value.TryGetValue<string>(out var name) ? name : null;

    public void Remember(string engine, ContainerInfo old, string container)
    {
        var all = Read();
        all[Key(engine, old)] = container;
        Paths.MakeOwn(paths.State);
        PrivateFile.Write(paths.ImportsDone, all.ToJsonString());
    }

    // With its time: another container of that name is another one.
    private static string Key(string engine, ContainerInfo old) => $"{engine}/{old.Name}@{old.Created?.ToUnixTimeSeconds()}";

    private JsonObject Read()
    {
        try
        {
            return File.Exists(paths.ImportsDone) ? JsonNode.Parse(File.ReadAllBytes(paths.ImportsDone)) as JsonObject ?? [] : [];
        }
        catch (JsonException)
        {
            // Taking them once more changes nothing that is there.
            return [];
        }
    }
}
