using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Codexctl.Engines;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Images;

/// <summary>The labels that images carry.</summary>
public static class ImageLabels
{
    /// <summary>The hash of all that the image was made from.</summary>
    public const string Recipe = "codexctl.recipe";
    public const string Name = "codexctl.image";
    public const string Base = "codexctl.base";
    public const string Codex = "codexctl.codex";
}

/// <summary>How to build images.</summary>
/// <param name="Pull">Fetches the base first.</param>
/// <param name="RefreshBase">Deletes the base first, so that it is fetched whole; that it cannot be deleted is only told.</param>
/// <param name="Network">The network of the build's own steps; null for the engine's default.</param>
/// <param name="Authorities">Certificates in PEM form that the build's steps trust.</param>
/// <param name="KeepAuthorities">The image goes on trusting them.</param>
/// <param name="Tag">Another tag than the recipe's name.</param>
public sealed record ImageOptions(
    bool Pull = false,
    bool RefreshBase = false,
    string? Network = null,
    string? Authorities = null,
    bool KeepAuthorities = false,
    string? Tag = null
);

/// <summary>Builds the images of the catalogue on an engine.</summary>
public sealed class ImageBuilder(
    IImageEngine engine,
    ImageCatalogue catalogue,
    CodexStore store,
    Paths paths,
    HostEnvironment environment,
    TimeProvider clock
)
{
    private static readonly string[] s_proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];

    private static readonly TimeSpan s_abandoned = TimeSpan.FromDays(1);

    private readonly NpmStore _packages = new(paths, environment, clock);

    /// <summary>The npm packages that belong to an image.</summary>
    internal Func<string, IReadOnlyList<PlacedPackage>> PackagesOf { get; init; } = PlacedPackage.Of;

    /// <summary>Builds one image, downloading what it needs first. The tag moves when all of it is done, and not before.</summary>
    /// <param name="onLine">Gets each line of the engine's log.</param>
    public async Task BuildAsync(
        BuildStep step,
        ImageOptions options,
        IDownloadProgress progress,
        Action<string> onLine,
        CancellationToken cancel = default
    )
    {
        var recipe = step.Recipe;
        if (options.RefreshBase && step is { Whole: true, Base: { } old })
        {
            try
            {
                await engine.RemoveImageAsync(old, cancel);
            }
            catch (Exception error) when (error is ProcessError or UserError)
            {
                progress.Note($"{old} could not be deleted ({error.Message}); it is used as it is.");
            }
        }
        var context = recipe.Folder ?? await MakeContextAsync(step, progress, cancel);
        try
        {
            await engine.BuildImageAsync(
                new ImageBuild(
                    options.Tag ?? recipe.Name,
                    context,
                    "Dockerfile",
                    Arguments(step, options),
                    Labels(step),
                    step.NoCache,
                    // Of the images that are only on this machine nothing could be pulled.
                    options.Pull && (step.Whole || (!recipe.IsBuiltIn && recipe.Parents.Count == 0)),
                    options.Network
                ),
                onLine,
                cancel
            );
        }
        finally
        {
            if (recipe.IsBuiltIn)
            {
                Directory.Delete(context, recursive: true);
            }
        }
    }

    /// <summary>A folder with exactly what the recipe copies. Codex's files are second names of those in the cache, not copies.</summary>
    internal async Task<string> MakeContextAsync(BuildStep step, IDownloadProgress progress, CancellationToken cancel)
    {
        var files = step.Whole ? await store.EnsureAsync(progress, cancel) : null;
        var parent = Paths.MakePrivate(Path.Combine(paths.Cache, "build"));
        RemoveAbandoned(parent);
        var context = Path.Combine(parent, $"{step.Recipe.Name}-{Guid.NewGuid():N}");
        try
        {
            var modules = Path.Combine(context, "npm");
            Directory.CreateDirectory(modules);
            ImageCatalogue.Write(step.Recipe, step.Whole, context);
            await _packages.PlaceAsync(PackagesOf(step.Recipe.Name), modules, progress, cancel);
            if (files is not null)
            {
                if (step.Recipe.Name != ImageCatalogue.Codex)
                {
                    await _packages.PlaceAsync(PackagesOf(ImageCatalogue.Codex), modules, progress, cancel);
                }
                PlaceCodex(files, Path.Combine(context, "codex/bin"));
            }
            OpenFolders(context);
            return context;
        }
        catch (Exception error)
        {
            Directory.Delete(context, recursive: true);
            if (error is IOException or UnauthorizedAccessException)
            {
                throw Disk.Explain(error, context);
            }
            throw;
        }
    }

    private static void PlaceCodex(CodexFiles files, string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var file in (string[])[files.Codex, files.CodeModeHost, files.Ripgrep])
        {
            var target = Path.Combine(folder, Path.GetFileName(file));
            if (Libc.Link(file, target) != 0)
            {
                File.Copy(file, target);
            }
        }
    }

    /// <summary>Builders copy modes into the image; the umask of whoever builds must not decide them. The context's own folder stays ours.</summary>
    private static void OpenFolders(string context)
    {
        foreach (var folder in Directory.EnumerateDirectories(context, "*", SearchOption.AllDirectories))
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
            }
        }
    }

    private Dictionary<string, string> Labels(BuildStep step)
    {
        var recipe = step.Recipe;
        var hasCodex = recipe.IsBuiltIn || step.Base is not null;
        var labels = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [ImageLabels.Name] = recipe.Name,
            [ImageLabels.Recipe] = catalogue.Fingerprint(recipe, store.Release, step.Base ?? ""),
            ["org.opencontainers.image.title"] = recipe.Name,
            ["org.opencontainers.image.version"] = Product.Version,
            ["org.opencontainers.image.created"] = clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        };
        if (hasCodex)
        {
            labels[ImageLabels.Base] = step.Base ?? "";
            labels[ImageLabels.Codex] = store.Release.Version;
            labels["org.opencontainers.image.base.name"] = step.Base ?? "";
        }
        if (recipe.IsBuiltIn)
        {
            labels["org.opencontainers.image.description"] = recipe.Summary;
            labels["org.opencontainers.image.source"] = Product.Source ?? $"codexctl {Product.Version}, images/{recipe.Name}/Dockerfile";
            labels["org.opencontainers.image.licenses"] = "MIT";
        }
        return labels;
    }

    /// <summary>The base, the person's proxies and certificates. Builders know the names of proxies and keep them out of the image.</summary>
    private Dictionary<string, string> Arguments(BuildStep step, ImageOptions options)
    {
        var arguments = new Dictionary<string, string>(StringComparer.Ordinal);
        if (step is { Whole: true, Base: { } @base })
        {
            arguments["BASE"] = @base;
        }
        foreach (var name in s_proxyVariables)
        {
            if ((environment[name.ToLowerInvariant()] ?? environment[name]) is { } value)
            {
                // Programs differ in which of the two they read.
                arguments[name] = value;
                arguments[name.ToLowerInvariant()] = value;
            }
        }
        if (options.Authorities is { } authorities && step.Recipe.IsBuiltIn)
        {
            // Read by images/common/build/authorities.sh, which says why it goes this way.
            var pem = Encoding.UTF8.GetBytes(authorities);
            arguments["ftp_proxy"] = "pem:" + Convert.ToBase64String(pem);
            if (options.KeepAuthorities)
            {
                // Not only "yes": other certificates are another image.
                arguments["KEEP_AUTHORITIES"] = Convert.ToHexStringLower(SHA256.HashData(pem))[..16];
            }
        }
        return arguments;
    }

    /// <summary>Contexts of builds that were killed; a day is longer than any build.</summary>
    private void RemoveAbandoned(string parent)
    {
        foreach (var folder in Directory.EnumerateDirectories(parent))
        {
            if (clock.GetUtcNow().UtcDateTime - Directory.GetLastWriteTimeUtc(folder) > s_abandoned)
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }
}
