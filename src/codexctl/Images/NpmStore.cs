using Codexctl.Settings;

namespace Codexctl.Images;

/// <summary>
/// Archives of small npm packages in the cache: fetched once, and checked by their hash each time they are used.
/// </summary>
public sealed class NpmStore(Paths paths, HostEnvironment environment, TimeProvider time)
{
    /// <summary>The package's archive, downloaded first when it is not here.</summary>
    /// <exception cref="UserError">It cannot be had, or is another file than the pinned one; that is not kept.</exception>
    public async Task<string> EnsureAsync(NpmPackage package, IDownloadProgress progress, CancellationToken cancel)
    {
        var folder = Path.Combine(paths.Cache, "npm");
        var archive = Path.Combine(folder, $"{package.Name.Replace('/', '+')}-{package.Version}.tgz");
        try
        {
            Paths.MakePrivate(paths.Cache);
            Paths.MakePrivate(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Disk.Explain(error, archive);
        }
        if (File.Exists(archive) && await PackageArchive.HashAsync(archive, cancel) == package.Integrity)
        {
            return archive;
        }
        // A name of its own: two programs that want it at once do not write into one file.
        var partial = $"{archive}.{Guid.NewGuid():N}.partial";
        try
        {
            using var download = new PackageDownload(NpmRegistry.Load(environment, NpmRegistry.ScopeOf(package.Name)), time);
            await download.FetchAsync(package, partial, progress, cancel);
            var got = await PackageArchive.HashAsync(partial, cancel);
            if (got != package.Integrity)
            {
                throw new UserError(
                    $"The downloaded file is not {package.Name} {package.Version}; it was thrown away.",
                    $"Expected {package.Integrity}, got {got}.",
                    "Try again. If it happens again, your registry serves another file: npm config get registry"
                );
            }
            File.Move(partial, archive, overwrite: true);
            return archive;
        }
        finally
        {
            File.Delete(partial);
        }
    }

    /// <summary>Puts packages into a folder `node_modules`.</summary>
    public async Task PlaceAsync(IReadOnlyList<PlacedPackage> packages, string folder, IDownloadProgress progress, CancellationToken cancel)
    {
        foreach (var placed in packages)
        {
            var archive = await EnsureAsync(placed.Package, progress, cancel);
            var target = Path.Combine(folder, placed.Place);
            await PackageArchive.UnpackAsync(
                archive,
                $"{placed.Package.Name} {placed.Package.Version}",
                name =>
                    name.Split('/', 2) is [_, { Length: > 0 } inside]
                    && !placed.Without.Any(left => inside.StartsWith(left, StringComparison.Ordinal))
                        ? inside
                        : null,
                target,
                Durability.Temporary,
                cancel
            );
        }
    }
}
