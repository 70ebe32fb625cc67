using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>list and inspect: the same objects.</summary>
internal sealed class ListCommands(Emulator emulator, ParsedCommand command)
{
    public int Run() => command.Path == "list" ? List() : Inspect();

    private int List()
    {
        var entries = emulator.Containers.All().Where(entry => command.Has("--all") || entry.Running || IsOldJson).ToList();
        string[] header = emulator.Profile.NestedJson
            ? ["ID", "IMAGE", "OS", "ARCH", "STATE", "IP", "CPUS", "MEMORY", "STARTED"]
            : ["ID", "IMAGE", "OS", "ARCH", "STATE", "ADDR", "CPUS", "MEMORY", .. emulator.Profile.Has08Json ? (string[])["STARTED"] : []];
        return Emulator.PrintList(
            command,
            entries.Select(entry => Containers.Shape(emulator.Profile, entry)),
            header,
            entries.Select(Row),
            entries.Select(entry => entry.Id)
        );
    }

    /// <summary>Before 0.8 the JSON told of all, whatever was asked.</summary>
    private bool IsOldJson => !emulator.Profile.Has08Json && command.Value("--format") == "json";

    private string[] Row(ContainerEntry entry)
    {
        var configuration = entry.Configuration;
        var address =
            entry.Running && entry.Hidden["networks"] is JsonArray { Count: > 0 } networks
                ? networks[0]!["ipv4Address"]!.GetValue<string>()
                : "";
        return
        [
            entry.Id,
            ImageReference.Parse(configuration["image"]!["reference"]!.GetValue<string>())?.Brief ?? "",
            "linux",
            configuration["platform"]!["architecture"]!.GetValue<string>(),
            entry.State,
            emulator.Profile.Has08Json ? address : address.Split('/')[0],
            configuration["resources"]!["cpus"]!.ToString(),
            $"{configuration["resources"]!["memoryInBytes"]!.GetValue<long>() / (1024 * 1024)} MB",
            .. !emulator.Profile.Has08Json ? Array.Empty<string>() : [entry.Started is { } started ? AppleJson.Date(started) : ""],
        ];
    }

    private int Inspect()
    {
        var found = new JsonArray();
        var missing = new List<string>();
        var all = emulator.Containers.All();
        foreach (var id in command.Positionals.Distinct())
        {
            if (all.Find(entry => entry.Id == id) is { } entry)
            {
                found.Add((JsonNode)Containers.Shape(emulator.Profile, entry));
            }
            else
            {
                missing.Add(id);
            }
        }
        if (missing.Count > 0 && emulator.Profile.NestedJson)
        {
            throw new ContainerException($"container not found: {string.Join(", ", missing)}");
        }
        Console.Out.WriteLine(AppleJson.Pretty(found));
        return 0;
    }
}
