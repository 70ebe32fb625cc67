using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>`image …`.</summary>
internal sealed class ImageCommands(Emulator emulator, ParsedCommand command)
{
    public int Run() =>
        command.Path switch
        {
            "image list" => List(),
            "image inspect" => Inspect(),
            "image pull" => Pull(),
            "image tag" => Tag(),
            "image delete" => Delete(),
            "image prune" => Prune(),
            _ => throw Emulator.NotSupported(),
        };

    private int List()
    {
        if (command.Has("--verbose"))
        {
            throw Emulator.NotSupported("--verbose");
        }
        var images = emulator.Images.All().ToArray();
        Random.Shared.Shuffle(images);
        return Emulator.PrintList(
            command,
            images.Select(image => Images.ListShape(emulator.Profile, image, emulator.Images.Inspect(image))),
            ["NAME", "TAG", "DIGEST"],
            images.Select(image => (string[])[Name(image).Repository, Name(image).Tag, image.DockerId["sha256:".Length..][..12]]),
            images.Select(image => Reference(image).Brief)
        );
    }

    private static ImageReference Reference(StoredImage image) => ImageReference.Require(image.Name);

    private static ImageReference Name(StoredImage image) => ImageReference.Require(Reference(image).Brief);

    private int Inspect()
    {
        var found = new JsonArray();
        var missing = new List<string>();
        foreach (var name in command.Positionals)
        {
            if (emulator.Images.Find(name) is { } image)
            {
                found.Add((JsonNode)Images.Shape(emulator.Profile, image, emulator.Images.Inspect(image)));
            }
            else
            {
                missing.Add(name);
            }
        }
        if (missing.Count > 0 && emulator.Profile.NestedJson)
        {
            throw new ContainerException($"image not found: {string.Join(", ", missing)}");
        }
        Console.Out.WriteLine(AppleJson.Pretty(found));
        return 0;
    }

    private int Pull()
    {
        ValueRules.Check(command);
        if (command.Has("--platform") || command.Has("--arch") || command.Has("--os"))
        {
            throw Emulator.NotSupported("a platform of its own");
        }
        if (command.Value("--progress") is not "none")
        {
            Console.Error.WriteLine("[1/2] Fetching image");
        }
        emulator.Images.Pull(command.Positionals[0]);
        return 0;
    }

    private int Tag()
    {
        var source =
            emulator.Images.Find(command.Positionals[0]) ?? throw new ContainerException($"image with reference {command.Positionals[0]}");
        var target = ImageReference.Require(command.Positionals[1]);
        // Unlike a built image, a tagged one is stored with its domain.
        emulator.Images.Add(source with { Name = target.Full, DockerReference = source.DockerId });
        Console.Out.WriteLine(command.Positionals[1]);
        return 0;
    }

    private int Delete()
    {
        var missing = new List<string>();
        var images = command.Has("--all") ? emulator.Images.All() : [];
        foreach (var name in command.Positionals)
        {
            if (emulator.Images.Find(name) is { } image)
            {
                images.Add(image);
            }
            else if (!command.Has("--force"))
            {
                missing.Add(name);
            }
        }
        foreach (var image in images)
        {
            emulator.Images.Remove(image);
            Console.Out.WriteLine(image.Name);
        }
        return missing.Count == 0
            ? 0
            : throw new ContainerException(
                $"failed to delete one or more images: [{string.Join(", ", missing.Select(name => $"\"{name}\""))}]"
            );
    }

    private int Prune()
    {
        if (command.Has("--all"))
        {
            var used = emulator
                .Containers.All()
                .Select(entry => entry.Configuration["image"]!["reference"]!.GetValue<string>())
                .ToHashSet(StringComparer.Ordinal);
            foreach (var image in emulator.Images.All().Where(image => !used.Contains(image.Name)))
            {
                emulator.Images.Remove(image);
                Console.Out.WriteLine(image.Name);
            }
        }
        Console.Error.WriteLine("Reclaimed Zero KB in disk space");
        return 0;
    }
}
