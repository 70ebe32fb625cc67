using System.Globalization;
using System.Security.Cryptography;

namespace Codexctl.Gateway.Recording;

/// <summary>What one record holds.</summary>
/// <param name="Complete">Whether the gateway closed it in order. It also is false while the gateway still runs.</param>
/// <param name="Damaged">Lines that could not be read, a torn last one included.</param>
public sealed record RecordedExchanges(IReadOnlyList<Exchange> Exchanges, bool Complete, int Damaged);

/// <summary>The record of one session, in one file or several.</summary>
/// <param name="Id">By time: later sessions have greater ones.</param>
/// <param name="Parts">Paths, the first one first.</param>
public sealed record RecordSession(string Id, IReadOnlyList<string> Parts)
{
    /// <summary>Whether its last line says that the gateway ended in order.</summary>
    public bool Ended => RecordFile.EndsInOrder(LastPart());

    // Parts are those of the time when it was looked; it may have grown since.
    private string LastPart()
    {
        var (last, folder) = (Parts[^1], Path.GetDirectoryName(Parts[0])!);
        for (var part = Parts.Count + 1; Path.Combine(folder, RecordParts.NameOf(Id, part)) is var next && File.Exists(next); part++)
        {
            last = next;
        }
        return last;
    }
}

/// <summary>Reads recordings, also those of a gateway that was killed in the middle of a line.</summary>
public static class RecordFile
{
    /// <summary>Gateways that were killed, one after the other, while they began a file; each leaves half a line.</summary>
    private const int LinesBeforeStart = 16;

    /// <summary>The sessions of a directory, the oldest first; none where there is no directory.</summary>
    public static IReadOnlyList<RecordSession> Sessions(string directory)
    {
        if (!Directory.Exists(directory))
        {
            return [];
        }
        return
        [
            .. Directory
                .EnumerateFiles(directory, "*.jsonl")
                .Select(path => (Path: path, Name: Split(path)))
                .Where(file => file.Name.Part > 0)
                .GroupBy(file => file.Name.Session, StringComparer.Ordinal)
                .OrderBy(session => session.Key, StringComparer.Ordinal)
                .Select(session => new RecordSession(session.Key, [.. session.OrderBy(file => file.Name.Part).Select(file => file.Path)])),
        ];
    }

    /// <summary>The newest session of a directory; null where there is none.</summary>
    public static RecordSession? Last(string directory) => Sessions(directory) is [.., var last] ? last : null;

    /// <summary>The files of a directory, the oldest first; none where there is no directory.</summary>
    public static IReadOnlyList<string> List(string directory) => [.. Sessions(directory).SelectMany(session => session.Parts)];

    public static async Task<RecordedExchanges> ReadAsync(string path, CancellationToken cancel = default) =>
        await ReadAsync(new RecordSession("", [path]), cancel);

    public static async Task<RecordedExchanges> ReadAsync(RecordSession session, CancellationToken cancel = default)
    {
        var exchanges = new List<Exchange>();
        var complete = false;
        var damaged = 0;
        foreach (var path in session.Parts)
        {
            using var lines = new RecordLines(path);
            while (await lines.NextAsync(cancel) is { } line)
            {
                switch (RecordLine.Read(line, out var whole))
                {
                    case { } exchange:
                        complete = exchange is SessionEnd || (complete && exchange is not SessionStart);
                        exchanges.Add(exchange);
                        break;
                    case null:
                        // A whole line of a kind that this version does not know is none of ours, but not damaged.
                        damaged += whole ? 0 : 1;
                        break;
                }
            }
            damaged += lines.Torn ? 1 : 0;
        }
        return new RecordedExchanges(exchanges, complete, damaged);
    }

    /// <summary>Whether the first bytes of a file have this hash.</summary>
    public static bool Matches(string path, long bytes, string sha256)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 << 10];
        var left = bytes;
        while (left > 0)
        {
            var read = file.Read(buffer, 0, (int)Math.Min(left, buffer.Length));
            if (read == 0)
            {
                return false;
            }
            hash.AppendData(buffer, 0, read);
            left -= read;
        }
        return string.Equals(Convert.ToHexStringLower(hash.GetCurrentHash()), sha256, StringComparison.Ordinal);
    }

    /// <summary>The state of a record that nobody writes to any more; null where there is none.</summary>
    public static RecordSeal? SealOf(RecordSession? session)
    {
        if (session is null)
        {
            return null;
        }
        var bytes = File.ReadAllBytes(session.Parts[^1]);
        return new RecordSeal(Path.GetFileName(session.Parts[^1]), bytes.LongLength, Convert.ToHexStringLower(SHA256.HashData(bytes)));
    }

    /// <summary>The hash of the part before, from a file's first line; where that one was torn, of the first that tells it.</summary>
    internal static string? PreviousOf(string path)
    {
        using var reader = new StreamReader(path, new FileStreamOptions { Share = FileShare.ReadWrite | FileShare.Delete });
        for (var lines = 0; lines < LinesBeforeStart && reader.ReadLine() is { } line; lines++)
        {
            if (RecordLine.Read(System.Text.Encoding.UTF8.GetBytes(line)) is SessionStart { Previous: { } hash })
            {
                return hash;
            }
        }
        return null;
    }

    internal static bool EndsInOrder(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var buffer = new byte[256];
            file.Seek(-Math.Min(file.Length, buffer.Length), SeekOrigin.End);
            var read = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            var text = buffer.AsMemory(0, read);
            if (text.Length == 0 || text.Span[^1] != '\n')
            {
                return false;
            }
            text = text[..^1];
            return RecordLine.Read(text[(text.Span.LastIndexOf((byte)'\n') + 1)..]) is SessionEnd;
        }
        catch (IOException)
        {
            return false;
        }
    }

    internal static (string Session, int Part) Split(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        var dot = name.LastIndexOf('.');
        return dot < 0 ? (name, 1)
            : int.TryParse(name.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var part) && part > 1
                ? (name[..dot], part)
            : (name, 0);
    }
}
