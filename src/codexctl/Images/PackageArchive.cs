using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;

namespace Codexctl.Images;

/// <summary>The package's archive: its hash, and the few of its files that a box needs.</summary>
internal static class PackageArchive
{
    /// <summary>More than this is no Codex package.</summary>
    private const long LargestContent = 3L << 30;

    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Executable =
        Readable | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public static async Task<Integrity> HashAsync(string file, CancellationToken cancel)
    {
        await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20, FileOptions.SequentialScan);
        return Integrity.Of(await SHA512.HashDataAsync(stream, cancel));
    }

    /// <summary>
    /// Unpacks the files that are wanted into a folder. Nothing but plain files and folders inside the package is accepted,
    /// also among the entries that are left out.
    /// </summary>
    /// <param name="what">The package's name and version, for errors.</param>
    /// <param name="place">From an entry's name to the file's path in the folder; null for what is left out.</param>
    /// <returns>The paths of the files that are there now.</returns>
    public static async Task<IReadOnlySet<string>> UnpackAsync(
        string archive,
        string what,
        Func<string, string?> place,
        string folder,
        Durability durability,
        CancellationToken cancel
    )
    {
        var found = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await using var file = new FileStream(
                archive,
                FileMode.Open,
                FileAccess.Read,
                FileShare.Read,
                1 << 20,
                FileOptions.SequentialScan
            );
            await using var gzip = new GZipStream(file, CompressionMode.Decompress);
            await using var tar = new TarReader(gzip);
            long total = 0;
            while (await tar.GetNextEntryAsync(copyData: false, cancel) is { } entry)
            {
                Check(entry);
                total += entry.Length;
                if (total > LargestContent)
                {
                    throw new InvalidDataException("it unpacks to more than 3 GB");
                }
                if (entry.EntryType is TarEntryType.GlobalExtendedAttributes || place(entry.Name) is not { } path)
                {
                    continue;
                }
                if (entry.EntryType is TarEntryType.Directory && durability == Durability.Temporary)
                {
                    continue;
                }
                if (entry.EntryType is TarEntryType.Directory || !found.Add(path))
                {
                    throw new InvalidDataException($"{entry.Name} is there twice or is a folder");
                }
                await WriteAsync(entry, Path.Combine(folder, path), durability, cancel);
            }
        }
        catch (InvalidDataException error)
        {
            throw new UserError($"The archive of {what} cannot be used: {error.Message}.");
        }
        return found;
    }

    private static void Check(TarEntry entry)
    {
        var plain =
            entry.EntryType
            is TarEntryType.RegularFile
                or TarEntryType.V7RegularFile
                or TarEntryType.Directory
                or TarEntryType.GlobalExtendedAttributes;
        if (!plain)
        {
            throw new InvalidDataException($"{entry.Name} is a {entry.EntryType}, not a file");
        }
        if (entry.EntryType is TarEntryType.GlobalExtendedAttributes)
        {
            return;
        }
        if (
            entry.Name.StartsWith('/')
            || entry.Name.Contains('\\', StringComparison.Ordinal)
            || entry.Name.Split('/').Contains("..", StringComparer.Ordinal)
        )
        {
            throw new InvalidDataException($"{entry.Name} lies outside of the package");
        }
    }

    private static async Task WriteAsync(TarEntry entry, string path, Durability durability, CancellationToken cancel)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            await using var target = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
            if (entry.DataStream is { } data)
            {
                await data.CopyToAsync(target, 1 << 20, cancel);
            }
            var executable =
                durability == Durability.Kept
                    ? !path.EndsWith(".json", StringComparison.Ordinal)
                    : entry.Mode.HasFlag(UnixFileMode.UserExecute);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(target.SafeFileHandle, executable ? Executable : Readable);
            }
            if (durability == Durability.Kept)
            {
                // The mark that is written next must not reach the disk before what it vouches for.
                target.Flush(flushToDisk: true);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Disk.Explain(error, path);
        }
    }
}

/// <summary>What becomes of unpacked files.</summary>
internal enum Durability
{
    /// <summary>Parts of Codex, which are all programs, in the cache: on the disk before anybody is told.</summary>
    Kept,

    /// <summary>A build's context, which is removed afterwards; modes as in the archive.</summary>
    Temporary,
}
