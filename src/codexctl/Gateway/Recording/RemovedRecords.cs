using System.Text.Json;
using System.Text.Json.Serialization;

namespace Codexctl.Gateway.Recording;

/// <summary>A record that was removed on purpose: what is left of it beside the receipts, which stay.</summary>
/// <param name="V">The version of the schema.</param>
/// <param name="Workdir">The folder on the host; null where the record did not say.</param>
/// <param name="Bytes">How large it was.</param>
/// <param name="Reason">By which limit, or on whose word.</param>
public sealed record RemovedRecord(int V, string Session, string? Workdir, DateTimeOffset At, long Bytes, string Reason);

/// <summary>
/// The list of removed records in their directory, a line each. By it a record that codexctl removed is told from one that somebody took away.
/// </summary>
public static class RemovedRecords
{
    public const int Version = 1;

    private const string Name = "removed.log";

    /// <summary>All that were removed, the first one first; none where there is no list.</summary>
    public static IReadOnlyList<RemovedRecord> Of(string directory)
    {
        var path = Path.Combine(directory, Name);
        return File.Exists(path) ? [.. File.ReadLines(path).Select(Read).OfType<RemovedRecord>()] : [];
    }

    /// <summary>Says it before it is done: a record that is gone without a word would look stolen.</summary>
    public static void Add(string directory, RemovedRecord removed)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using var file = new FileStream(Path.Combine(directory, Name), options);
        // The line end first: half a line of somebody who was killed stays alone.
        file.Write([(byte)'\n', .. JsonSerializer.SerializeToUtf8Bytes(removed, RemovedJson.Default.RemovedRecord), (byte)'\n']);
    }

    private static RemovedRecord? Read(string line)
    {
        try
        {
            return line.Length == 0 ? null
                : JsonSerializer.Deserialize(line, RemovedJson.Default.RemovedRecord) is { V: Version } one ? one
                : null;
        }
        catch (JsonException)
        {
            // Torn.
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true
)]
[JsonSerializable(typeof(RemovedRecord))]
internal sealed partial class RemovedJson : JsonSerializerContext;
