using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>Named volumes: block devices in the original, so one container at a time.</summary>
internal sealed class Volumes(Emulator emulator)
{
    public const string Kind = "volumes";

    public static string DockerName(Settings settings, string name) => $"fake-container-{settings.Key}-{name}";

    public static string ImagePath(Settings settings, string name) => Path.Combine(settings.Home, Kind, name, "volume.img");

    public bool Exists(string name) => emulator.Store.Read(Kind, name) is not null;

    public bool IsUsed(string name) =>
        emulator
            .Containers.All()
            .Exists(entry =>
                entry.Configuration["mounts"]!.AsArray().Any(mount => mount!["type"]!["volume"]?["name"]?.GetValue<string>() == name)
            );

    /// <summary>For a container that is created: made on demand, refused when another container names it.</summary>
    public void Claim(string name)
    {
        if (!Exists(name))
        {
            Console.Error.WriteLine($"Warning: volume '{name}' does not exist, creating it");
            Create(name, []);
        }
        else if (IsUsed(name))
        {
            throw InUse(name);
        }
    }

    public static ContainerException InUse(string name) =>
        new($"volume '{name}' is currently in use and cannot be accessed by another container, or deleted");

    public void Create(string name, JsonObject labels)
    {
        emulator.Docker.Require("volume", "create", DockerName(emulator.Settings, name));
        emulator.Store.Write(Kind, name, new JsonObject { ["created"] = AppleJson.Date(DateTimeOffset.UtcNow), ["labels"] = labels });
    }
}

/// <summary>`volume …`.</summary>
internal sealed class VolumeCommands(Emulator emulator, ParsedCommand command)
{
    private const long DefaultSize = 512L << 30;
    private readonly Volumes _volumes = new(emulator);

    public int Run() =>
        command.Path switch
        {
            "volume create" => Create(),
            "volume delete" => Delete(command.Has("--all") ? [.. Names()] : command.Positionals),
            "volume list" => List(),
            "volume inspect" => Inspect(),
            _ => Prune(),
        };

    private IEnumerable<string> Names() => emulator.Store.All(Volumes.Kind).Select(pair => pair.Name);

    private int Create()
    {
        ValueRules.Check(command);
        if (command.Has("--opt") || command.Has("-s"))
        {
            throw Emulator.NotSupported("a size or an option of a volume");
        }
        var name = command.Positionals[0];
        var labels = new JsonObject();
        foreach (var (key, value) in command.All("--label").Select(Labels.ParseContainer))
        {
            labels[key] = value;
        }
        using (emulator.Store.Lock())
        {
            if (_volumes.Exists(name))
            {
                throw new ContainerException($"volume '{name}' already exists");
            }
            _volumes.Create(name, labels);
        }
        Console.Out.WriteLine(name);
        return 0;
    }

    private int Delete(IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (!_volumes.Exists(name))
            {
                throw new ContainerException($"volume not found: {name}");
            }
            if (_volumes.IsUsed(name))
            {
                throw Volumes.InUse(name);
            }
            emulator.Docker.Require("volume", "rm", Volumes.DockerName(emulator.Settings, name));
            emulator.Store.Delete(Volumes.Kind, name);
            Console.Out.WriteLine(name);
        }
        return 0;
    }

    private int List()
    {
        var names = Names().ToList();
        return Emulator.PrintList(
            command,
            names.Select(Shape),
            ["NAME", "TYPE", "DRIVER", "OPTIONS"],
            names.Select(name => (string[])[name, "named", "local", ""]),
            names
        );
    }

    private int Inspect()
    {
        var missing = command.Positionals.FirstOrDefault(name => !_volumes.Exists(name));
        if (missing is not null)
        {
            throw new ContainerException($"volume not found: {missing}");
        }
        Console.Out.WriteLine(AppleJson.Pretty(new JsonArray([.. command.Positionals.Select(Shape)])));
        return 0;
    }

    private int Prune()
    {
        Delete([.. Names().Where(name => !_volumes.IsUsed(name))]);
        Console.Error.WriteLine("Reclaimed Zero KB in disk space");
        return 0;
    }

    private JsonNode Shape(string name)
    {
        var record = emulator.Store.Read(Volumes.Kind, name)!;
        return new JsonObject
        {
            ["configuration"] = new JsonObject
            {
                ["creationDate"] = record["created"]!.DeepClone(),
                ["driver"] = "local",
                ["format"] = "ext4",
                ["labels"] = record["labels"]!.DeepClone(),
                ["name"] = name,
                ["options"] = new JsonObject(),
                ["sizeInBytes"] = DefaultSize,
                ["source"] = Volumes.ImagePath(emulator.Settings, name),
            },
            ["id"] = name,
        };
    }
}
