using System.Text.Json;
using System.Text.RegularExpressions;
using Codexctl.Settings;

namespace Codexctl.Images;

/// <summary>The releases of Codex that the person's npm registry has.</summary>
public sealed partial class CodexReleases(HostEnvironment environment, TimeProvider time)
{
    /// <summary>A release with the hashes that the registry publishes for it.</summary>
    /// <param name="version">Null for the newest.</param>
    /// <exception cref="UserError">There is none, or not for the processors that codexctl knows.</exception>
    public async Task<CodexLock> FindAsync(string? version, CancellationToken cancel)
    {
        if (version is not null && !Version().IsMatch(version))
        {
            throw new UserError($"'{version}' is no version of Codex.", null, "Write it like 0.169.0.", ExitCodes.Usage);
        }
        var known = CodexLock.Embedded;
        using var download = new PackageDownload(NpmRegistry.Load(environment), time);
        using var document =
            await download.DescribeAsync(known.Package, cancel)
            ?? throw new UserError($"The npm registry does not have {known.Package}.", null, "Check: npm config get registry");
        var root = document.RootElement;
        var found =
            version
            ?? Text(PackageDownload.Child(PackageDownload.Child(root, "dist-tags"), "latest"))
            ?? throw new UserError(
                "The npm registry does not say which Codex is the newest.",
                null,
                "Name one: codexctl codex upgrade VERSION"
            );
        if (!Version().IsMatch(found))
        {
            throw new UserError(
                "The npm registry names something as the newest Codex that is no version.",
                found,
                "Check: npm config get registry"
            );
        }
        var platforms = new Dictionary<string, CodexRelease>(StringComparer.Ordinal);
        foreach (var (name, release) in known.Platforms)
        {
            var package = $"{found}-{name}";
            var dist = PackageDownload.Child(PackageDownload.Child(PackageDownload.Child(root, "versions"), package), "dist");
            if (Text(PackageDownload.Child(dist, "integrity")) is { } integrity)
            {
                platforms[name] = release with { Version = found, PackageVersion = package, Integrity = Parse(integrity, package) };
            }
        }
        return platforms.Count > 0
            ? new CodexLock(known.Package, found, platforms)
            : throw new UserError(
                $"The npm registry has no Codex {found} for Linux.",
                $"It was looked for as {known.Package} {found}-{string.Join($" and {found}-", known.Platforms.Keys)}.",
                "Name another version: codexctl codex upgrade VERSION"
            );
    }

    /// <summary>A registry may publish several hashes; only SHA-512 will do.</summary>
    private static Integrity Parse(string integrity, string package)
    {
        try
        {
            return Integrity.Parse(
                integrity.Split(' ').FirstOrDefault(hash => hash.StartsWith("sha512-", StringComparison.Ordinal)) ?? integrity
            );
        }
        catch (FormatException error)
        {
            throw new UserError(
                $"The npm registry has no usable hash for Codex {package}.",
                error.Message,
                "Check: npm config get registry"
            );
        }
    }

    private static string? Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;

    [GeneratedRegex(@"^[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.]+)?\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Version();
}
