using Codexctl.Processes;

namespace Codexctl.Engines.Docker;

/// <summary>Docker by its command-line client; podman too, as a dialect of it.</summary>
public sealed partial class DockerEngine(IProcesses processes, DockerDialect dialect, EngineDoor door) : IExportingEngine
{
    private static readonly TimeSpan _lookUp = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _copy = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan _change = TimeSpan.FromMinutes(2);

    private static readonly Dictionary<string, string> _noLabels = new(StringComparer.Ordinal);

    private const int MostLooks = 5;
    private static readonly TimeSpan _betweenLooks = TimeSpan.FromMilliseconds(300);

    public string Name => dialect.Name;

    public EngineCapabilities Capabilities { get; } = new(Images: true, Limits: true, RootExec: true, OwnNetwork: true, HomeOnHost: false);

    public async Task<IReadOnlyList<ContainerInfo>> InspectAsync(IReadOnlyList<string> names, CancellationToken cancel = default)
    {
        var result = await RunAsync(["container", "inspect", .. names], _lookUp, cancel);
        // A missing one is told on standard error and by the exit code; the others are printed all the same.
        if (result.ExitCode != 0 && !Says(result, IsMissing))
        {
            throw Explain(["container", "inspect", .. names], result);
        }
        return DockerJson.Containers(result.Output);
    }

    public async Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancel = default)
    {
        var listed = await ListedAsync(cancel);
        if (listed.Count == 0)
        {
            return [];
        }
        try
        {
            return await InspectAsync([.. listed.Keys], cancel);
        }
        catch (ProcessError)
        {
            return await InspectOneByOneAsync(listed, cancel);
        }
    }

    /// <summary>Names by ids. What is being removed has no more to tell.</summary>
    private async Task<Dictionary<string, string>> ListedAsync(CancellationToken cancel)
    {
        var result = await CheckedAsync(
            ["container", "ls", "--all", "--no-trunc", "--format", "{{.ID}}\t{{.State}}\t{{.Names}}"],
            _lookUp,
            cancel
        );
        return Lines(result.Output)
            .Select(line => line.Split('\t'))
            .Where(cells => cells.Length == 3 && !cells[1].Equals("removing", StringComparison.OrdinalIgnoreCase))
            .ToDictionary(cells => cells[0], cells => cells[2], StringComparer.Ordinal);
    }

    /// <summary>
    /// One container that somebody is removing at this moment can make the engine refuse to tell of any (podman: its layers are gone,
    /// its record is not). So each by itself; one that cannot be told of is looked for again, and left out when it is gone. One that
    /// stays like that is told as what it is: there, in no known state.
    /// </summary>
    private async Task<IReadOnlyList<ContainerInfo>> InspectOneByOneAsync(Dictionary<string, string> listed, CancellationToken cancel)
    {
        var found = new List<ContainerInfo>();
        foreach (var (id, name) in listed)
        {
            for (var looks = 1; ; looks++)
            {
                try
                {
                    found.AddRange(await InspectAsync([id], cancel));
                    break;
                }
                catch (ProcessError)
                {
                    if (!(await ListedAsync(cancel)).ContainsKey(id))
                    {
                        break;
                    }
                    if (looks == MostLooks)
                    {
                        found.Add(new ContainerInfo(name, ContainerState.Unknown, "", _noLabels, null, null));
                        break;
                    }
                    await Task.Delay(_betweenLooks, cancel);
                }
            }
        }
        return found;
    }

    public async Task CreateAsync(ContainerSpec spec, CancellationToken cancel = default)
    {
        if (dialect.MayLackLimits && (spec.Cpus is not null || spec.MemoryBytes is not null))
        {
            await CheckLimitsAsync(spec, cancel);
        }
        var arguments = DockerArguments.Create(dialect, spec);
        var result = await RunAsync(arguments, _change, cancel);
        if (result.ExitCode == 0)
        {
            return;
        }
        if (SaysMissing(result, spec.Image))
        {
            throw new ImageMissingException(spec.Image, result.Error.Trim());
        }
        if (result.Error.Contains("is already in use by", StringComparison.OrdinalIgnoreCase))
        {
            throw new NameTakenException(spec.Name);
        }
        throw Explain(arguments, result);
    }

    public Task StartAsync(string name, CancellationToken cancel = default) => CheckedAsync(["container", "start", name], _change, cancel);

    public Task StopAsync(string name, CancellationToken cancel = default) =>
        // Process 1 ends at once on SIGTERM; two seconds are for an engine under load.
        GoneIsFineAsync(["container", "stop", "--time", "2", name], cancel);

    public Task RemoveAsync(string name, bool force, CancellationToken cancel = default) =>
        GoneIsFineAsync(force ? ["container", "rm", "--force", "--volumes", name] : ["container", "rm", "--volumes", name], cancel);

    public Task<int> ExecAsync(ExecSpec spec) => processes.AttachAsync(ExecCommand(spec));

    public Task<ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default) =>
        processes.CaptureAsync(ExecCommand(spec), limit, input, cancel);

    public async Task ExportAsync(string container, string file, CancellationToken cancel = default) =>
        await CheckedAsync(["container", "export", "--output", file, container], _copy, cancel);

    public async Task<IReadOnlyList<string>> ImageNamesAsync(CancellationToken cancel = default) =>
        [.. Lines((await CheckedAsync(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"], _lookUp, cancel)).Output)];

    public async Task<string?> LastWordsAsync(string name, CancellationToken cancel = default)
    {
        var result = await RunAsync(["container", "logs", "--tail", "5", name], _lookUp, cancel);
        return result.ExitCode == 0 ? Lines($"{result.Output}\n{result.Error}").LastOrDefault() : null;
    }

    public Task KillSessionAsync(string container, string session, CancellationToken cancel = default) =>
        GoneIsFineAsync(["exec", "--user", "0:0", container, Box.Enter, "--kill", session], cancel);

    public async Task<ImageInfo?> InspectImageAsync(string image, CancellationToken cancel = default)
    {
        string[] arguments = ["image", "inspect", image];
        var result = await RunAsync(arguments, _lookUp, cancel);
        if (result.ExitCode == 0)
        {
            return DockerJson.Images(result.Output, image).FirstOrDefault();
        }
        return SaysMissing(result, image) ? null : throw Explain(arguments, result);
    }

    public async Task<(IReadOnlyList<ContainerInfo> Containers, ImageInfo? Image)> InspectWithImageAsync(
        IReadOnlyList<string> names,
        string image,
        CancellationToken cancel = default
    )
    {
        // A container's name holds no colon, so that none can be taken for the image.
        string[] arguments = ["inspect", WithTag(image), .. names];
        var result = await RunAsync(arguments, _lookUp, cancel);
        if (result.ExitCode != 0 && !Says(result, IsMissing))
        {
            throw Explain(arguments, result);
        }
        var (containers, images) = DockerJson.Both(result.Output, image);
        return (containers, images.FirstOrDefault());
    }

    public async Task<IReadOnlyList<ImageInfo>> ListImagesAsync(string label, CancellationToken cancel = default)
    {
        var result = await CheckedAsync(["image", "ls", "--quiet", "--no-trunc", "--filter", $"label={label}"], _lookUp, cancel);
        var ids = Lines(result.Output).Distinct(StringComparer.Ordinal).ToList();
        return ids.Count == 0 ? [] : DockerJson.ImageList((await CheckedAsync(["image", "inspect", .. ids], _lookUp, cancel)).Output);
    }

    public async Task TagImageAsync(string image, string name, CancellationToken cancel = default) =>
        await CheckedAsync(["image", "tag", image, name], _lookUp, cancel);

    public Task PullImageAsync(string image, Action<string> onLine, CancellationToken cancel = default) =>
        LongAsync(Command(["image", "pull", image]), onLine, cancel);

    public async Task RemoveImageAsync(string image, CancellationToken cancel = default) =>
        await CheckedAsync(["image", "rm", image], _change, cancel);

    public Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default) =>
        LongAsync(
            Command(DockerArguments.Build(build)) with
            {
                Environment = build.Arguments.ToDictionary(e => e.Key, e => (string?)e.Value, StringComparer.Ordinal),
            },
            onLine,
            cancel
        );

    private static string WithTag(string image) =>
        image[(image.LastIndexOf('/') + 1)..].Contains(':', StringComparison.Ordinal) || image.Contains('@', StringComparison.Ordinal)
            ? image
            : image + ":latest";

    /// <summary>Without these controllers podman starts the box all the same, unlimited, or fails with words about cgroups.</summary>
    private async Task CheckLimitsAsync(ContainerSpec spec, CancellationToken cancel)
    {
        var asked = await CheckedAsync(["info", "--format", "{{.Host.CgroupsVersion}} {{.Host.CgroupControllers}}"], _lookUp, cancel);
        var words = asked.Output.Split([' ', '[', ']', '\n'], StringSplitOptions.RemoveEmptyEntries);
        string[] needed =
        [
            .. spec.Cpus is null ? Array.Empty<string>() : ["cpu"],
            .. spec.MemoryBytes is null ? Array.Empty<string>() : ["memory"],
        ];
        if (words is not ["v2", ..] || needed.Except(words, StringComparer.Ordinal).Any())
        {
            throw new UserError(
                $"{dialect.Title} cannot limit processors or memory for an ordinary user on this machine.",
                $"That needs cgroups v2, with the controllers cpu and memory delegated to you; it has: {asked.Output.Trim()}",
                "Leave out --cpu and --mem, delegate the controllers (systemd: Delegate=cpu memory pids), or use another engine: --engine docker",
                ExitCodes.BeforeCommand
            );
        }
    }

    private CommandLine Command(IReadOnlyList<string> arguments) =>
        new(dialect.Name, arguments) { LeavesProcesses = dialect.LeavesProcesses };

    private CommandLine ExecCommand(ExecSpec spec) =>
        Command(DockerArguments.Exec(dialect, spec)) with
        {
            Environment = ExecVariables.ForClient(spec),
        };

    private async Task LongAsync(CommandLine command, Action<string> onLine, CancellationToken cancel)
    {
        var tail = new Queue<string>();
        var code = await processes.StreamAsync(
            command,
            line =>
            {
                tail.Enqueue(line);
                if (tail.Count > 20)
                {
                    tail.Dequeue();
                }
                onLine(line);
            },
            cancel
        );
        if (code != 0)
        {
            throw Explain(command.Arguments, new ProcessResult(code, "", string.Join('\n', tail)));
        }
    }

    private Task<ProcessResult> RunAsync(IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken cancel) =>
        processes.CaptureAsync(Command(arguments), limit, cancel: cancel);

    private async Task<ProcessResult> CheckedAsync(IReadOnlyList<string> arguments, TimeSpan limit, CancellationToken cancel)
    {
        var result = await RunAsync(arguments, limit, cancel);
        return result.ExitCode == 0 ? result : throw Explain(arguments, result);
    }

    private async Task GoneIsFineAsync(IReadOnlyList<string> arguments, CancellationToken cancel)
    {
        var result = await RunAsync(arguments, _change, cancel);
        if (result.ExitCode != 0 && !Says(result, IsMissing))
        {
            throw Explain(arguments, result);
        }
    }

    private Exception Explain(IReadOnlyList<string> arguments, ProcessResult result) =>
        dialect.Down.Any(words => result.Error.Contains(words, StringComparison.OrdinalIgnoreCase))
            ? new UserError($"{dialect.Title} does not answer.", Lines(result.Error).FirstOrDefault(), dialect.Start)
        : Lines(result.Error).FirstOrDefault(line => line.Contains("unknown flag", StringComparison.OrdinalIgnoreCase)) is { } unknown
            ? new UserError(
                $"{dialect.Title} is too old: it does not know an option that codexctl needs.",
                unknown,
                $"Install {dialect.Floor} or later, or choose another engine with --engine."
            )
        : new ProcessError(Command(arguments), result);

    private static bool IsMissing(string line) =>
        line.Contains("No such container", StringComparison.OrdinalIgnoreCase)
        || line.Contains("No such object", StringComparison.OrdinalIgnoreCase)
        || line.Contains("is not running", StringComparison.OrdinalIgnoreCase)
        || line.Contains("removal of container", StringComparison.OrdinalIgnoreCase)
        // podman's words for one that does not run.
        || line.Contains("container state improper", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Nothing else went wrong than that there is no such image. Whatever is not known for sure is a failure with the engine's
    /// own words: a build instead would hide them, and not help.
    /// </summary>
    private static bool SaysMissing(ProcessResult result, string image)
    {
        var name = image[(image.LastIndexOf('/') + 1)..];
        return Says(
            result,
            line =>
                line.Contains(name, StringComparison.Ordinal)
                && (
                    line.Contains("No such image", StringComparison.OrdinalIgnoreCase)
                    || line.Contains("image not known", StringComparison.OrdinalIgnoreCase)
                )
        );
    }

    /// <summary>It said something, and nothing else; an engine that was killed says nothing at all.</summary>
    private static bool Says(ProcessResult result, Func<string, bool> expected) =>
        Lines(result.Error).ToList() is { Count: > 0 } lines && lines.All(expected);

    private static IEnumerable<string> Lines(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Where(line => !DockerDialect.IsWarning(line));
}
