using System.Net.Sockets;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>
/// The engine for a Linux machine without one. A container is a folder; running, it is one process namespace whose init's
/// first child is codexctl itself. Nothing of it needs a daemon, an image or root.
/// </summary>
/// <param name="codexRelease">Gives the folder of the pinned Codex release: bin/, codex-path/ and codex-resources/ are in it.</param>
/// <param name="own">codexctl's files, run inside as the box's init.</param>
public sealed partial class BubblewrapEngine(
    Paths paths,
    IProcesses processes,
    Func<CancellationToken, Task<string>> codexRelease,
    OwnProgram own,
    TimeProvider time
) : IContainerEngine
{
    public const string EngineName = "bubblewrap";

    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    public string Name => EngineName;

    public EngineCapabilities Capabilities { get; } =
        new(Images: false, Limits: false, RootExec: false, OwnNetwork: false, HomeOnHost: true);

    public Task<IReadOnlyList<ContainerInfo>> InspectAsync(IReadOnlyList<string> names, CancellationToken cancel = default) =>
        Task.FromResult<IReadOnlyList<ContainerInfo>>([.. names.Distinct(StringComparer.Ordinal).Select(Inspect).OfType<ContainerInfo>()]);

    public Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancel = default)
    {
        var folder = paths.EngineState(Name);
        IEnumerable<string> names = Directory.Exists(folder)
            ? Directory.EnumerateDirectories(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)
            : [];
        return Task.FromResult<IReadOnlyList<ContainerInfo>>([.. names.Select(Inspect).OfType<ContainerInfo>()]);
    }

    public async Task CreateAsync(ContainerSpec spec, CancellationToken cancel = default)
    {
        if (spec.Cpus is not null || spec.MemoryBytes is not null)
        {
            throw new UserError(
                "The bubblewrap engine cannot limit processors or memory.",
                "It runs boxes as ordinary processes of yours.",
                "Leave out --cpu and --mem, or use `--engine docker`."
            );
        }
        if (spec.User.UserId != Libc.GetUserId() || spec.User.GroupId != Libc.GetGroupId())
        {
            throw new UserError("The bubblewrap engine can only run boxes as the person who starts it.");
        }
        MountRules.Check(spec, paths);
        var container = paths.Container(Name, spec.Name);
        Paths.MakePrivate(container.Root);
        using var _ = await LockAsync(container);
        if (BoxFile.Read(container) is not null)
        {
            throw new NameTakenException(spec.Name);
        }
        Paths.MakePrivate(container.Home);
        new BoxFile(spec, time.GetUtcNow()).Write(container);
    }

    public async Task StopAsync(string name, CancellationToken cancel = default)
    {
        var container = paths.Container(Name, name);
        if (!Directory.Exists(container.Box))
        {
            return;
        }
        using var _ = await LockAsync(container);
        Stop(container);
    }

    public async Task RemoveAsync(string name, bool force, CancellationToken cancel = default)
    {
        var container = paths.Container(Name, name);
        if (!Directory.Exists(container.Box))
        {
            return;
        }
        using var _ = await LockAsync(container);
        if (!force && BoxProcess.Read(container)?.IsAlive() == true)
        {
            throw new UserError(
                $"The container {name} is running.",
                mend: $"Stop it first (`codexctl stop --name {name}`), or use --force."
            );
        }
        Stop(container);
        try
        {
            // The specification last: an interrupted removal leaves a container that can be removed again.
            TreeRemoval.Remove(container.Home);
            TreeRemoval.Remove(container.Box);
        }
        catch (IOException error)
        {
            throw new UserError($"The container {name} could not be removed completely.", error.Message);
        }
    }

    // The box's exec server ends a command by itself when the connection of its front end closes.
    public Task KillSessionAsync(string container, string session, CancellationToken cancel = default) => Task.CompletedTask;

    public Task<int> ExecAsync(ExecSpec spec) =>
        Task.Factory.StartNew(() => ExecRunner.Run(Connect(spec), ToRequest(spec), spec.Terminal), TaskCreationOptions.LongRunning);

    public async Task<ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default)
    {
        using var client = Connect(spec);
        var streams = new CollectedStreams(input);
        var run = Task.Factory.StartNew(() => client.Run(ToRequest(spec), streams), TaskCreationOptions.LongRunning);
        try
        {
            var exitCode = await run.WaitAsync(limit, time, cancel);
            return new ProcessResult(exitCode, Text(streams.Output), Text(streams.Error));
        }
        catch (TimeoutException)
        {
            client.Leave();
            await run;
            throw new UserError(
                $"`{string.Join(' ', spec.Command)}` did not end within {limit.TotalSeconds:0} seconds in {spec.Container}."
            );
        }
        catch (OperationCanceledException)
        {
            client.Leave();
            await run;
            throw;
        }
    }

    private static string Text(MemoryStream bytes) => System.Text.Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);

    private ContainerInfo? Inspect(string name)
    {
        var container = paths.Container(Name, name);
        if (BoxFile.Read(container) is not { } file)
        {
            return null;
        }
        var workdir = file.Spec.Mounts.FirstOrDefault(mount => string.Equals(mount.Target, Box.Workdir, StringComparison.Ordinal));
        var running = BoxProcess.Read(container)?.IsAlive() == true;
        return new ContainerInfo(
            file.Spec.Name,
            running ? ContainerState.Running : ContainerState.Stopped,
            file.Spec.Image,
            file.Spec.Labels,
            workdir?.ReadOnly,
            file.Created
        );
    }

    private ExecClient Connect(ExecSpec spec)
    {
        if (spec.Root)
        {
            throw new UserError(
                "The bubblewrap engine has no root inside the box.",
                "Nothing in its box may become root.",
                "Use `--engine docker` for su-exec.",
                ExitCodes.BeforeCommand
            );
        }
        var container = paths.Container(Name, spec.Container);
        if (BoxFile.Read(container) is null)
        {
            throw new UserError($"There is no container {spec.Container}.", exitCode: ExitCodes.BeforeCommand);
        }
        try
        {
            return ExecClient.Connect(container.Box, ExecSocketName);
        }
        catch (Exception error) when (error is SocketException or InvalidDataException)
        {
            var running = BoxProcess.Read(container)?.IsAlive() == true;
            throw new UserError(
                running ? $"The container {spec.Container} does not answer." : $"The container {spec.Container} is not running.",
                running ? error.Message : null,
                running
                    ? $"Restart it: `codexctl restart --name {spec.Container}`."
                    : $"Start it: `codexctl start --name {spec.Container}`.",
                ExitCodes.BeforeCommand
            );
        }
    }

    private static ExecRequest ToRequest(ExecSpec spec)
    {
        // Images have a script of this name; here box-init does its work for every command.
        var command = spec.Command is [Box.Enter, _, _, ..] ? spec.Command.Skip(2).ToArray() : spec.Command;
        var size = spec.Terminal ? Libc.GetWindowSize(0) ?? Libc.GetWindowSize(1) ?? new TerminalSize(80, 24) : (TerminalSize?)null;
        return new ExecRequest(command, spec.Environment, Box.Workdir, size?.Columns, size?.Rows, spec.Session);
    }

    private static Task<FileLock> LockAsync(ContainerPaths container) => FileLock.TakeAsync(container.BoxLock);

    private static void Stop(ContainerPaths container)
    {
        BoxProcess.Read(container)?.Kill(StopLimit);
        File.Delete(BoxProcess.PathIn(container));
        File.Delete(Path.Combine(container.Box, ExecSocketName));
    }
}
