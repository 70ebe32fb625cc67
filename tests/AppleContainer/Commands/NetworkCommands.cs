using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>
/// `network …`. Networks are names, modes and addresses here; Docker's one network is behind them all, and --internal keeps nothing in:
/// the original's does not either.
/// </summary>
internal sealed class NetworkCommands(Emulator emulator, ParsedCommand command)
{
    private const string Kind = "networks";
    private const string BuiltIn = "default";

    public int Run() =>
        command.Path switch
        {
            "network create" => Create(),
            "network delete" => Delete(),
            "network list" => List(),
            "network inspect" => Inspect(),
            _ => Prune(),
        };

    public static bool Exists(Emulator emulator, string name) => name == BuiltIn || emulator.Store.Read(Kind, name) is not null;

    /// <summary>The next address of a network for a container that starts.</summary>
    public static JsonObject Allocate(Emulator emulator, string network, string hostname, int mtu, string? mac)
    {
        const int first = 2;
        const int count = 250;
        var value = emulator.Store.Read("addresses", network) ?? [];
        var next = value["next"]?.GetValue<int>() ?? 0;
        emulator.Store.Write("addresses", network, new JsonObject { ["next"] = next + 1 });
        var prefix = Prefix(emulator, network);
        var host = first + next % count;
        return new JsonObject
        {
            ["hostname"] = hostname,
            ["ipv4Address"] = $"{prefix}.{host}/24",
            ["ipv4Gateway"] = $"{prefix}.1",
            ["ipv6Address"] = $"fdb5:1a2b:3c4d:5e6f::{host:x}/64",
            ["macAddress"] = mac ?? $"f2:01:2b:3c:4d:{host:x2}",
            ["mtu"] = mtu,
            ["network"] = network,
            ["variant"] = "reserved",
        };
    }

    /// <summary>The names that addresses had before 0.8.</summary>
    public static void Before08(Profile profile, JsonObject addresses)
    {
        if (profile.Has08Json)
        {
            return;
        }
        foreach (
            var (now, before) in ((string, string)[])[("ipv4Address", "address"), ("ipv4Gateway", "gateway"), ("ipv4Subnet", "address")]
        )
        {
            if (addresses[now] is { } value)
            {
                addresses.Remove(now);
                addresses[before] = value;
            }
        }
    }

    private static string Prefix(Emulator emulator, string network) =>
        network == BuiltIn
            ? emulator.Vmnet.Prefix
            : emulator.Store.Read(Kind, network)?["prefix"]?.GetValue<string>()
                ?? throw new ContainerException($"network {network} not found");

    private int Create()
    {
        if (emulator.Settings.MacOs15)
        {
            throw new ContainerException("non-default network configuration requires macOS 26 or newer");
        }
        ValueRules.Check(command);
        if (command.Has("--plugin") || command.Has("--option") || command.Has("--subnet-v6"))
        {
            throw Emulator.NotSupported("a plugin, an option or an IPv6 prefix of a network");
        }
        var name = command.Positionals[0];
        using (emulator.Store.Lock())
        {
            if (Exists(emulator, name))
            {
                throw new ContainerException($"network {name} already exists");
            }
            var taken = emulator
                .Store.All(Kind)
                .Select(pair => pair.Value["prefix"]!.GetValue<string>())
                .Append(emulator.Vmnet.Prefix)
                .ToList();
            var prefix = Enumerable.Range(65, 180).Select(third => $"192.168.{third}").First(candidate => !taken.Contains(candidate));
            if (command.Value("--subnet") is { } subnet)
            {
                if (!subnet.EndsWith(".0/24", StringComparison.Ordinal) || !System.Net.IPNetwork.TryParse(subnet, out _))
                {
                    throw Emulator.NotSupported($"subnet {subnet}");
                }
                prefix = subnet[..^".0/24".Length];
                if (taken.Contains(prefix))
                {
                    throw new ContainerException($"IPv4 subnet {subnet} overlaps an existing network with subnet {prefix}.0/24");
                }
            }
            var labels = new JsonObject();
            foreach (var (key, value) in command.All("--label").Select(Labels.ParseNetwork))
            {
                labels[key] = value;
            }
            var record = new JsonObject
            {
                ["prefix"] = prefix,
                ["mode"] = command.Has("--internal") ? "hostOnly" : "nat",
                ["labels"] = labels,
                ["subnet"] = command.Value("--subnet"),
                ["created"] = AppleJson.Date(DateTimeOffset.UtcNow),
            };
            emulator.Store.Write(Kind, name, record);
        }
        Console.Out.WriteLine(name);
        return 0;
    }

    private int Delete()
    {
        var names = command.Has("--all") ? emulator.Store.All(Kind).Select(pair => pair.Name).ToList() : [.. command.Positionals];
        if (names.Contains(BuiltIn))
        {
            throw new ContainerException($"cannot delete a builtin network: {BuiltIn}");
        }
        var missing = names.Where(name => !Exists(emulator, name)).ToList();
        if (missing.Count > 0)
        {
            throw new ContainerException($"failed to delete one or more networks: {Quoted(missing)}");
        }
        var used = names.Where(IsUsed).ToList();
        foreach (var name in names.Except(used))
        {
            emulator.Store.Delete(Kind, name);
            Console.Out.WriteLine(name);
        }
        return used.Count == 0 ? 0 : throw new ContainerException($"delete failed for one or more networks: {Quoted(used)}");
    }

    private bool IsUsed(string name) =>
        emulator
            .Containers.All()
            .Exists(entry => entry.Configuration["networks"]!.AsArray().Any(network => network!["network"]!.GetValue<string>() == name));

    private static string Quoted(IEnumerable<string> names) => $"[{string.Join(", ", names.Select(name => $"\"{name}\""))}]";

    private int List()
    {
        var names = emulator.Store.All(Kind).Select(pair => pair.Name).Append(BuiltIn).Order(StringComparer.Ordinal).ToList();
        return Emulator.PrintList(
            command,
            names.Select(Shape),
            ["NETWORK", "SUBNET"],
            names.Select(name => (string[])[name, $"{Prefix(emulator, name)}.0/24"]),
            names
        );
    }

    private int Inspect()
    {
        var missing = command.Positionals.Where(name => !Exists(emulator, name)).ToList();
        if (missing.Count > 0 && emulator.Profile.NestedJson)
        {
            throw new ContainerException($"network not found: {string.Join(", ", missing)}");
        }
        Console.Out.WriteLine(AppleJson.Pretty(new JsonArray([.. command.Positionals.Except(missing).Select(Shape)])));
        return 0;
    }

    private int Prune()
    {
        foreach (var (name, _) in emulator.Store.All(Kind).Where(pair => !IsUsed(pair.Name)).ToList())
        {
            emulator.Store.Delete(Kind, name);
            Console.Out.WriteLine(name);
        }
        return 0;
    }

    private JsonNode Shape(string name)
    {
        var record =
            emulator.Store.Read(Kind, name)
            ?? new JsonObject
            {
                ["mode"] = "nat",
                ["labels"] = new JsonObject { ["com.apple.container.resource.role"] = "builtin" },
                ["created"] = "2026-08-07T20:00:00Z",
            };
        var prefix = Prefix(emulator, name);
        if (!emulator.Profile.NestedJson)
        {
            var status = new JsonObject { ["ipv4Subnet"] = $"{prefix}.0/24", ["ipv4Gateway"] = $"{prefix}.1" };
            Before08(emulator.Profile, status);
            return new JsonObject
            {
                ["id"] = name,
                ["state"] = "running",
                ["config"] = new JsonObject
                {
                    ["id"] = name,
                    ["mode"] = record["mode"]!.DeepClone(),
                    ["labels"] = record["labels"]!.DeepClone(),
                },
                ["status"] = status,
            };
        }
        return new JsonObject
        {
            ["configuration"] = new JsonObject
            {
                ["creationDate"] = record["created"]!.DeepClone(),
                ["ipv4Subnet"] = record["subnet"]?.DeepClone(),
                ["labels"] = record["labels"]!.DeepClone(),
                ["mode"] = record["mode"]!.DeepClone(),
                ["name"] = name,
                ["options"] = new JsonObject(),
                ["plugin"] = "container-network-vmnet",
            },
            ["id"] = name,
            ["status"] = new JsonObject
            {
                ["ipv4Gateway"] = $"{prefix}.1",
                ["ipv4Subnet"] = $"{prefix}.0/24",
                ["ipv6Subnet"] = "fdb5:1a2b:3c4d:5e6f::/64",
            },
        };
    }
}
