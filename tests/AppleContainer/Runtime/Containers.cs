using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>A container as the store remembers it, and its state as Docker tells it.</summary>
internal sealed class ContainerEntry(string id, JsonObject record, string state)
{
    public string Id { get; } = id;

    public JsonObject Record { get; } = record;

    /// <summary>running, stopped, stopping or unknown: there are no others.</summary>
    public string State { get; } = state;

    public bool Running => State is "running" or "stopping";

    public JsonObject Configuration => Record["configuration"]!.AsObject();

    /// <summary>What the original does not tell.</summary>
    public JsonObject Hidden => Record["emulator"]!.AsObject();

    public string Docker => Hidden["docker"]!.GetValue<string>();

    /// <summary>The builder: listed and inspected as a container, but there is none behind it.</summary>
    public bool Pseudo => Hidden["pseudo"] is not null;

    public bool Terminal => Hidden["terminal"]?.GetValue<bool>() ?? false;

    public DateTimeOffset? Started => Hidden["started"]?.GetValue<string>() is { } text ? DateTimeOffset.Parse(text) : null;
}

/// <summary>All containers of the state folder.</summary>
internal sealed class Containers(Settings settings, Store store, Docker docker)
{
    public const string Kind = "containers";
    public const string Builder = "buildkit";
    private const string Label = "fake.container";

    public string DockerName(string id) => $"fake-container-{settings.Key}-{id}";

    public string DockerLabel => $"{Label}={settings.Key}";

    /// <summary>In random order, as the original keeps them in a dictionary.</summary>
    public List<ContainerEntry> All()
    {
        var records = store.All(Kind).ToList();
        var states = records.Count == 0 ? [] : States();
        var entries = new List<ContainerEntry>();
        foreach (var (id, record) in records)
        {
            var entry = new ContainerEntry(id, record, State(id, record, states));
            if (entry.State == "gone")
            {
                store.Delete(Kind, id);
            }
            else
            {
                entries.Add(entry);
            }
        }
        var shuffled = entries.ToArray();
        Random.Shared.Shuffle(shuffled);
        return [.. shuffled];
    }

    public ContainerEntry? Find(string id)
    {
        if (store.Read(Kind, id) is not { } record)
        {
            return null;
        }
        var entry = new ContainerEntry(id, record, State(id, record, States()));
        if (entry.State == "gone")
        {
            store.Delete(Kind, id);
            return null;
        }
        return entry;
    }

    public void Save(ContainerEntry entry) => store.Write(Kind, entry.Id, entry.Record);

    public void Delete(ContainerEntry entry)
    {
        if (!entry.Pseudo)
        {
            docker.Require("rm", "--force", entry.Docker);
        }
        store.Delete(Kind, entry.Id);
    }

    private string State(string id, JsonObject record, Dictionary<string, string> states)
    {
        var hidden = record["emulator"]!;
        if (hidden["pseudo"]?.GetValue<string>() is { } pseudo)
        {
            return pseudo;
        }
        if (!states.TryGetValue(DockerName(id), out var state))
        {
            // With --rm the original removes it when it ends. Else somebody removed it behind the emulator's back.
            return hidden["remove"]?.GetValue<bool>() == true ? "gone" : "unknown";
        }
        if (state is "running" or "paused" or "restarting")
        {
            return hidden["stopping"]?.GetValue<int>() is { } pid && Directory.Exists($"/proc/{pid}") ? "stopping" : "running";
        }
        return "stopped";
    }

    private Dictionary<string, string> States()
    {
        var states = new Dictionary<string, string>(StringComparer.Ordinal);
        var lines = docker.Require("ps", "--all", "--filter", $"label={DockerLabel}", "--format", "{{.Names}}\t{{.State}}");
        foreach (var line in lines.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split('\t');
            states[parts[0]] = parts[1];
        }
        return states;
    }

    /// <summary>One element of `list` and `inspect`.</summary>
    public static JsonObject Shape(Profile profile, ContainerEntry entry)
    {
        var configuration = entry.Configuration.DeepClone().AsObject();
        if (configuration["initProcess"]?["environment"] is JsonArray environment)
        {
            // A dictionary in the original: the order means nothing, and nobody may rely on it.
            var variables = environment.Select(item => item!.GetValue<string>()).ToArray();
            Random.Shared.Shuffle(variables);
            configuration["initProcess"]!["environment"] = AppleJson.Array(variables);
        }
        var networks = new JsonArray();
        if (entry.Running && entry.Hidden["networks"] is JsonArray attached)
        {
            foreach (var network in attached)
            {
                networks.Add(network!.DeepClone());
            }
        }
        if (profile.NestedJson)
        {
            var status = new JsonObject { ["networks"] = networks, ["state"] = entry.State };
            if (entry.Started is { } started)
            {
                status["startedDate"] = AppleJson.Date(started);
            }
            return new JsonObject
            {
                ["configuration"] = configuration,
                ["id"] = entry.Id,
                ["status"] = status,
            };
        }
        configuration.Remove("creationDate");
        foreach (var network in networks)
        {
            foreach (var later in (string[])["ipv6Address", "macAddress", "mtu", "variant"])
            {
                network!.AsObject().Remove(later);
            }
            NetworkCommands.Before08(profile, network!.AsObject());
        }
        var old = new JsonObject
        {
            ["configuration"] = configuration,
            ["status"] = entry.State,
            ["networks"] = networks,
        };
        if (profile.Has08Json && entry.Started is { } since)
        {
            old["startedDate"] = (since - new DateTimeOffset(2001, 1, 1, 0, 0, 0, TimeSpan.Zero)).TotalSeconds;
        }
        return old;
    }
}
