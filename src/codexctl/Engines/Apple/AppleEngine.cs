using Codexctl.Processes;

namespace Codexctl.Engines.Apple;

/// <summary>Apple's `container` by its command-line client: each box a small virtual machine of its own.</summary>
public sealed partial class AppleEngine(IProcesses processes, Paths paths, Person person, TimeProvider clock) : IExportingEngine
{
    public const string EngineName = "apple";

    /// <summary>The first container of an image is slow to make: its layers are unpacked into a disk image.</summary>
    private static readonly TimeSpan _create = TimeSpan.FromMinutes(4);

    /// <summary>One that is being stopped can be removed only when that is done.</summary>
    private static readonly TimeSpan _stopping = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(500);

    private readonly AppleClient _client = new(processes, paths, person, clock);

    public string Name => EngineName;

    public EngineCapabilities Capabilities { get; } =
        new(Images: true, Limits: true, RootExec: true, OwnNetwork: true, HomeOnHost: false) { WholeCpus = true, RelaysDoor = true };

    /// <summary>The socket, as far as anybody knows; where it does not answer, TCP.</summary>
    public EngineDoor Door { get; } = new(HasTcp: true);

    /// <summary>
    /// The Mac's own address on the network of boxes. It exists only while a box of that network runs, so the gateway waits for it.
    /// Other software can have taken the usual one (192.168.64.1): it is always asked for.
    /// </summary>
    public async Task<TcpDoor> TcpDoorAsync(CancellationToken cancel = default)
    {
        var asked = await _client.CheckedAsync(AppleArguments.InspectNetwork(), AppleClient.LookUp, cancel);
        return AppleJson.Gateway(asked.Output) is { } gateway
            ? new TcpDoor(gateway, gateway.ToString())
            : throw new UserError(
                "Boxes of Apple's container cannot reach codexctl's door over TCP.",
                "Its network `default` tells no IPv4 address of this Mac (container network inspect default).",
                "Restart its service (container system stop, container system start), or choose another engine with --engine.",
                ExitCodes.BeforeCommand
            );
    }

    public async Task<IReadOnlyList<ContainerInfo>> InspectAsync(IReadOnlyList<string> names, CancellationToken cancel = default)
    {
        // Not by `inspect`: that says nothing about those that exist when one of them does not.
        var all = await ListAsync(cancel);
        return [.. all.Where(container => names.Contains(container.Name, StringComparer.Ordinal))];
    }

    public async Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancel = default)
    {
        var arguments = AppleArguments.List();
        var result = await _client.FirstAsync(arguments, AppleClient.LookUp, cancel);
        return result.ExitCode == 0 ? AppleJson.Containers(result.Output) : throw AppleClient.Explain(arguments, result);
    }

    public async Task CreateAsync(ContainerSpec spec, CancellationToken cancel = default)
    {
        var links = paths.Container(EngineName, spec.Name).Links;
        // `create` would fetch an image that is missing from wherever its name leads.
        var image = spec.FoundImage ?? await InspectImageAsync(spec.Image, cancel) ?? throw new ImageMissingException(spec.Image);
        // Elsewhere containers carry their image's labels by themselves. Those of a container win.
        var inherited = image.Labels.Where(label => label.Key.StartsWith("codexctl.", StringComparison.Ordinal));
        var labels = spec.Labels.UnionBy(inherited, label => label.Key, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
        var arguments = AppleArguments.Create(spec with { Labels = labels }, links);
        foreach (var (link, source) in AppleMounts.Links(spec, links))
        {
            Paths.MakePrivate(links);
            File.Delete(link);
            File.CreateSymbolicLink(link, source);
        }
        var result = await _client.RunAsync(arguments, _create, cancel);
        if (result.ExitCode == 0)
        {
            return;
        }
        throw AppleClient.Says(result, "already exist") ? new NameTakenException(spec.Name) : AppleClient.Explain(arguments, result);
    }

    public Task StartAsync(string name, CancellationToken cancel = default) =>
        _client.CheckedAsync(AppleArguments.Start(name), AppleClient.Change, cancel);

    public Task StopAsync(string name, CancellationToken cancel = default) => GoneIsFineAsync(AppleArguments.Stop(name), cancel);

    public async Task RemoveAsync(string name, bool force, CancellationToken cancel = default)
    {
        var begin = clock.GetTimestamp();
        while (true)
        {
            try
            {
                await GoneIsFineAsync(AppleArguments.Remove(name, force), cancel);
                return;
            }
            catch (ProcessError error) when (AppleClient.Says(error.Result, "is stopping") && clock.GetElapsedTime(begin) < _stopping)
            {
                await Task.Delay(_pause, clock, cancel);
            }
        }
    }

    public async Task<int> ExecAsync(ExecSpec spec)
    {
        var code = await processes.AttachAsync(ExecCommand(spec));
        // The client gives these two codes for its own failures, and commands give them too. Which it was stands in the box.
        return code is 1 or 64 && !await HasBegunAsync(spec) ? ExitCodes.BeforeCommand : code;
    }

    public Task<ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default) =>
        processes.CaptureAsync(ExecCommand(spec), limit, input, cancel);

    public async Task<string?> LastWordsAsync(string name, CancellationToken cancel = default)
    {
        var result = await _client.RunAsync(AppleArguments.Logs(name), AppleClient.LookUp, cancel);
        return result.ExitCode == 0 ? AppleClient.Lines(result.Output).LastOrDefault() : null;
    }

    public Task KillSessionAsync(string container, string session, CancellationToken cancel = default) =>
        GoneIsFineAsync(AppleArguments.KillSession(container, session), cancel);

    private static CommandLine ExecCommand(ExecSpec spec) =>
        AppleClient.Command(AppleArguments.Exec(spec)) with
        {
            Environment = ExecVariables.ForClient(spec),
            IgnoresSignals = true,
            KeepsOutputProcessing = spec.Terminal,
        };

    private async Task<bool> HasBegunAsync(ExecSpec spec)
    {
        try
        {
            var asked = await _client.RunAsync(
                AppleArguments.HasBegun(spec.Container, spec.Session),
                AppleClient.LookUp,
                CancellationToken.None
            );
            return asked.ExitCode == 0;
        }
        catch (UserError)
        {
            // An engine that does not answer any more is the failure that was meant.
            return false;
        }
    }

    private async Task GoneIsFineAsync(List<string> arguments, CancellationToken cancel)
    {
        var result = await _client.RunAsync(arguments, AppleClient.Change, cancel);
        if (result.ExitCode != 0 && !AppleClient.OnlyMissing(result))
        {
            throw AppleClient.Explain(arguments, result);
        }
    }
}
