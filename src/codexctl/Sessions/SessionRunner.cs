using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>Executes plans. Each step can be undone by the gateway, which is there before the container is started.</summary>
public sealed partial class SessionRunner(SessionServices services)
{
    private const int TriesForAName = 5;
    private static readonly TimeSpan _instant = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(200);

    private string EngineName => services.Engine.Name;

    /// <summary>The whole of `run`: make ready, attach, finish.</summary>
    public async Task<SessionResult> RunAsync(RunRequest request, CancellationToken cancel)
    {
        RunRequest? next;
        await using (var session = await OpenAsync(request, cancel))
        {
            var code = await session.AttachAsync(request.Command, request.Terminal);
            next = await WithAnotherDoorAsync(request, session, code, cancel);
            if (next is null)
            {
                var receipt = await session.FinishAsync(CancellationToken.None);
                if (session.Notice is { } notice)
                {
                    services.Say(notice);
                }
                return new SessionResult(code, session.Container, receipt);
            }
        }
        // The command was never run, so it is not run twice.
        return await RunAsync(next, cancel);
    }

    /// <summary>As <see cref="OpenAsync"/>, for commands that cannot be begun twice: the door of a new box is tried by one that does nothing.</summary>
    public async Task<Session> OpenTriedAsync(RunRequest request, CancellationToken cancel)
    {
        var session = await OpenAsync(request, cancel);
        try
        {
            if (
                !session.IsNew
                || !services.Engine.Door.HasTcp
                || await WithAnotherDoorAsync(request, session, await session.TryDoorAsync(cancel), cancel) is not { } next
            )
            {
                return session;
            }
            request = next;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
        await session.DisposeAsync();
        return await OpenTriedAsync(request, cancel);
    }

    /// <summary>A command of `exec` and `su-exec`; its exit code.</summary>
    /// <exception cref="UserError">The door of the box has been silent since its start, and nothing was run.</exception>
    public async Task<int> ExecAsync(Session session, IReadOnlyList<string> command, bool terminal, bool root)
    {
        var code = await session.AttachAsync(command, terminal, root);
        return code == Box.DoorSilent && await session.DoorIsSilentAsync() ? throw DoorSilent(session) : code;
    }

    /// <summary>Makes everything ready for commands in the box.</summary>
    public Task<Session> OpenAsync(RunRequest request, CancellationToken cancel) => OpenAsync(request, pin: false, cancel);

    /// <param name="pin">The container runs on when nobody uses it.</param>
    private async Task<Session> OpenAsync(RunRequest request, bool pin, CancellationToken cancel)
    {
        var session = await PrepareAsync(request, pin, cancel);
        try
        {
            await PrepareLoginAsync(request, session.Container, cancel);
            await TakeLuggageAsync(session, cancel);
            return session;
        }
        catch
        {
            await session.DisposeAsync();
            throw;
        }
    }

    /// <summary>`start`: the container runs, with its gateway, until `stop`.</summary>
    public async Task<string> StartAsync(RunRequest request, CancellationToken cancel)
    {
        await using var session = await OpenAsync(request, pin: true, cancel);
        await session.FinishAsync(cancel);
        return session.Container;
    }

    /// <summary>Joins a running container, for `exec` and `su-exec`.</summary>
    public async Task<Session> JoinAsync(ContainerInfo container, GatewayOrder? last, RunRequest request, CancellationToken cancel)
    {
        var files = services.Paths.Container(EngineName, container.Name);
        var name = NewSession();
        // As the running gateway was told; it is launched again with the same if it died.
        var order = last ?? Order(request, container.Name, DoorLabel.Listen(container));
        using (await TakeTurnAsync(cancel))
        {
            files.Prepare();
            var lease = FileLock.TryTake(files.Lease, shared: true) ?? await WaitForPinnedAsync(files, container.Name, cancel);
            try
            {
                var link = await services.Gateways.OpenAsync(order, name, cancel);
                return NewSession(request, order, name, lease, link, isNew: false);
            }
            catch (ContainerClosingException)
            {
                lease.Dispose();
                throw BeingStopped(container.Name);
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
        using (await TakeTurnAsync(cancel))
        {
            await StopInTurnAsync(container, cancel);
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
        // In one turn: a run that starts in between would lose its files.
        using (await TakeTurnAsync(cancel))
        {
            await StopInTurnAsync(container, cancel);
            await services.Engine.RemoveAsync(container.Name, force, cancel);
            services.Paths.Container(EngineName, container.Name).RemoveAllButRecords();
        }
    }

    /// <summary>`upgrade`: a container like this one, of another image, in its place.</summary>
    /// <exception cref="UserError">The container is in use, or the new one does not work.</exception>
    public Task<string> MoveAsync(RunRequest request, string image, Action<string> report, CancellationToken cancel) =>
        new ContainerMove(this, services, (IExportingEngine)services.Engine).MoveAsync(request, image, report, cancel);

    private async Task StopInTurnAsync(ContainerInfo container, CancellationToken cancel)
    {
        File.Delete(services.Paths.Container(EngineName, container.Name).Pinned);
        if (!await services.Gateways.StopAsync(EngineName, container.Name, cancel) && container.State != ContainerState.Stopped)
        {
            await services.Engine.StopAsync(container.Name, cancel);
        }
    }
}
