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

/// <summary>How to build an image.</summary>
/// <param name="Base">Another base than the recipe's own.</param>
/// <param name="NoCache">Every step anew.</param>
/// <param name="Pull">Fetches the base first.</param>
/// <param name="RefreshBase">Deletes the base first, so that it is fetched whole; that it cannot be deleted is only told.</param>
/// <param name="Network">The network of the build's own steps; null for the engine's default.</param>
public sealed record ImageOptions(
    string? Base = null,
    bool NoCache = false,
    bool Pull = false,
    bool RefreshBase = false,
    string? Network = null
);

/// <summary>Builds the images of the catalogue on an engine.</summary>
public sealed class ImageBuilder(IImageEngine engine, CodexStore store, Paths paths, HostEnvironment environment, TimeProvider clock)
{
    private static readonly string[] s_proxyVariables = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];

    private static readonly TimeSpan s_abandoned = TimeSpan.FromDays(1);

    /// <summary>Whether an image is what this codexctl would build now. One on another base counts when only the base differs.</summary>
    public bool IsCurrent(ImageInfo image) =>
        image.Labels.TryGetValue(ImageLabels.Name, out var name)
        && ImageCatalogue.Find(name) is { } recipe
        && image.Labels.TryGetValue(ImageLabels.Base, out var @base)
        && image.Labels.TryGetValue(ImageLabels.Recipe, out var fingerprint)
        && string.Equals(fingerprint, ImageCatalogue.Fingerprint(recipe, store.Release, @base), StringComparison.Ordinal);

    /// <summary>Builds an image under its own name, downloading Codex first when it is not here.</summary>
    /// <param name="onLine">Gets each line of the engine's log.</param>
    public async Task BuildAsync(
        ImageRecipe recipe,
        ImageOptions options,
        IDownloadProgress progress,
        Action<string> onLine,
        CancellationToken cancel = default
    )
    {
        var files = await store.EnsureAsync(progress, cancel);
        var @base = options.Base ?? recipe.Base;
        if (options.RefreshBase)
        {
            try
            {
                await engine.RemoveImageAsync(@base, cancel);
            }
            catch (Exception error) when (error is ProcessError or UserError)
            {
                progress.Note($"{@base} could not be deleted ({error.Message}); it is used as it is.");
            }
        }
        var context = MakeContext(recipe, files);
        try
        {
            await engine.BuildImageAsync(
                new ImageBuild(
                    recipe.Name,
                    context,
                    "Dockerfile",
                    Arguments(@base),
                    Labels(recipe, @base),
                    options.NoCache,
                    options.Pull,
                    options.Network
                ),
                onLine,
                cancel
            );
        }
        finally
        {
            Directory.Delete(context, recursive: true);
        }
    }

    /// <summary>A folder with exactly what the recipe copies. Codex's files are second names of those in the cache, not copies.</summary>
    internal string MakeContext(ImageRecipe recipe, CodexFiles files)
    {
        var parent = Paths.MakePrivate(Path.Combine(paths.Cache, "build"));
        RemoveAbandoned(parent);
        var context = Path.Combine(parent, $"{recipe.Name}-{Guid.NewGuid():N}");
        var bin = Path.Combine(context, "codex/bin");
        try
        {
            Directory.CreateDirectory(bin);
            ImageCatalogue.Write(recipe, context);
            foreach (var file in (string[])[files.Codex, files.CodeModeHost, files.Ripgrep])
            {
                var target = Path.Combine(bin, Path.GetFileName(file));
                if (Libc.Link(file, target) != 0)
                {
                    File.Copy(file, target);
                }
            }
            return context;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Directory.Delete(context, recursive: true);
            throw Disk.Explain(error, context);
        }
    }

    private Dictionary<string, string> Labels(ImageRecipe recipe, string @base) =>
        new(StringComparer.Ordinal)
        {
            [ImageLabels.Name] = recipe.Name,
            [ImageLabels.Recipe] = ImageCatalogue.Fingerprint(recipe, store.Release, @base),
            [ImageLabels.Base] = @base,
            [ImageLabels.Codex] = store.Release.Version,
            ["org.opencontainers.image.title"] = recipe.Name,
            ["org.opencontainers.image.description"] = recipe.Summary,
            ["org.opencontainers.image.version"] = store.Release.Version,
            ["org.opencontainers.image.base.name"] = @base,
        };

    /// <summary>The base, and the person's proxies: every builder knows these names and keeps them out of the image.</summary>
    private Dictionary<string, string> Arguments(string @base)
    {
        var arguments = new Dictionary<string, string>(StringComparer.Ordinal) { ["BASE"] = @base };
        foreach (var name in s_proxyVariables)
        {
            if ((environment[name.ToLowerInvariant()] ?? environment[name]) is { } value)
            {
                // Programs differ in which of the two they read.
                arguments[name] = value;
                arguments[name.ToLowerInvariant()] = value;
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
