using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>What a run needs from the rest of the program; one place, so that tests can give their own.</summary>
/// <param name="MakeImage">Makes an image that is missing; the person sees its progress.</param>
/// <param name="PrepareFiles">Writes what the box mounts: Codex's configuration; for engines without images also Codex itself.</param>
/// <param name="Say">A sentence for the person.</param>
public sealed record SessionServices(
    Paths Paths,
    IContainerEngine Engine,
    GatewayLauncher Gateways,
    Func<string, CancellationToken, Task> MakeImage,
    Func<ContainerPaths, CancellationToken, Task> PrepareFiles,
    Action<string> Say
);

/// <summary>How a run ended.</summary>
public sealed record SessionResult(int ExitCode, string Container, Receipt Receipt);

/// <summary>Executes plans. Each step can be undone by the gateway, which is there before the container is started.</summary>
public sealed class SessionRunner(SessionServices services)
{
    private const int TriesForAName = 5;

    private string EngineName => services.Engine.Name;

    /// <summary>The whole of `run`: make ready, attach, finish.</summary>
    public async Task<SessionResult> RunAsync(RunRequest request, CancellationToken cancel)
    {
        var session = NewSession();
        var (name, lease, link) = await PrepareAsync(request, session, pin: false, cancel);
        return await AttachAsync(Exec(request, name, session), lease, link, name);
    }

    /// <summary>Like <see cref="RunAsync"/>, but collects the output instead of handing over the terminal.</summary>
    public async Task<(SessionResult Result, ProcessResult Output)> CaptureAsync(RunRequest request, TimeSpan limit, CancellationToken cancel)
    {
        var session = NewSession();
        var (name, lease, link) = await PrepareAsync(request, session, pin: false, cancel);
        await using (link)
        {
            var kill = true;
            try
            {
                var output = await services.Engine.CaptureAsync(Exec(request, name, session), limit, cancel);
                kill = false;
                return (new SessionResult(output.ExitCode, name, await link.FinishAsync(lease, kill, cancel)), output);
            }
            finally
            {
                if (kill)
                {
                    await link.FinishAsync(lease, kill, CancellationToken.None);
                }
            }
        }
    }

    /// <summary>`start`: the container runs, with its gateway, until `stop`.</summary>
    public async Task<string> StartAsync(RunRequest request, CancellationToken cancel)
    {
        var (name, lease, link) = await PrepareAsync(request, NewSession(), pin: true, cancel);
        await using (link)
        {
            await link.FinishAsync(lease, kill: false, cancel);
        }
        return name;
    }

    /// <summary>`exec` and `su-exec`: one more command in a running container.</summary>
    public async Task<SessionResult> ExecAsync(ContainerInfo container, GatewayOrder order, ExecSpec spec, CancellationToken cancel)
    {
        FileLock lease;
        GatewayLink link;
        using (await TakeTurnAsync())
        {
            services.Paths.Container(EngineName, container.Name).Prepare();
            lease =
                FileLock.TryTake(services.Paths.Container(EngineName, container.Name).Lease, shared: true)
                ?? throw new UserError(
                    $"The container {container.Name} is being stopped.",
                    "Its last run just ended.",
                    "Start it with codexctl start, or use codexctl run.",
                    ExitCodes.BeforeCommand
                );
            try
            {
                link = await services.Gateways.OpenAsync(order, spec.Session, cancel);
            }
            catch
            {
                lease.Dispose();
                throw;
            }
        }
        return await AttachAsync(spec, lease, link, container.Name);
    }

    /// <summary>`stop`: ends the container whoever uses it. False when it was not running.</summary>
    public async Task<bool> StopAsync(ContainerInfo container, CancellationToken cancel)
    {
        using (await TakeTurnAsync())
        {
            File.Delete(services.Paths.Container(EngineName, container.Name).Pinned);
            if (!await services.Gateways.StopAsync(EngineName, container.Name, cancel) && container.State != ContainerState.Stopped)
            {
                await services.Engine.StopAsync(container.Name, cancel);
            }
        }
        return container.State == ContainerState.Running;
    }

    /// <summary>`rm`: the container and what is kept for it, but for recordings and receipts.</summary>
    public async Task RemoveAsync(ContainerInfo container, bool force, CancellationToken cancel)
    {
        if (container.State == ContainerState.Running && !force)
        {
            throw new UserError(
                $"The container {container.Name} is running.",
                null,
                $"Stop it first (codexctl stop --name {container.Name}), or repeat with --force.",
                ExitCodes.Failed
            );
        }
        await StopAsync(container, cancel);
        using (await TakeTurnAsync())
        {
            await services.Engine.RemoveAsync(container.Name, force, cancel);
            ContainerFiles.Remove(services.Paths.Container(EngineName, container.Name));
        }
    }

    public static string NewSession() => Guid.NewGuid().ToString("N")[..12];

    private async Task<(string Name, FileLock Lease, GatewayLink Link)> PrepareAsync(
        RunRequest request,
        string session,
        bool pin,
        CancellationToken cancel
    )
    {
        var candidates = SessionPlanner.Candidates(request);
        for (var tries = 0; ; tries++)
        {
            try
            {
                using (await TakeTurnAsync())
                {
                    return await PrepareInTurnAsync(request, candidates, session, pin, cancel);
                }
            }
            catch (ImageMissingException missing) when (tries < TriesForAName)
            {
                // Outside the turn: building takes minutes, and runs of other folders need not wait for it.
                await services.MakeImage(missing.Image, cancel);
            }
            catch (NameTakenException) when (tries < TriesForAName)
            {
                services.Say("Another program took the container's name in the meantime; looking again.");
            }
        }
    }

    private async Task<(string Name, FileLock Lease, GatewayLink Link)> PrepareInTurnAsync(
        RunRequest request,
        IReadOnlyList<string> candidates,
        string session,
        bool pin,
        CancellationToken cancel
    )
    {
        var plan = SessionPlanner.Plan(request, candidates, await services.Engine.InspectAsync(candidates, cancel));
        var files = services.Paths.Container(EngineName, plan.Name);
        files.Prepare();
        var lease = FileLock.TryTake(files.Lease, shared: true);
        try
        {
            // What the engine said is true only if nobody was closing the container meanwhile: then, or when it seems to run
            // without a gateway, it is asked once more, now that our lease keeps it as it is.
            var closing = lease is null;
            lease ??= await FileLock.TakeAsync(files.Lease, shared: true);
            if (closing || (!plan.Start && !await services.Gateways.AnswersAsync(EngineName, plan.Name)))
            {
                plan = SessionPlanner.Plan(request, [plan.Name], await services.Engine.InspectAsync([plan.Name], cancel));
            }
            if (plan.Notice is { } notice)
            {
                services.Say(notice);
            }
            if (plan.Create || plan.Start)
            {
                await services.PrepareFiles(files, cancel);
            }
            if (pin)
            {
                PrivateFile.Write(files.Pinned, "");
            }
            var order = new GatewayOrder(
                EngineName,
                plan.Name,
                request.ModelUrl.AbsoluteUri.TrimEnd('/'),
                request.Allow,
                request.Temporary,
                request.Scripted
            );
            // The gateway first: from here on somebody is there who stops the container, whatever happens to us.
            var link = await services.Gateways.OpenAsync(order, session, cancel);
            try
            {
                if (plan.Create)
                {
                    await services.Engine.CreateAsync(ContainerSpecs.For(request, plan.Name, files), cancel);
                }
                if (plan.Start)
                {
                    await services.Engine.StartAsync(plan.Name, cancel);
                }
            }
            catch
            {
                await link.DisposeAsync();
                throw;
            }
            return (plan.Name, lease, link);
        }
        catch
        {
            if (pin)
            {
                File.Delete(files.Pinned);
            }
            lease?.Dispose();
            throw;
        }
    }

    private async Task<SessionResult> AttachAsync(ExecSpec spec, FileLock lease, GatewayLink link, string name)
    {
        await using (link)
        {
            var code = ExitCodes.BeforeCommand;
            var ended = false;
            try
            {
                code = await services.Engine.ExecAsync(spec);
                ended = true;
            }
            finally
            {
                if (!ended)
                {
                    await link.FinishAsync(lease, kill: true);
                }
            }
            return new SessionResult(code, name, await link.FinishAsync(lease, kill: code > 128));
        }
    }

    private static ExecSpec Exec(RunRequest request, string name, string session) =>
        new(name, request.Command, request.User, Root: false, request.Terminal, request.Environment, session);

    private async Task<FileLock> TakeTurnAsync()
    {
        Paths.MakePrivate(services.Paths.EngineState(EngineName));
        return await FileLock.TakeAsync(services.Paths.PrepareLock(EngineName));
    }
}
