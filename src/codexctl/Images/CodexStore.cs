using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Images;

/// <summary>A verified, unpacked Codex release on this machine, in the layout of its own package.</summary>
public sealed record CodexFiles(CodexRelease Release, string Root)
{
    public string Codex => Path.Combine(Root, "bin/codex");

    /// <summary>Must sit next to Codex; models of OpenAI need it.</summary>
    public string CodeModeHost => Path.Combine(Root, "bin/codex-code-mode-host");

    /// <summary>ripgrep, a static binary.</summary>
    public string Ripgrep => Path.Combine(Root, "codex-path/rg");

    /// <summary>bubblewrap, for machines that have none.</summary>
    public string Bubblewrap => Path.Combine(Root, "codex-resources/bwrap");
}

/// <summary>
/// The pinned Codex release in the cache. Downloaded once, also when several programs want it at once; nothing is used
/// before its hash is right; no network once it is there.
/// </summary>
public sealed class CodexStore(Paths paths, HostEnvironment environment, TimeProvider time, CodexRelease release)
{
    /// <summary>Written last: names the archive's hash and the size of every file.</summary>
    private const string Mark = ".verified";

    /// <summary>Everything but the voice files (52 MB, of no use in a box).</summary>
    internal static readonly string[] Wanted =
    [
        "bin/codex",
        "bin/codex-code-mode-host",
        "codex-path/rg",
        "codex-resources/bwrap",
        "codex-package.json",
    ];

    public CodexRelease Release { get; } = release;

    private string Name => $"{Release.Version}-{Release.Platform}";

    private string Folder => Path.Combine(paths.CodexReleases, Name);

    private string Partial => Path.Combine(paths.CodexReleases, $"{Name}.tgz.partial");

    /// <summary>The release, when it is here; looks at nothing but the disk.</summary>
    public CodexFiles? Find() =>
        string.Equals(ReadMark(Folder), Release.Integrity.Text, StringComparison.Ordinal) ? new CodexFiles(Release, Folder) : null;

    /// <summary>The release, downloaded first when it is not here.</summary>
    /// <exception cref="UserError">It cannot be had; a download that was cut goes on next time, a wrong one is not kept.</exception>
    public async Task<CodexFiles> EnsureAsync(IDownloadProgress progress, CancellationToken cancel = default)
    {
        if (Find() is { } here)
        {
            return here;
        }
        try
        {
            Paths.MakePrivate(paths.Cache);
            Paths.MakePrivate(paths.CodexReleases);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Disk.Explain(error, paths.CodexReleases);
        }
        using var alone = await LockAsync(progress, cancel);
        if (Find() is { } made)
        {
            return made;
        }
        await DownloadAsync(progress, cancel);
        progress.Note($"Unpacking Codex {Release.Version}.");
        await UnpackAsync(cancel);
        return Find() ?? throw new UserError($"{Folder} was changed while Codex was unpacked there.", null, "Try again.");
    }

    private async Task<FileLock> LockAsync(IDownloadProgress progress, CancellationToken cancel)
    {
        var file = Path.Combine(paths.CodexReleases, $".{Name}.lock");
        var said = false;
        while (true)
        {
            if (FileLock.TryTake(file) is { } taken)
            {
                return taken;
            }
            if (!said)
            {
                progress.Note("Another codexctl is downloading Codex; waiting for it.");
                said = true;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancel);
        }
    }

    private async Task DownloadAsync(IDownloadProgress progress, CancellationToken cancel)
    {
        var registry = NpmRegistry.Load(environment);
        if (!registry.StrictTls)
        {
            progress.Note("npm's setting strict-ssl=false: the registry's certificate is not checked. The file's hash is.");
        }
        using var download = new PackageDownload(registry, time);
        var resumed = File.Exists(Partial);
        while (true)
        {
            await download.FetchAsync(Release.Npm, Partial, progress, cancel);
            var got = await PackageArchive.HashAsync(Partial, cancel);
            if (got == Release.Integrity)
            {
                return;
            }
            File.Delete(Partial);
            if (!resumed)
            {
                throw new UserError(
                    $"The downloaded file is not Codex {Release.Version}; it was thrown away.",
                    $"Expected {Release.Integrity}, got {got} from {registry.Registry.Host}.",
                    "Try again. If it happens again, that registry serves another file: npm config get registry"
                );
            }
            // The beginning came from another time, and perhaps from another registry: once more, from nothing.
            resumed = false;
            progress.Note("The earlier, incomplete download does not fit; starting anew.");
        }
    }

    private async Task UnpackAsync(CancellationToken cancel)
    {
        foreach (var left in Directory.EnumerateDirectories(paths.CodexReleases, $"{Name}.unpack-*"))
        {
            Directory.Delete(left, recursive: true);
        }
        var folder = Path.Combine(paths.CodexReleases, $"{Name}.unpack-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(folder);
            var what = $"Codex {Release.PackageVersion}";
            var root = $"package/vendor/{Release.Target}/";
            var found = await PackageArchive.UnpackAsync(
                Partial,
                what,
                // In the package's own layout, which Codex finds its parts by.
                name =>
                    name.StartsWith(root, StringComparison.Ordinal) && Wanted.Contains(name[root.Length..], StringComparer.Ordinal)
                        ? name[root.Length..]
                        : null,
                folder,
                Durability.Kept,
                cancel
            );
            if (Wanted.FirstOrDefault(name => !found.Contains(name)) is { } missing)
            {
                throw new UserError($"The archive of {what} has no {missing}.");
            }
            await WriteMarkAsync(folder, cancel);
            if (Directory.Exists(Folder))
            {
                // Without a right mark: nobody uses it.
                Directory.Delete(Folder, recursive: true);
            }
            Directory.Move(folder, Folder);
            File.Delete(Partial);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Disk.Explain(error, folder);
        }
        finally
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    private async Task WriteMarkAsync(string folder, CancellationToken cancel)
    {
        var lines = Wanted.Select(name => $"{new FileInfo(Path.Combine(folder, name)).Length} {name}");
        await File.WriteAllLinesAsync(Path.Combine(folder, Mark), lines.Prepend(Release.Integrity.Text), cancel);
    }

    /// <summary>The hash in a folder's mark, when every file is there in its full size; else null.</summary>
    private static string? ReadMark(string folder)
    {
        try
        {
            var lines = File.ReadAllLines(Path.Combine(folder, Mark));
            var complete =
                lines.Length == Wanted.Length + 1
                && lines
                    .Skip(1)
                    .All(line =>
                        line.Split(' ', 2) is [var size, var name]
                        && new FileInfo(Path.Combine(folder, name)) is { Exists: true } file
                        && long.TryParse(size, out var length)
                        && file.Length == length
                    );
            return complete ? lines[0] : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
