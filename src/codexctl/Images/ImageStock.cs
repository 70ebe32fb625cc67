using System.Text.RegularExpressions;
using Codexctl.Engines;

namespace Codexctl.Images;

public enum StockKind
{
    /// <summary>Has the name that `--image` takes.</summary>
    Named,

    /// <summary>A newer image took its name.</summary>
    Replaced,

    /// <summary>Has a tag with a time (`build --snapshot`).</summary>
    Snapshot,

    /// <summary>Of a trial that was killed (`codex upgrade`).</summary>
    LeftOver,

    /// <summary>A name that the person gave it.</summary>
    Tagged,
}

/// <summary>One image that codexctl built; one with several names is several of these.</summary>
/// <param name="Reference">What the engine is told: the name with its tag, or the id of one without a name.</param>
/// <param name="Name">The recipe's.</param>
/// <param name="UsedBy">Containers made from it, running or not.</param>
public sealed record StockedImage(string Reference, string Name, StockKind Kind, ImageInfo Info, IReadOnlyList<string> UsedBy);

/// <summary>The images that codexctl built, and who uses them.</summary>
public sealed partial record ImageStock(IReadOnlyList<StockedImage> Images)
{
    public static async Task<ImageStock> LoadAsync(IImageEngine engine, CancellationToken cancel) =>
        From(await engine.ListImagesAsync(ImageLabels.Name, cancel), await engine.ListAsync(cancel));

    public static ImageStock From(IReadOnlyList<ImageInfo> images, IReadOnlyList<ContainerInfo> containers) =>
        new([
            .. images
                .SelectMany(image => Named(image, containers))
                .OrderBy(image => image.Name, StringComparer.Ordinal)
                .ThenBy(image => image.Kind)
                .ThenByDescending(image => image.Info.Created),
        ]);

    /// <summary>The one that a person means.</summary>
    /// <exception cref="UserError">None is, or a container uses it.</exception>
    public StockedImage Find(string name)
    {
        var image =
            Images.FirstOrDefault(image => image.Reference == name)
            ?? Images.FirstOrDefault(image => Bare(image.Reference) == name || Bare(image.Reference) == name + ":latest")
            ?? Images.FirstOrDefault(image => IsShortId(image.Info.Id, name))
            ?? throw new UserError(
                $"codexctl built no image {name}.",
                "Images of other programs are not touched.",
                "codexctl images shows those that there are."
            );
        // Of an image with another name left, only this name goes.
        var lastName = Images.Count(other => other.Info.Id == image.Info.Id) == 1;
        return image.UsedBy.Count == 0 || !lastName
            ? image
            : throw new UserError(
                $"{name} is in use.",
                $"These containers are made from it: {string.Join(", ", image.UsedBy)}.",
                $"Remove them first (codexctl rm --name {image.UsedBy[0]}), or move them: codexctl upgrade {image.UsedBy[0]}"
            );
    }

    /// <summary>Replaced images, snapshots and what was left over, but for those in use and the newest of each name. Names that a person gave stay.</summary>
    /// <param name="keep">How many of each name stay.</param>
    public IReadOnlyList<StockedImage> Prunable(int keep) =>
        [
            .. Images
                .Where(image => image.Kind is StockKind.Replaced or StockKind.Snapshot)
                .GroupBy(image => image.Name, StringComparer.Ordinal)
                .SelectMany(group => group.OrderByDescending(image => image.Info.Created).Skip(keep))
                .Concat(Images.Where(image => image.Kind == StockKind.LeftOver))
                .Where(image => image.UsedBy.Count == 0 || Images.Any(other => other != image && other.Info.Id == image.Info.Id)),
        ];

    private static IEnumerable<StockedImage> Named(ImageInfo image, IReadOnlyList<ContainerInfo> containers)
    {
        var name = image.Labels.GetValueOrDefault(ImageLabels.Name) ?? "";
        var users = containers
            .Where(container =>
                container.ImageId is { } id ? id == image.Id : image.Tags.Contains(container.Image + ":latest", StringComparer.Ordinal)
            )
            .Select(container => container.Name)
            .Order(StringComparer.Ordinal)
            .ToList();
        return image.Tags.Count == 0
            ? [new StockedImage(image.Id, name, StockKind.Replaced, image, users)]
            : image.Tags.Select(tag => new StockedImage(tag, name, KindOf(Bare(tag), name), image, users));
    }

    private static StockKind KindOf(string tag, string name) =>
        tag == $"{name}:latest" ? StockKind.Named
        : tag == $"{ImageCatalogue.Canary}:latest" ? StockKind.LeftOver
        : tag.StartsWith($"{name}:", StringComparison.Ordinal) && Time().IsMatch(tag[(name.Length + 1)..]) ? StockKind.Snapshot
        : StockKind.Tagged;

    /// <summary>Podman puts `localhost/` in front of names, Apple's engine its default registry.</summary>
    private static string Bare(string reference)
    {
        foreach (var prefix in (string[])["localhost/", "docker.io/library/"])
        {
            if (reference.StartsWith(prefix, StringComparison.Ordinal))
            {
                return reference[prefix.Length..];
            }
        }
        return reference;
    }

    [GeneratedRegex("^[0-9]{8}T[0-9]{6}Z\\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Time();

    private static bool IsShortId(string id, string given) =>
        given.Length >= 6 && (id.StartsWith(given, StringComparison.Ordinal) || id.StartsWith("sha256:" + given, StringComparison.Ordinal));
}
