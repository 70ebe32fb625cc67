using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using Codexctl.Processes;

namespace Codexctl.Gateway.Recording;

/// <summary>Whether the chain of receipts is whole.</summary>
/// <param name="Problems">One sentence each; empty when it is.</param>
public sealed record ReceiptVerification(int Count, IReadOnlyList<string> Problems)
{
    public bool Ok => Problems.Count == 0;
}

/// <summary>
/// Receipts as files `00000001.json`, … in one directory, each with the SHA-256 of the file before it: a changed, lost or slipped-in
/// receipt shows. (Cutting off the newest ones does not; nor does a chain that its owner made anew.)
/// </summary>
public sealed class ReceiptStore(string directory)
{
    private const int Version = 1;

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
        var temporary = path + ".new";
        // Left behind by a writer that was killed; the lock says that nobody writes it now.
        File.Delete(temporary);
        using (var stream = Create(temporary))
        {
            JsonSerializer.Serialize(stream, file, ReceiptJson.Default.ReceiptFile);
            stream.WriteByte((byte)'\n');
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
        string? before = null;
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
            else if (records is not null && file.Record is { } seal && RecordProblem(records, seal) is { } problem)
            {
                problems.Add($"{name}: {problem}");
            }
            count++;
            before = path;
        }
        return new ReceiptVerification(count, problems);
    }

    private static string? RecordProblem(string records, RecordSeal seal)
    {
        // A name from a file: only one of this folder is meant.
        var path = Path.Combine(records, Path.GetFileName(seal.File));
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
