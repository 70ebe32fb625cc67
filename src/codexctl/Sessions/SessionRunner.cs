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
    Action<RunRequest, ContainerPaths> PrepareFiles,
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
        await using var session = await OpenAsync(request, cancel);
        var code = await session.AttachAsync(request.Command, request.Terminal);
        return new SessionResult(code, session.Container, await session.FinishAsync(CancellationToken.None));
    }

    /// <summary>Makes everything ready for commands in the box.</summary>
    public Task<Session> OpenAsync(RunRequest request, CancellationToken cancel) => PrepareAsync(request, pin: false, cancel);

    /// <summary>`start`: the container runs, with its gateway, until `stop`.</summary>
    public async Task<string> StartAsync(RunRequest request, CancellationToken cancel)
    {
        await using var session = await PrepareAsync(request, pin: true, cancel);
        await session.FinishAsync(cancel);
        return session.Container;
    }

    /// <summary>Joins a running container, for `exec` and `su-exec`.</summary>
    public async Task<Session> JoinAsync(ContainerInfo container, GatewayOrder? last, RunRequest request, CancellationToken cancel)
    {
        var files = services.Paths.Container(EngineName, container.Name);
        var name = NewSession();
        // As the running gateway was told; it is launched again with the same if it died.
        var order = last ?? Order(request, container.Name);
        using (await TakeTurnAsync())
        {
            files.Prepare();
            var lease =
                FileLock.TryTake(files.Lease, shared: true)
                ?? throw new UserError(
                    $"The container {container.Name} is being stopped.",
                    "Its last run just ended.",
                    "Start it with codexctl start, or use codexctl run.",
                    ExitCodes.BeforeCommand
                );
            try
            {
                var link = await services.Gateways.OpenAsync(order, name, cancel);
                return new Session(services.Engine, request, container.Name, name, lease, link, () => Task.CompletedTask);
            }
            catch
            {
                lease.Dispose();
                throw;
            }
        }
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

    private static string NewSession() => Guid.NewGuid().ToString("N")[..12];

    private async Task<Session> PrepareAsync(RunRequest request, bool pin, CancellationToken cancel)
    {
        var candidates = SessionPlanner.Candidates(request);
        for (var tries = 0; ; tries++)
        {
            try
            {
                using (await TakeTurnAsync())
                {
                    return await PrepareInTurnAsync(request, candidates, pin, cancel);
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

    private async Task<Session> PrepareInTurnAsync(RunRequest request, IReadOnlyList<string> candidates, bool pin, CancellationToken cancel)
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
            services.PrepareFiles(request, files);
            if (pin)
            {
                PrivateFile.Write(files.Pinned, "");
            }
            var order = Order(request, plan.Name);
            // The gateway first: from here on somebody is there who stops the container, whatever happens to us.
            var session = NewSession();
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
            return new Session(services.Engine, request, plan.Name, session, lease, link, () => TidyAsync(request, files));
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

    /// <summary>A temporary container is gone by now; so go the files that were only for it, unless somebody took its name meanwhile.</summary>
    private async Task TidyAsync(RunRequest request, ContainerPaths files)
    {
        if (!request.Temporary)
        {
            return;
        }
        using var turn = await TakeTurnAsync();
        using var alone = FileLock.TryTake(files.Lease);
        if (alone is not null)
        {
            ContainerFiles.Remove(files, recordsToo: request.Scripted);
        }
    }

    private GatewayOrder Order(RunRequest request, string container) =>
        new(EngineName, container, request.ModelUrl.AbsoluteUri.TrimEnd('/'), request.Allow, request.Temporary, request.Scripted);

    private async Task<FileLock> TakeTurnAsync()
    {
        Paths.MakePrivate(services.Paths.EngineState(EngineName));
        return await FileLock.TakeAsync(services.Paths.PrepareLock(EngineName));
    }
}
