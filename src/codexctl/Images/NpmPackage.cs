using System.Text.Json.Nodes;

namespace Codexctl.Images;

/// <summary>One version of a package in an npm registry, and the hash that its archive must have.</summary>
public sealed record NpmPackage(string Name, string Version, Integrity Integrity);

/// <summary>A package that an image holds beside Codex.</summary>
/// <param name="Place">Its folder below node_modules.</param>
/// <param name="Without">Folders of the package that nobody needs in a box; each ends with a slash.</param>
public sealed record PlacedPackage(NpmPackage Package, string Place, IReadOnlyList<string> Without)
{
    /// <summary>images/npm.lock: by the image that the packages belong to.</summary>
    private static readonly Lazy<IReadOnlyDictionary<string, IReadOnlyList<PlacedPackage>>> s_lock = new(() =>
        Parse(EmbeddedFiles.ReadText("images/npm.lock"))
    );

    /// <summary>The packages of an image; those of the image that it is built on are not among them.</summary>
    public static IReadOnlyList<PlacedPackage> Of(string image) => s_lock.Value.GetValueOrDefault(image) ?? [];

    internal static IReadOnlyDictionary<string, IReadOnlyList<PlacedPackage>> Parse(string json)
    {
        var images = new Dictionary<string, IReadOnlyList<PlacedPackage>>(StringComparer.Ordinal);
        foreach (var (image, packages) in JsonNode.Parse(json)!.AsObject())
        {
            images[image] =
            [
                .. packages!
                    .AsObject()
                    .Select(entry => new PlacedPackage(
                        new NpmPackage(
                            Path.GetFileName(entry.Key),
                            Text(entry.Value!, "version"),
                            Integrity.Parse(Text(entry.Value!, "integrity"))
                        ),
                        entry.Key,
                        [.. entry.Value!["without"]?.AsArray().Select(folder => folder!.GetValue<string>()) ?? []]
                    )),
            ];
        }
        return images;
    }

    /// <summary>What the image's hash depends on.</summary>
    public override string ToString() => $"{Place} {Package.Version} {Package.Integrity} {string.Join(' ', Without)}";

    private static string Text(JsonNode node, string key) =>
        node[key]?.GetValue<string>() ?? throw new FormatException($"images/npm.lock has no {key}");
}
