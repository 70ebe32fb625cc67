using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using static Codexctl.Engines.EngineJson;

namespace Codexctl.Engines.Docker;

/// <summary>Reads what `docker … inspect` prints. Tolerant: what is missing or new is no error, what is no JSON is.</summary>
internal static class DockerJson
{
    public static List<ContainerInfo> Containers(string json) => [.. Elements(json).Select(Container)];

    public static List<ImageInfo> Images(string json, string name) => [.. Elements(json).Select(image => Image(image, name))];

    /// <summary>What `docker inspect` prints of containers and images together.</summary>
    public static (List<ContainerInfo> Containers, List<ImageInfo> Images) Both(string json, string image)
    {
        var all = Elements(json);
        return (
            [.. all.Where(IsContainer).Select(Container)],
            [.. all.Where(element => !IsContainer(element)).Select(element => Image(element, image))]
        );
    }

    /// <summary>Each under its first name; under its id when it has none.</summary>
    public static List<ImageInfo> ImageList(string json) =>
        [
            .. Elements(json)
                .Select(element => Image(element, ""))
                .Select(image => image with { Name = image.Tags.Count > 0 ? image.Tags[0] : image.Id })
                // One image is printed for each of its names.
                .DistinctBy(image => image.Id, StringComparer.Ordinal),
        ];

    private static bool IsContainer(JsonElement element) => Child(element, "State").ValueKind == JsonValueKind.Object;

    private static ImageInfo Image(JsonElement image, string name) =>
        new(
            name,
            Text(image, "Id") ?? "",
            Labels(Child(Child(image, "Config"), "Labels")),
            Child(image, "Size") is { ValueKind: JsonValueKind.Number } size ? size.GetInt64() : null,
            Time(Text(image, "Created"))
        )
        {
            Tags = Child(image, "RepoTags") is { ValueKind: JsonValueKind.Array } tags
                ?
                [
                    .. tags.EnumerateArray()
                        .Select(tag => tag.GetString())
                        .OfType<string>()
                        .Where(tag => !tag.StartsWith("<none>", StringComparison.Ordinal)),
                ]
                : [],
        };

    /// <summary>The IPv4 gateway of an inspected network; null when it has none.</summary>
    public static IPAddress? Gateway(string json) =>
        Elements(json)
            .Select(network => Child(Child(network, "IPAM"), "Config"))
            .Where(configs => configs.ValueKind == JsonValueKind.Array)
            .SelectMany(configs => configs.EnumerateArray())
            .Select(config => IPAddress.TryParse(Text(config, "Gateway"), out var address) ? address : null)
            .FirstOrDefault(address => address?.AddressFamily == AddressFamily.InterNetwork);

    /// <summary>The device on this machine that an inspected network is bridged by; null when it is not told.</summary>
    public static string? Bridge(string json) =>
        Elements(json).Select(network => Text(Child(network, "Options"), "com.docker.network.bridge.name")).FirstOrDefault();

    private static ContainerInfo Container(JsonElement container)
    {
        var config = Child(container, "Config");
        var state = Child(container, "State");
        return new ContainerInfo(
            (Text(container, "Name") ?? "").TrimStart('/'),
            State(state),
            Text(config, "Image") ?? Text(container, "ImageName") ?? "",
            Labels(Child(config, "Labels")),
            WorkdirReadOnly(Child(container, "Mounts")),
            Time(Text(container, "Created"))
        )
        {
            ImageId = Text(container, "Image"),
            WorkdirSource = Mount(Child(container, "Mounts")) is { } mount ? Text(mount, "Source") : null,
            Cpus = Number(Child(container, "HostConfig"), "NanoCpus") is > 0 and var cpus ? cpus / 1_000_000_000m : null,
            MemoryBytes = Number(Child(container, "HostConfig"), "Memory") is > 0 and var memory ? memory : null,
        };
    }

    private static long? Number(JsonElement element, string name) =>
        Child(element, name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var value) ? value : null;

    private static ContainerState State(JsonElement state) =>
        Text(state, "Status") switch
        {
            "running" => ContainerState.Running,
            "created" or "exited" or "dead" or "configured" or "stopped" or "initialized" => ContainerState.Stopped,
            null when Child(state, "Running").ValueKind == JsonValueKind.True => ContainerState.Running,
            null when Child(state, "Running").ValueKind == JsonValueKind.False => ContainerState.Stopped,
            _ => ContainerState.Unknown,
        };

    private static bool? WorkdirReadOnly(JsonElement mounts)
    {
        return Mount(mounts) is { } mount
            ? Child(mount, "RW").ValueKind switch
            {
                JsonValueKind.True => false,
                JsonValueKind.False => true,
                _ => null,
            }
            : null;
    }

    /// <summary>What is mounted at /workdir.</summary>
    private static JsonElement? Mount(JsonElement mounts)
    {
        if (mounts.ValueKind == JsonValueKind.Array)
        {
            foreach (var mount in mounts.EnumerateArray().Where(mount => Text(mount, "Destination") == Box.Workdir))
            {
                return mount;
            }
        }
        return null;
    }

    private static List<JsonElement> Elements(string json) =>
        EngineJson.Elements(json, "The container engine", "docker version, podman version");

    private static DateTimeOffset? Time(string? text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) && time.Year > 1
            ? time
            : null;
}
