using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>An image of the original's store and the one of Docker's that stands for it.</summary>
/// <param name="Name">As the original stores it: a built one as typed, a pulled or tagged one with its domain.</param>
internal sealed record StoredImage(string Name, string DockerReference, string DockerId, DateTimeOffset Created);

/// <summary>
/// The original's image store. It is not Docker's: an image that another engine built on the same Docker is not in it, unless it is
/// named as a seed.
/// </summary>
internal sealed class Images(Settings settings, Store store, Docker docker)
{
    private const string Kind = "images";
    private const string Removed = "removed-images";

    /// <summary>By the name as typed or with its domain; null when it is not in the store.</summary>
    public StoredImage? Find(string text)
    {
        var reference = ImageReference.Require(text);
        foreach (var image in Stored())
        {
            if (image.Name == reference.Typed || image.Name == reference.Full)
            {
                return image;
            }
        }
        foreach (var seed in settings.SeedImages)
        {
            var name = ImageReference.Require(seed);
            if ((name.Typed == reference.Typed || name.Full == reference.Full) && store.Read(Removed, name.Typed) is null)
            {
                return FromDocker(name.Typed, seed);
            }
        }
        return null;
    }

    public List<StoredImage> All()
    {
        var images = Stored().ToList();
        foreach (var seed in settings.SeedImages)
        {
            var name = ImageReference.Require(seed).Typed;
            if (images.All(image => image.Name != name) && store.Read(Removed, name) is null && FromDocker(name, seed) is { } image)
            {
                images.Add(image);
            }
        }
        return images;
    }

    /// <summary>From the store, else from the registry, as the original does without being asked.</summary>
    public StoredImage FindOrPull(string text) => Find(text) ?? Pull(text);

    public StoredImage Pull(string text)
    {
        var reference = ImageReference.Require(text);
        foreach (var candidate in settings.RegistryImages)
        {
            if (ImageReference.Require(candidate).Full == reference.Full && FromDocker(reference.Full, candidate) is { } image)
            {
                Add(image);
                return image;
            }
        }
        var repository = reference.Full[..reference.Full.LastIndexOfAny([':', '@'])];
        var slash = repository.IndexOf('/', StringComparison.Ordinal);
        var host = repository[..slash] == "docker.io" ? "registry-1.docker.io" : repository[..slash];
        throw new ContainerException(
            $"HTTP request to https://{host}/v2/{repository[(slash + 1)..]}/manifests/{reference.Digest ?? reference.Tag} failed with response: 401 Unauthorized. Reason: Unknown"
        );
    }

    /// <summary>Under a tag of Docker's that belongs to this store alone.</summary>
    public string DockerTag(string name) =>
        $"fake-container/{settings.Key}:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))}";

    public void Add(StoredImage image) =>
        store.Write(
            Kind,
            image.Name,
            new JsonObject
            {
                ["docker"] = image.DockerReference,
                ["id"] = image.DockerId,
                ["created"] = image.Created.ToString("O"),
            }
        );

    /// <summary>Without asking who uses it, as the original does.</summary>
    public void Remove(StoredImage image)
    {
        store.Delete(Kind, image.Name);
        store.Write(Removed, image.Name, []);
        if (image.DockerReference == DockerTag(image.Name))
        {
            docker.Capture("image", "rm", "--force", "--no-prune", image.DockerReference);
        }
    }

    public StoredImage? FromDocker(string name, string dockerReference)
    {
        if (Inspect(dockerReference) is not { } info)
        {
            return null;
        }
        return new StoredImage(name, dockerReference, info["Id"]!.GetValue<string>(), info["Created"]!.GetValue<DateTimeOffset>());
    }

    public JsonObject? Inspect(string dockerReference)
    {
        var result = docker.Capture("image", "inspect", dockerReference);
        return result.Ok ? JsonNode.Parse(result.Output)![0]!.AsObject() : null;
    }

    public JsonObject Inspect(StoredImage image) =>
        Inspect(image.DockerId) ?? throw new ContainerException($"notFound: \"content of image {image.Name} not found\"");

    private IEnumerable<StoredImage> Stored() =>
        store
            .All(Kind)
            .Select(pair => new StoredImage(
                pair.Name,
                pair.Value["docker"]!.GetValue<string>(),
                pair.Value["id"]!.GetValue<string>(),
                DateTimeOffset.Parse(pair.Value["created"]!.GetValue<string>())
            ));

    public static JsonObject Descriptor(StoredImage image, JsonObject info) =>
        new()
        {
            ["digest"] = image.DockerId,
            ["mediaType"] = "application/vnd.oci.image.index.v1+json",
            ["size"] = 400 + (info["RootFS"]?["Layers"]?.AsArray().Count ?? 0) * 110,
        };

    /// <summary>One element of `image inspect`.</summary>
    public static JsonObject Shape(Profile profile, StoredImage image, JsonObject info)
    {
        var config = new JsonObject();
        foreach (var key in (string[])["Cmd", "Entrypoint", "Env", "Labels", "StopSignal", "User", "WorkingDir"])
        {
            // ExposedPorts, Volumes and Healthcheck are dropped by the original's type, and what is empty is left out.
            if (info["Config"]?[key] is { } value && value.ToJsonString() is not ("null" or "\"\"" or "[]" or "{}"))
            {
                config[key] = value.DeepClone();
            }
        }
        var created = AppleJson.Date(info["Created"]!.GetValue<DateTimeOffset>());
        var platform = new JsonObject { ["architecture"] = info["Architecture"]!.DeepClone(), ["os"] = info["Os"]!.DeepClone() };
        var variantConfig = new JsonObject
        {
            ["architecture"] = info["Architecture"]!.DeepClone(),
            ["config"] = config,
            ["created"] = created,
            ["history"] = new JsonArray(),
            ["os"] = info["Os"]!.DeepClone(),
            ["rootfs"] = new JsonObject { ["diff_ids"] = info["RootFS"]?["Layers"]?.DeepClone() ?? new JsonArray(), ["type"] = "layers" },
        };
        if (!profile.NestedJson)
        {
            var old = new JsonObject
            {
                ["platform"] = platform,
                ["config"] = variantConfig,
                ["size"] = info["Size"]!.DeepClone(),
            };
            return new JsonObject
            {
                ["name"] = image.Name,
                ["index"] = Descriptor(image, info),
                ["variants"] = new JsonArray(old),
            };
        }
        var variant = new JsonObject
        {
            ["config"] = variantConfig,
            ["digest"] = image.DockerId,
            ["platform"] = platform,
            ["size"] = info["Size"]!.DeepClone(),
        };
        return new JsonObject
        {
            ["configuration"] = new JsonObject
            {
                ["creationDate"] = AppleJson.Date(image.Created),
                ["descriptor"] = Descriptor(image, info),
                ["name"] = image.Name,
            },
            ["id"] = image.DockerId["sha256:".Length..],
            ["variants"] = new JsonArray(variant),
        };
    }

    /// <summary>One element of `image list`.</summary>
    public static JsonObject ListShape(Profile profile, StoredImage image, JsonObject info) =>
        profile.NestedJson
            ? Shape(profile, image, info)
            : new JsonObject
            {
                ["reference"] = image.Name,
                ["fullSize"] = $"{info["Size"]!.GetValue<long>() / 1_000_000} MB",
                ["descriptor"] = Descriptor(image, info),
            };
}
