using System.Text;
using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>`build`: by Docker's builder, with the base images of the original's store and nothing else.</summary>
internal sealed class BuildCommand(Emulator emulator, ParsedCommand command)
{
    private const int MaximumRecipe = 16384;

    private static readonly string[] _unsupported = ["--dns", "--dns-domain", "--dns-option", "--dns-search", "--secret", "--ssh"];

    /// <summary>What the original's validate() looks for on the disk: before it tells of options that it does not know.</summary>
    public static Refusal? CheckFiles(ParsedCommand command)
    {
        Refusal Error(string text) => Grammar.UsageError(command.Table, text);
        var context = Context(command);
        if (!Directory.Exists(context))
        {
            return Error($"context dir does not exist {context}");
        }
        if (command.Value("--file") is { } file)
        {
            if (file != "-" && !File.Exists(file))
            {
                return Error($"dockerfile does not exist {file}");
            }
        }
        else if (FindRecipe(context) is null)
        {
            return Error("dockerfile not found in context dir");
        }
        foreach (
            var part in command
                .All("--secret")
                .SelectMany(secret => secret.Split(','))
                .Where(part => part.StartsWith("env=", StringComparison.Ordinal))
        )
        {
            if (Environment.GetEnvironmentVariable(part[4..]) is null)
            {
                return Error($"secret env var doesn't exist {part[4..]}");
            }
        }
        return command.Has("--ssh") && Environment.GetEnvironmentVariable("SSH_AUTH_SOCK") is null
            ? Error("--ssh default requires SSH_AUTH_SOCK to be set")
            : null;
    }

    public int Run()
    {
        foreach (var option in _unsupported.Where(command.Has))
        {
            throw Emulator.NotSupported(option);
        }
        ValueRules.Check(command);
        if (
            command.All("--output").Any(output => output != "type=oci")
            || command.All("--platform").Concat(command.All("--arch")).Concat(command.All("--os")).Any()
        )
        {
            throw Emulator.NotSupported("an output or a platform of its own");
        }
        var context = Context(command);
        var recipe = ReadRecipe(context);
        var size = Encoding.UTF8.GetByteCount(recipe);
        if (size >= MaximumRecipe)
        {
            throw new ContainerException(
                $"invalidArgument: \"Dockerfile size ({size} bytes) exceeds the maximum allowed size of 16384 bytes. See https://github.com/apple/container/issues/735.\""
            );
        }
        BuilderCommands.Ensure(emulator, command.Number("--cpus"), command.Value("--memory"));
        var arguments = command
            .All("--build-arg")
            .Select(pair => pair.Split('=', 2))
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        var resolved = BaseImages.Resolve(recipe, arguments, reference => emulator.Images.FindOrPull(reference).DockerId);
        List<string> tags = command.Has("--tag")
            ? [.. command.All("--tag").Select(tag => ImageReference.Require(tag).Typed)]
            : [Guid.NewGuid().ToString()];
        var file = Path.Combine(emulator.Store.Home, $"recipe-{Environment.ProcessId}");
        File.WriteAllText(file, resolved);
        try
        {
            Build(context, file, tags);
        }
        finally
        {
            File.Delete(file);
        }
        foreach (var tag in tags)
        {
            emulator.Images.Add(emulator.Images.FromDocker(tag, emulator.Images.DockerTag(tag))!);
            Console.Out.WriteLine(tag);
        }
        return 0;
    }

    private void Build(string context, string recipe, List<string> tags)
    {
        List<string> words = ["build", "--force-rm", "--file", recipe];
        foreach (var tag in tags)
        {
            words.AddRange(["--tag", emulator.Images.DockerTag(tag)]);
        }
        foreach (var option in (string[])["--build-arg", "--label"])
        {
            words.AddRange(command.All(option).SelectMany(value => (string[])[option, value]));
        }
        if (command.Value("--target") is { } target)
        {
            words.AddRange(["--target", target]);
        }
        if (command.Has("--no-cache"))
        {
            words.Add("--no-cache");
        }
        if (emulator.Settings.BuildNetwork is { } network)
        {
            words.AddRange(["--network", network]);
        }
        words.Add(context);
        if (command.Has("--quiet"))
        {
            var result = emulator.Docker.Capture(words);
            if (!result.Ok)
            {
                throw new ContainerException($"unknown: \"failed to solve: {result.Error.Trim()}\"");
            }
        }
        else if (emulator.Docker.StreamToError(words) != 0)
        {
            throw new ContainerException("unknown: \"failed to solve: process did not complete successfully\"");
        }
    }

    private string ReadRecipe(string context) =>
        command.Value("--file") switch
        {
            "-" => Console.In.ReadToEnd(),
            { } file => File.ReadAllText(file),
            null => File.ReadAllText(FindRecipe(context)!),
        };

    private static string Context(ParsedCommand command) => command.Positionals.Count > 0 ? command.Positionals[0] : ".";

    private static string? FindRecipe(string context) =>
        new[] { "Dockerfile", "Containerfile" }.Select(name => Path.Combine(context, name)).FirstOrDefault(File.Exists);
}

/// <summary>The FROM lines of a recipe, with every base named as Docker knows it.</summary>
internal static class BaseImages
{
    /// <param name="find">From a reference to Docker's id; throws when the image is neither here nor in the registry.</param>
    public static string Resolve(string recipe, IReadOnlyDictionary<string, string> arguments, Func<string, string> find)
    {
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        var stages = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var lines = recipe.Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var words = lines[i].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2)
            {
                continue;
            }
            if (words[0].Equals("ARG", StringComparison.OrdinalIgnoreCase) && stages.Count == 0)
            {
                var pair = words[1].Split('=', 2);
                known[pair[0]] = arguments.GetValueOrDefault(pair[0]) ?? (pair.Length == 2 ? pair[1].Trim('"', '\'') : "");
            }
            else if (words[0].Equals("FROM", StringComparison.OrdinalIgnoreCase))
            {
                var at = words[1].StartsWith("--", StringComparison.Ordinal) ? 2 : 1;
                var name = Substitute(words[at], known);
                words[at] = name == "scratch" || stages.Contains(name) ? name : find(name);
                lines[i] = string.Join(' ', words);
                stages.Add(words.Length > at + 2 ? words[at + 2] : $"#{i}");
            }
        }
        return string.Join('\n', lines);
    }

    private static string Substitute(string text, Dictionary<string, string> known)
    {
        foreach (var (name, value) in known.OrderByDescending(pair => pair.Key.Length))
        {
            text = text.Replace($"${{{name}}}", value, StringComparison.Ordinal).Replace($"${name}", value, StringComparison.Ordinal);
        }
        return text;
    }
}

/// <summary>`builder …`: the builder is a record that is listed and inspected as a container.</summary>
internal sealed class BuilderCommands(Emulator emulator, ParsedCommand command)
{
    private const long DefaultCpus = 2;
    private const long DefaultMemory = 2048L * 1024 * 1024;
    private const string Image = "ghcr.io/apple/container-builder-shim/builder:0.8.0";

    public int Run()
    {
        switch (command.Path)
        {
            case "builder start":
                Ensure(emulator, command.Number("--cpus"), command.Value("--memory"));
                return 0;
            case "builder status":
                return Status();
            case "builder stop":
                if (emulator.Containers.Find(Containers.Builder) is { Running: true } running)
                {
                    running.Hidden["pseudo"] = "stopped";
                    emulator.Containers.Save(running);
                }
                return 0;
            default:
                return Delete();
        }
    }

    /// <summary>Made and started when it is not; made anew when other limits are asked.</summary>
    public static void Ensure(Emulator emulator, long? cpus, string? memory)
    {
        var wantedCpus = cpus ?? DefaultCpus;
        var wantedMemory = memory is null ? DefaultMemory : Sizes.ParseMemory(memory);
        using (emulator.Store.Lock())
        {
            var entry = emulator.Containers.Find(Containers.Builder);
            if (entry is not null)
            {
                var resources = entry.Configuration["resources"]!;
                var same =
                    (cpus is null || resources["cpus"]!.GetValue<long>() == wantedCpus)
                    && (memory is null || resources["memoryInBytes"]!.GetValue<long>() == wantedMemory);
                if (same && entry.Running)
                {
                    return;
                }
                if (!same)
                {
                    entry = null;
                }
            }
            var record = entry?.Record ?? Record(wantedCpus, wantedMemory);
            record["emulator"]!["pseudo"] = "running";
            record["emulator"]!["started"] = DateTimeOffset.UtcNow.ToString("O");
            record["emulator"]!["networks"] = new JsonArray(
                (JsonNode)NetworkCommands.Allocate(emulator, "default", Containers.Builder, 1280, null)
            );
            emulator.Store.Write(Containers.Kind, Containers.Builder, record);
        }
    }

    private int Status()
    {
        var entry = emulator.Containers.Find(Containers.Builder);
        if (entry is null && command.Value("--format") is not "json")
        {
            Console.Out.WriteLine(command.Has("--quiet") ? "" : "builder is not running");
            return 0;
        }
        var entries = entry is null ? [] : new List<ContainerEntry> { entry };
        return Emulator.PrintList(
            command,
            entries.Select(builder => Containers.Shape(emulator.Profile, builder)),
            ["ID", "IMAGE", "STATE", "IP", "CPUS", "MEMORY"],
            entries.Select(builder =>
                (string[])
                    [
                        builder.Id,
                        Image,
                        builder.State,
                        builder.Running ? builder.Hidden["networks"]![0]!["ipv4Address"]!.GetValue<string>() : "",
                        builder.Configuration["resources"]!["cpus"]!.ToString(),
                        $"{builder.Configuration["resources"]!["memoryInBytes"]!.GetValue<long>() / (1024 * 1024)} MB",
                    ]
            ),
            entries.Select(builder => builder.Id)
        );
    }

    private int Delete()
    {
        if (emulator.Containers.Find(Containers.Builder) is not { } entry)
        {
            return 0;
        }
        if (entry.Running && !command.Has("--force"))
        {
            throw new ContainerException("BuildKit container is not stopped, use --force to override");
        }
        emulator.Containers.Delete(entry);
        return 0;
    }

    private static JsonObject Record(long cpus, long memory)
    {
        var digest = "sha256:" + new string('b', 64);
        return new JsonObject
        {
            ["configuration"] = new JsonObject
            {
                ["capAdd"] = AppleJson.Array(["ALL"]),
                ["capDrop"] = new JsonArray(),
                ["creationDate"] = AppleJson.Date(DateTimeOffset.UtcNow),
                ["id"] = Containers.Builder,
                ["image"] = new JsonObject
                {
                    ["descriptor"] = new JsonObject
                    {
                        ["digest"] = digest,
                        ["mediaType"] = "application/vnd.oci.image.index.v1+json",
                        ["size"] = 610,
                    },
                    ["reference"] = Image,
                },
                ["initProcess"] = new JsonObject
                {
                    ["arguments"] = AppleJson.Array(["--debug", "--vsock"]),
                    ["environment"] = AppleJson.Array(["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]),
                    ["executable"] = "/usr/local/bin/container-builder-shim",
                    ["rlimits"] = new JsonArray(),
                    ["supplementalGroups"] = new JsonArray(),
                    ["terminal"] = false,
                    ["user"] = new JsonObject
                    {
                        ["id"] = new JsonObject { ["gid"] = 0, ["uid"] = 0 },
                    },
                    ["workingDirectory"] = "/",
                },
                ["labels"] = new JsonObject
                {
                    ["com.apple.container.plugin"] = "builder",
                    ["com.apple.container.resource.role"] = "builder",
                },
                ["mounts"] = new JsonArray(
                    (JsonNode)
                        new JsonObject
                        {
                            ["destination"] = "/run",
                            ["options"] = new JsonArray(),
                            ["source"] = "tmpfs",
                            ["type"] = new JsonObject { ["tmpfs"] = new JsonObject() },
                        }
                ),
                ["networks"] = new JsonArray(
                    (JsonNode)
                        new JsonObject
                        {
                            ["network"] = "default",
                            ["options"] = new JsonObject { ["hostname"] = Containers.Builder, ["mtu"] = 1280 },
                        }
                ),
                ["platform"] = new JsonObject { ["architecture"] = "arm64", ["os"] = "linux" },
                ["publishedPorts"] = new JsonArray(),
                ["publishedSockets"] = new JsonArray(),
                ["readOnly"] = false,
                ["resources"] = new JsonObject
                {
                    ["cpuOverhead"] = 1,
                    ["cpus"] = cpus,
                    ["memoryInBytes"] = memory,
                },
                ["rosetta"] = true,
                ["runtimeHandler"] = "container-runtime-linux",
                ["ssh"] = false,
                ["sysctls"] = new JsonObject(),
                ["useInit"] = false,
                ["virtualization"] = false,
            },
            ["emulator"] = new JsonObject
            {
                ["docker"] = "",
                ["terminal"] = false,
                ["pseudo"] = "running",
            },
        };
    }
}
