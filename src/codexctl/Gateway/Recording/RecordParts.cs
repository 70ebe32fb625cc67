using System.Globalization;
using System.Security.Cryptography;

namespace Codexctl.Gateway.Recording;

/// <summary>How large a record may grow. Bytes.</summary>
/// <param name="Part">A file that grew larger is followed by another.</param>
/// <param name="Bodies">All files of a session together, beyond which bodies are not recorded any more.</param>
/// <param name="All">Beyond which nothing is.</param>
public sealed record RecordLimits(long Part, long Bodies, long All)
{
    public static RecordLimits Default { get; } = new(64L << 20, 1L << 30, (1L << 30) + (256L << 20));
}

/// <summary>The state of a record at one moment: what a receipt points to.</summary>
/// <param name="File">The name of its (last) file.</param>
/// <param name="Bytes">How much of the file was there.</param>
/// <param name="Sha256">Of those bytes. The file's first line has the hash of the part before it.</param>
public sealed record RecordSeal(string File, long Bytes, string Sha256);

/// <summary>
/// The files of one session: `SESSION.jsonl`, and when that is full `SESSION.2.jsonl`, … Only appends; hashes on the way.
/// </summary>
internal sealed class RecordParts : IAsyncDisposable
{
    private readonly Func<int, Stream?> _open;
    private readonly Func<int, string> _name;
    private IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private Stream _file;

    /// <param name="open">Opens a new part; null where there can be no other.</param>
    private RecordParts(Stream first, Func<int, Stream?> open, Func<int, string> name) => (_file, _open, _name) = (first, open, name);

    public int Part { get; private set; } = 1;

    /// <summary>Of the current part.</summary>
    public long Length { get; private set; }

    /// <summary>Of all parts.</summary>
    public long Total { get; private set; }

    /// <summary>Hash of the part before; null in the first.</summary>
    public string? Previous { get; private set; }

    public string Session { get; private init; } = "";

    /// <summary>For tests: one stream, no rotation.</summary>
    public static RecordParts Over(Stream stream) => new(stream, _ => null, _ => "");

    /// <summary>A new session in a private directory.</summary>
    public static RecordParts Create(string directory, string session) =>
        new(
            Open(directory, session, 1, FileMode.CreateNew),
            part => Open(directory, session, part, FileMode.CreateNew),
            part => NameOf(session, part)
        )
        {
            Session = session,
        };

    /// <summary>Goes on with a session whose gateway was killed.</summary>
    public static RecordParts Continue(string directory, RecordSession session)
    {
        var last = session.Parts.Count;
        var path = session.Parts[^1];
        var file = new FileStream(
            path,
            new FileStreamOptions
            {
                Mode = FileMode.Open,
                Access = FileAccess.ReadWrite,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
            }
        );
        var parts = new RecordParts(file, part => Open(directory, session.Id, part, FileMode.CreateNew), part => NameOf(session.Id, part))
        {
            Session = session.Id,
            Part = last,
            Total = session.Parts.SkipLast(1).Sum(earlier => new FileInfo(earlier).Length),
        };
        var buffer = new byte[64 << 10];
        var torn = false;
        int read;
        while ((read = file.Read(buffer)) > 0)
        {
            parts.Count(buffer.AsSpan(0, read));
            torn = buffer[read - 1] != '\n';
        }
        if (torn)
        {
            // The torn line stays as it is; what comes now is on a line of its own.
            file.Write("\n"u8);
            parts.Count("\n"u8);
        }
        if (last > 1 && RecordFile.PreviousOf(path) is null)
        {
            // The gateway was killed before it wrote the file's first line; ours is the one that has the hash of the file before.
            using var before = File.OpenRead(session.Parts[^2]);
            parts.Previous = Convert.ToHexStringLower(SHA256.HashData(before));
        }
        return parts;
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        await _file.WriteAsync(bytes);
        Count(bytes.Span);
    }

    /// <summary>Begins the next part; false where there can be none.</summary>
    public async ValueTask<bool> NextAsync()
    {
        if (_open(Part + 1) is not { } next)
        {
            return false;
        }
        await _file.DisposeAsync();
        Previous = Hex();
        _hash.Dispose();
        _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        (_file, Length) = (next, 0);
        Part++;
        return true;
    }

    public RecordSeal Seal() => new(_name(Part), Length, Hex());

    public async ValueTask DisposeAsync()
    {
        _hash.Dispose();
        await _file.DisposeAsync();
    }

    internal static string NameOf(string session, int part) =>
        part == 1 ? $"{session}.jsonl" : string.Create(CultureInfo.InvariantCulture, $"{session}.{part}.jsonl");

    private void Count(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        Length += bytes.Length;
        Total += bytes.Length;
    }

    private string Hex() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    private static FileStream Open(string directory, string session, int part, FileMode mode) =>
        new(
            Path.Combine(directory, NameOf(session, part)),
            new FileStreamOptions
            {
                Mode = mode,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }
        );
}
