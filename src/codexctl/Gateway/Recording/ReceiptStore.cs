using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Codexctl.Processes;

namespace Codexctl.Gateway.Recording;

/// <summary>Whether the chain of receipts is whole.</summary>
/// <param name="Problems">One sentence each; empty when it is.</param>
/// <param name="Removed">Records that receipts point to and that codexctl removed by its limits or on the person's word.</param>
public sealed record ReceiptVerification(int Count, IReadOnlyList<string> Problems, int Removed = 0)
{
    public bool Ok => Problems.Count == 0;
}

/// <summary>
/// Receipts as files `00000001.json`, … in one directory, each with the SHA-256 of the file before it: a changed, lost or slipped-in
/// receipt shows. (Cutting off the newest ones does not; nor does a chain that its owner made anew.) Each has its own hash too.
/// </summary>
public sealed class ReceiptStore(string directory)
{
    private const int Version = 1;

    /// <summary>Stands where a file's own hash will be.</summary>
    private static readonly string _noHash = new('0', 64);

    /// <summary>Adds a receipt and returns its file. Appears whole or not at all; safe against other processes.</summary>
    /// <param name="record">The record that it sums up a part of, as it is now.</param>
    public string Add(Receipt receipt, RecordSeal? record = null)
    {
        Paths.MakePrivate(directory);
        using var _ = FileLock.Take(Path.Combine(directory, ".lock"));
        var last = Files().LastOrDefault();
        var number = last is null ? 1 : NumberOf(last) + 1;
        var path = Path.Combine(directory, number.ToString("D8", CultureInfo.InvariantCulture) + ".json");
        var file = new ReceiptFile(Version, last is null ? null : HashOf(last), receipt, record);
        var bytes = Sealed(file);
        var temporary = path + ".new";
        // Left behind by a writer that was killed; the lock says that nobody writes it now.
        File.Delete(temporary);
        using (var stream = Create(temporary))
        {
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
        }
        File.Move(temporary, path);
        return path;
    }

    /// <summary>All readable receipts, the oldest first.</summary>
    public IReadOnlyList<Receipt> Read() => [.. Files().Select(ReadFile).OfType<ReceiptFile>().Select(file => file.Receipt)];

    /// <summary>The newest readable receipt; null when there is none.</summary>
    public Receipt? Last() => Files().Reverse().Select(ReadFile).FirstOrDefault(file => file is not null)?.Receipt;

    /// <summary>All readable receipts with their numbers, the oldest first.</summary>
    public IReadOnlyList<(long Number, ReceiptFile File)> Entries() =>
        [
            .. Files()
                .Select(path => (NumberOf(path), ReadFile(path)))
                .Where(entry => entry.Item2 is not null)
                .Select(entry => (entry.Item1, entry.Item2!)),
        ];

    /// <summary>Follows the chain from the first file to the last.</summary>
    /// <param name="records">Where the records are; null to leave them out.</param>
    public ReceiptVerification Verify(string? records = null)
    {
        var problems = new List<string>();
        var removed = records is null ? [] : RemovedRecords.Of(records).Select(one => one.Session).ToHashSet(StringComparer.Ordinal);
        var gone = new HashSet<string>(StringComparer.Ordinal);
        string? before = null;
        // The first ones may be of a version that did not give them a hash of their own; after one that did, all have it.
        var hashed = false;
        var count = 0;
        foreach (var path in Files())
        {
            var name = Path.GetFileName(path);
            var expected = (before is null ? 0 : NumberOf(before)) + 1;
            if (NumberOf(path) != expected)
            {
                problems.Add($"Receipts are missing before {name}.");
            }
            else if (ReadFile(path) is not { } file)
            {
                problems.Add($"{name} cannot be read.");
            }
            else if (!string.Equals(file.Previous, before is null ? null : HashOf(before), StringComparison.Ordinal))
            {
                problems.Add($"{name} does not follow from the receipt before it: one of the two was changed.");
            }
            else if (file.Sha256 is { } own ? !IsUnchanged(path, own) : hashed)
            {
                problems.Add($"{name} was changed.");
            }
            else if (records is not null && file.Record is { } seal)
            {
                var session = RecordFile.Split(seal.File).Session;
                if (removed.Contains(session) && !File.Exists(PathOf(records, seal)))
                {
                    gone.Add(session);
                }
                else if (RecordProblem(PathOf(records, seal), seal) is { } problem)
                {
                    problems.Add($"{name}: {problem}");
                }
            }
            hashed |= ReadFile(path)?.Sha256 is not null;
            count++;
            before = path;
        }
        return new ReceiptVerification(count, problems, gone.Count);
    }

    // A name from a file: only one of this folder is meant.
    private static string PathOf(string records, RecordSeal seal) => Path.Combine(records, Path.GetFileName(seal.File));

    private static string? RecordProblem(string path, RecordSeal seal)
    {
        if (!File.Exists(path))
        {
            return $"its record {seal.File} is gone.";
        }
        return RecordFile.Matches(path, seal.Bytes, seal.Sha256) ? PartsProblem(path) : $"its record {seal.File} was changed.";
    }

    // The parts before are hashed in the first line of the one that follows.
    private static string? PartsProblem(string path)
    {
        var (session, part) = RecordFile.Split(path);
        for (var folder = Path.GetDirectoryName(path)!; part > 1; part--)
        {
            var after = Path.Combine(folder, RecordParts.NameOf(session, part));
            var before = RecordParts.NameOf(session, part - 1);
            var file = new FileInfo(Path.Combine(folder, before));
            if (!file.Exists || RecordFile.PreviousOf(after) is not { } hash || !RecordFile.Matches(file.FullName, file.Length, hash))
            {
                return file.Exists ? $"its record {before} was changed." : $"its record {before} is gone.";
            }
        }
        return null;
    }

    private IEnumerable<string> Files() =>
        Directory.Exists(directory)
            ? Directory.EnumerateFiles(directory, "*.json").Where(path => NumberOf(path) > 0).OrderBy(NumberOf)
            : [];

    private static long NumberOf(string path) =>
        long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    /// <summary>The file's bytes with their own hash in them: taken over the same bytes, with zeros in its place.</summary>
    private static byte[] Sealed(ReceiptFile file)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(file with { Sha256 = _noHash }, ReceiptJson.Default.ReceiptFile);
        bytes = [.. bytes, (byte)'\n'];
        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        Encoding.ASCII.GetBytes(hash).CopyTo(bytes, bytes.AsSpan().LastIndexOf(Encoding.ASCII.GetBytes(_noHash)));
        return bytes;
    }

    /// <summary>Whether a file's bytes are those that its hash was taken of. Not made anew from what they mean: a later version may write more.</summary>
    private static bool IsUnchanged(string path, string hash)
    {
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().LastIndexOf(Encoding.ASCII.GetBytes(hash));
        if (at < 0 || hash.Length != _noHash.Length)
        {
            return false;
        }
        Encoding.ASCII.GetBytes(_noHash).CopyTo(bytes, at);
        return string.Equals(Convert.ToHexStringLower(SHA256.HashData(bytes)), hash, StringComparison.Ordinal);
    }

    private static string HashOf(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));

    private static ReceiptFile? ReadFile(string path)
    {
        try
        {
            var file = JsonSerializer.Deserialize(File.ReadAllBytes(path), ReceiptJson.Default.ReceiptFile);
            return file is { V: Version } ? file : null;
        }
        catch (Exception error) when (error is JsonException or IOException)
        {
            // Torn by a crash of the whole machine, or damaged: verification says so.
            return null;
        }
    }

    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        return new FileStream(path, options);
    }
}
