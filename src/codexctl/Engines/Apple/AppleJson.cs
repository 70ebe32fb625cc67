using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using static Codexctl.Engines.EngineJson;

namespace Codexctl.Engines.Apple;

/// <summary>
/// Reads what Apple's `container` prints with `--format json`, whose shape changed twice: what is missing or new is no error,
/// what is no JSON is.
/// </summary>
internal static class AppleJson
{
    /// <summary>Dates of releases before 1.0 count from here, in seconds.</summary>
    private static readonly DateTimeOffset _reference = new(2001, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static List<ContainerInfo> Containers(string json) => [.. Elements(json).Select(Container)];

    /// <summary>The names of images, also as releases before 1.0 tell them.</summary>
    public static List<string> ImageNames(string json) =>
        [.. Elements(json).Select(image => Text(Child(image, "configuration"), "name") ?? Text(image, "reference")).OfType<string>()];

    /// <summary>Whether the builder of `container builder status` runs.</summary>
    public static bool BuilderRuns(string json) => Elements(json).Any(builder => State(builder) == ContainerState.Running);

    /// <summary>The IPv4 gateway of an inspected network, which is the Mac itself; null when it is not told.</summary>
    public static IPAddress? Gateway(string json) =>
        Elements(json)
            .Select(network => IPAddress.TryParse(Text(Child(network, "status"), "ipv4Gateway"), out var address) ? address : null)
            .FirstOrDefault(address => address?.AddressFamily == AddressFamily.InterNetwork);

    /// <param name="architecture">Of the variants, the one that runs here: arm64, amd64.</param>
    public static ImageInfo? Image(string json, string name, string architecture) =>
        // An empty list is the answer for its own images, which are none of ours.
        Elements(json) is [var image, ..]
            ? Image(image, name, architecture)
            : null;

    /// <summary>What `image list` and `image inspect` print, an element a name.</summary>
    public static List<ImageInfo> Images(string json, string architecture) =>
        [.. Elements(json).Select(image => Image(image, ImageName(image), architecture))];

    /// <summary>The names that `image list` prints; before 1.0 it printed nothing else of use.</summary>
    public static (List<string> Names, bool Complete) ImageNames(string json)
    {
        var images = Elements(json);
        return ([.. images.Select(ImageName)], images.All(image => Child(image, "variants").ValueKind == JsonValueKind.Array));
    }

    private static string ImageName(JsonElement image) =>
        Text(Child(image, "configuration"), "name") ?? Text(image, "reference") ?? Text(image, "name") ?? "";

    private static ImageInfo Image(JsonElement image, string name, string architecture)
    {
        var variants = Child(image, "variants") is { ValueKind: JsonValueKind.Array } all ? all.EnumerateArray().ToList() : [];
        var ours = variants.FirstOrDefault(v => Text(Child(v, "platform"), "architecture") == architecture);
        if (ours.ValueKind == JsonValueKind.Undefined)
        {
            ours = variants.FirstOrDefault();
        }
        var configuration = Child(image, "configuration");
        return new ImageInfo(
            name,
            Text(image, "id") ?? Digest(Child(configuration, "descriptor")) ?? Digest(Child(image, "index")) ?? "",
            Labels(Child(Child(Child(ours, "config"), "config"), "Labels")),
            Child(ours, "size") is { ValueKind: JsonValueKind.Number } size && size.TryGetInt64(out var bytes) ? bytes : null,
            Time(Child(configuration, "creationDate")) ?? Time(Child(Child(ours, "config"), "created"))
        );
    }

    private static ContainerInfo Container(JsonElement container)
    {
        var configuration = Child(container, "configuration");
        return new ContainerInfo(
            Text(container, "id") ?? Text(configuration, "id") ?? "",
            State(container),
            Text(Child(configuration, "image"), "reference") ?? "",
            Labels(Child(configuration, "labels")),
            WorkdirReadOnly(Child(configuration, "mounts")),
            Time(Child(configuration, "creationDate"))
        )
        {
            WorkdirSource = Mounts(Child(configuration, "mounts")).Select(mount => Text(mount, "source")).FirstOrDefault(),
            ImageId = Digest(Child(Child(configuration, "image"), "descriptor")),
        };
    }

    /// <summary>What is mounted at /workdir.</summary>
    private static IEnumerable<JsonElement> Mounts(JsonElement mounts) =>
        mounts.ValueKind == JsonValueKind.Array ? mounts.EnumerateArray().Where(mount => Text(mount, "destination") == Box.Workdir) : [];

    private static string? Digest(JsonElement descriptor) => Text(descriptor, "digest")?.Replace("sha256:", "", StringComparison.Ordinal);

    private static ContainerState State(JsonElement container)
    {
        var status = Child(container, "status");
        return (status.ValueKind == JsonValueKind.String ? status.GetString() : Text(status, "state")) switch
        {
            "running" => ContainerState.Running,
            // Also one that never ran.
            "stopped" => ContainerState.Stopped,
            _ => ContainerState.Unknown,
        };
    }

    private static bool? WorkdirReadOnly(JsonElement mounts)
    {
        foreach (var mount in Mounts(mounts))
        {
            return Child(mount, "options") is { ValueKind: JsonValueKind.Array } options
                ? options.EnumerateArray().Any(o => o.ValueKind == JsonValueKind.String && o.GetString() is "ro" or "readonly")
                : null;
        }
        return null;
    }

    private static List<JsonElement> Elements(string json) =>
        EngineJson.Elements(json, "Apple's container", "container ls --all --format json");

    private static DateTimeOffset? Time(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.String
                when DateTimeOffset.TryParse(
                    value.GetString(),
                    CultureInfo.InvariantCulture,
                    DateTimeStyles.AssumeUniversal,
                    out var time
                ) => time,
            JsonValueKind.Number when value.TryGetDouble(out var seconds) && Math.Abs(seconds) < 1e11 => _reference.AddSeconds(seconds),
            _ => null,
        };
}
