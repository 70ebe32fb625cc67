namespace Codexctl.Gateway.Recording;

/// <summary>What one recording holds.</summary>
/// <param name="Complete">Whether the gateway closed the file in order. It also is false while the gateway still runs.</param>
/// <param name="Damaged">Lines that could not be read, a torn last one included.</param>
public sealed record RecordedExchanges(IReadOnlyList<Exchange> Exchanges, bool Complete, int Damaged);

/// <summary>Reads recordings, also those of a gateway that was killed in the middle of a line.</summary>
public static class RecordFile
{
    /// <summary>The files of a directory, the oldest first; none where there is no directory.</summary>
    public static IReadOnlyList<string> List(string directory) =>
        Directory.Exists(directory) ? [.. Directory.EnumerateFiles(directory, "*.jsonl").Order(StringComparer.Ordinal)] : [];

    public static async Task<RecordedExchanges> ReadAsync(string path, CancellationToken cancel = default)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(file);
        var exchanges = new List<Exchange>();
        var complete = false;
        var damaged = 0;
        while (await reader.ReadLineAsync(cancel) is { } text)
        {
            var line = System.Text.Encoding.UTF8.GetBytes(text);
            if (RecordLine.Read(line) is { } exchange)
            {
                exchanges.Add(exchange);
                continue;
            }
            var type = RecordLine.Type(line);
            complete |= type is "end";
            // A line with a type is whole; of a kind that this version does not know it may still be.
            damaged += type is null ? 1 : 0;
        }
        return new RecordedExchanges(exchanges, complete, damaged);
    }
}
