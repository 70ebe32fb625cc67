using System.Net;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Gateway.Login;
using Codexctl.Gateway.Recording;
using Codexctl.Models;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>What a run needs from the rest of the program; one place, so that tests can give their own.</summary>
/// <param name="MakeImage">Makes an image that is missing; the person sees its progress.</param>
/// <param name="PrepareFiles">Writes what the box mounts: Codex's configuration; for engines without images also Codex itself.</param>
/// <param name="Say">A sentence for the person.</param>
/// <param name="Logins">Moves the OpenAI login in and out; asked only where there is one to move.</param>
public sealed record SessionServices(
    Paths Paths,
    IContainerEngine Engine,
    GatewayLauncher Gateways,
    Func<string, CancellationToken, Task> MakeImage,
    Action<RunRequest, ContainerPaths> PrepareFiles,
    Action<string> Say,
    Func<Task<LoginSync>> Logins
)
{
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>What is wrong with an image that a new container would be made from; null when nothing is.</summary>
    public Func<string, ImageInfo, string?> ImageProblem { get; init; } = (_, _) => null;

    /// <summary>Tells the person about that and offers to build it anew; gets the image's name and the problem. Throws where nothing can go on.</summary>
    public Func<string, string, CancellationToken, Task> OfferImage { get; init; } = (_, _, _) => Task.CompletedTask;

    /// <summary>What the person should know about the image of a container that is there; null for nothing.</summary>
    public Func<ContainerInfo, string?> ContainerNotice { get; init; } = _ => null;

    /// <summary>The setting `strict`: a door over TCP is refused.</summary>
    public bool Strict { get; init; }
}

/// <summary>How a run ended.</summary>
public sealed record SessionResult(int ExitCode, string Container, Receipt Receipt);

/// <summary>Executes plans. Each step can be undone by the gateway, which is there before the container is started.</summary>
public sealed class SessionRunner(SessionServices services)
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

    /// <summary>After a first command that ended with this code: whether its box needs another door. The session is over then.</summary>
    /// <returns>The request for the same with a door over TCP; null when the code is the command's own.</returns>
    /// <exception cref="UserError">There is no other door, or it may not be used.</exception>
    private async Task<RunRequest?> WithAnotherDoorAsync(RunRequest request, Session session, int code, CancellationToken cancel)
    {
        if (code != 0 && session is { IsNew: true, IsOverTcp: true } && await EndedByItselfAsync(session, code) is { } ended)
        {
            await session.FinishAsync(CancellationToken.None);
            await RemoveNewAsync(session, cancel);
            throw ended;
        }
        if (code != Box.DoorSilent || !await session.DoorIsSilentAsync())
        {
            return null;
        }
        await session.FinishAsync(CancellationToken.None);
        await RemoveNewAsync(session, cancel);
        if (session is not { IsNew: true, IsOverTcp: false } || !services.Engine.Door.HasTcp || services.Strict)
        {
            throw DoorSilent(session);
        }
        services.Say($"the door of {session.Container} did not answer from inside: trying the door over TCP.");
        return request with { SocketFailure = "The socket did not answer from inside the box" };
    }

    /// <summary>A container whose door never answered has run nothing yet; the next one of that name is to get another door.</summary>
    private async Task RemoveNewAsync(Session session, CancellationToken cancel)
    {
        if (!session.IsNew)
        {
            return;
        }
        using (await TakeTurnAsync(cancel))
        {
            var files = services.Paths.Container(EngineName, session.Container);
            if (!Directory.Exists(files.Root))
            {
                // A temporary one: its gateway has removed it already, with all that was kept for it.
                return;
            }
            using var alone = FileLock.TryTake(files.Lease);
            if (alone is not null)
            {
                await services.Engine.RemoveAsync(session.Container, force: true, cancel);
            }
        }
    }

    /// <summary>
    /// Process 1 of a box whose door is over TCP ends at once where it cannot close the network: no weaker box instead. Null while the
    /// box runs, so that the code was the command's.
    /// </summary>
    private async Task<UserError?> EndedByItselfAsync(Session session, int code)
    {
        var found = await services.Engine.InspectAsync([session.Container], CancellationToken.None);
        // An engine may tell of the end a moment after it broke off what was waiting inside.
        for (var looks = 0; looks < 5 && found is [{ State: ContainerState.Running }] && code is ExitCodes.BeforeCommand or > 128; looks++)
        {
            await Task.Delay(_pause, services.Clock);
            found = await services.Engine.InspectAsync([session.Container], CancellationToken.None);
        }
        // Only with its own words: a box that somebody stopped has none, and may hold what its command did.
        return
            found is [{ State: ContainerState.Stopped }]
            && await services.Engine.LastWordsAsync(session.Container) is { } words
            && words.StartsWith("codexctl-init", StringComparison.Ordinal)
            ? new UserError(
                $"The box {session.Container} ended before anything was run in it.",
                words,
                "Use another engine (--engine). A box with a door over TCP starts only where its network can be closed; --network full asks for an open one.",
                ExitCodes.BeforeCommand
            )
            : null;
    }

    private UserError DoorSilent(Session session) =>
        new(
            $"The door of the box {session.Container} does not answer, so nothing was run in it.",
            session.IsOverTcp
                    ? "Neither the gateway's socket nor its TCP port can be reached from inside; a firewall of this machine may be in between."
                : services.Strict && session.IsNew && services.Engine.Door.HasTcp
                    ? "The gateway's socket cannot be reached from inside. A door over TCP could be tried, but the setting `strict` refuses it."
                : "The gateway cannot be reached from inside.",
            session.IsNew
                ? "Use another engine (--engine)"
                    + (services.Strict && services.Engine.Door.HasTcp ? ", or allow the door over TCP: CODEXCTL_STRICT=false" : "")
                : $"Look at the engine's settings for shared folders; or make the container anew: codexctl rm --name {session.Container}",
            ExitCodes.BeforeCommand
        );

    /// <summary>The door of a container: none but the socket, or over TCP with what is lost told, or refused.</summary>
    private async Task<(TcpDoor? New, IPAddress? Listen)> DoorAsync(RunRequest request, SessionPlan plan, CancellationToken cancel)
    {
        var engine = services.Engine;
        var why = plan.Create ? engine.Door.SocketCannotCross ?? request.SocketFailure : null;
        if (why is null && plan.Listen is null)
        {
            return (null, null);
        }
        if (services.Strict)
        {
            throw new UserError(
                $"The box {plan.Name} would need a door over TCP, and the setting `strict` refuses that.",
                string.Join('\n', EngineDoor.LostWithTcp.Prepend(why is null ? "It was made with one." : why + ".")),
                "Use another engine (--engine), or allow it: CODEXCTL_STRICT=false",
                ExitCodes.BeforeCommand
            );
        }
        if (request is { User.UserId: 0, Network: BoxNetwork.None })
        {
            throw new UserError(
                $"The box {plan.Name} would need a door over TCP, and root cannot have one.",
                $"{(why is null ? "It was made with one" : why)}. Its commands would run as its root, who owns the files by which it is entered, and could so open its packet filter.",
                "Run codexctl as an ordinary user, or use another engine (--engine).",
                ExitCodes.BeforeCommand
            );
        }
        var door = plan.Create ? await engine.TcpDoorAsync(cancel) : null;
        services.Say(
            why is null
                ? $"{plan.Name} has a door over TCP, with weaker guarantees than a socket's (docs/security.md)."
                : $"{plan.Name} gets a door over TCP. {why}. What is lost:\n  - {string.Join("\n  - ", EngineDoor.LostWithTcp)}"
        );
        return (door, door?.Listen ?? plan.Listen);
    }

    /// <summary>Makes everything ready for commands in the box.</summary>
    public async Task<Session> OpenAsync(RunRequest request, CancellationToken cancel)
    {
        var session = await PrepareAsync(request, pin: false, cancel);
        try
        {
            await PrepareLoginAsync(request, session.Container, cancel);
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
        await using var session = await PrepareAsync(request, pin: true, cancel);
        await PrepareLoginAsync(request, session.Container, cancel);
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

    /// <summary>
    /// The box has afterwards of the login what its mode gives it. What a run left there whose gateway was killed too is looked after first,
    /// also by a run that needs no login: it has no business there.
    /// </summary>
    private async Task PrepareLoginAsync(RunRequest request, string container, CancellationToken cancel)
    {
        var files = services.Paths.Container(EngineName, container);
        if (request.SignsIn || (request.Login is null && !File.Exists(files.LoginInside)))
        {
            return;
        }
        var box = new BoxLogin(services.Engine, container, files);
        var logins = await services.Logins();
        string? notice;
        try
        {
            notice = request.Login is { } mode ? await logins.PutInAsync(box, mode, cancel) : await logins.TakeOutAsync(box, cancel);
        }
        catch (BoxDoorSilentException)
        {
            // Nothing runs in it: the run's own command finds that out too, and gets another door.
            return;
        }
        if (notice is not null)
        {
            services.Say(notice);
        }
    }

    /// <summary>`upgrade`: a container like this one, of another image, in its place.</summary>
    /// <exception cref="UserError">The engine cannot, the container is in use, or the new one does not work.</exception>
    public Task<string> MoveAsync(RunRequest request, string name, CancellationToken cancel) =>
        services.Engine is IMovingEngine engine
            ? new ContainerMove(services, engine, async token => await TakeTurnAsync(token)).MoveAsync(request, name, cancel)
            : throw new UserError(
                $"{EngineName} cannot exchange containers here.",
                null,
                "Make a new one instead, which loses its sessions: codexctl rm, then codexctl run"
            );

    private async Task StopInTurnAsync(ContainerInfo container, CancellationToken cancel)
    {
        File.Delete(services.Paths.Container(EngineName, container.Name).Pinned);
        if (!await services.Gateways.StopAsync(EngineName, container.Name, cancel) && container.State != ContainerState.Stopped)
        {
            await services.Engine.StopAsync(container.Name, cancel);
        }
    }

    /// <summary>What the gateway does at the end of the last run, where it died and its successor could not be started.</summary>
    private async Task StopAloneAsync(GatewayOrder order, string? problem)
    {
        if (problem is not null)
        {
            services.Say(
                $"{order.Container} could not be stopped: {problem}. It ends by itself in about a minute; codexctl stop tries again."
            );
            return;
        }
        var files = services.Paths.Container(EngineName, order.Container);
        if (!Directory.Exists(files.Root) || File.Exists(files.Pinned))
        {
            return;
        }
        // A moment's patience: of a killed gateway the kernel closes the connection before it frees the lease.
        using var last = await FileLock.TakeAsync(files.Lease, shared: false, TimeSpan.FromSeconds(2), services.Clock);
        if (last is null)
        {
            // Others are on, or a gateway is at it.
            return;
        }
        try
        {
            await services.Engine.StopAsync(order.Container);
            if (order.Temporary)
            {
                await services.Engine.RemoveAsync(order.Container, force: true);
                files.RemoveAllButRecords();
            }
        }
        catch (Exception error) when (error is UserError or ProcessError)
        {
            // The run is over, and its exit code is the command's.
            services.Say($"{order.Container} could not be stopped: {error.Message}");
        }
    }

    /// <summary>
    /// Temporary containers whose run and gateway were both killed: nobody asks for their names again, so they are cleared away
    /// by whoever comes next. Costs a look at small files where there are none.
    /// </summary>
    private async Task SweepAsync(CancellationToken cancel)
    {
        foreach (var folder in Directory.EnumerateDirectories(services.Paths.EngineState(EngineName)))
        {
            var name = Path.GetFileName(folder);
            if (services.Gateways.LastOrder(EngineName, name) is not { Temporary: true } order || order.Container != name)
            {
                continue;
            }
            var files = services.Paths.Container(EngineName, name);
            using var alone = FileLock.TryTake(files.Lease);
            if (alone is null)
            {
                continue;
            }
            try
            {
                await services.Engine.RemoveAsync(name, force: true, cancel);
                files.RemoveAllButRecords();
            }
            catch (Exception error) when (error is UserError or ProcessError or IOException)
            {
                services.Say($"the temporary container {name} was left behind by a killed run and cannot be removed: {error.Message}");
            }
        }
    }

    /// <summary>
    /// The gateway of a container that the person started holds the lease for an instant whenever somebody leaves, to see that
    /// it was the last. That is no end; a gateway that does not answer afterwards is.
    /// </summary>
    private async Task<FileLock> WaitForPinnedAsync(ContainerPaths files, string container, CancellationToken cancel)
    {
        var lease = await FileLock.TakeAsync(files.Lease, shared: true, _instant, services.Clock, cancel);
        if (lease is not null && await services.Gateways.AnswersAsync(EngineName, container))
        {
            return lease;
        }
        lease?.Dispose();
        throw BeingStopped(container);
    }

    private static UserError BeingStopped(string container) =>
        new(
            $"The container {container} is being stopped.",
            "Its last run just ended.",
            "Start it with codexctl start, or use codexctl run.",
            ExitCodes.BeforeCommand
        );

    private Session NewSession(RunRequest request, GatewayOrder order, string name, FileLock lease, GatewayLink link, bool isNew) =>
        new(
            services.Engine,
            request,
            order.Container,
            name,
            lease,
            link,
            isNew,
            order.Listen is not null,
            problem => StopAloneAsync(order, problem)
        );

    private static string NewSession() => Guid.NewGuid().ToString("N")[..12];

    private async Task<Session> PrepareAsync(RunRequest request, bool pin, CancellationToken cancel)
    {
        var candidates = SessionPlanner.Candidates(request);
        var swept = false;
        var offered = false;
        var made = false;
        for (var tries = 0; ; tries++)
        {
            try
            {
                using (await TakeTurnAsync(cancel))
                {
                    if (!swept)
                    {
                        swept = true;
                        await SweepAsync(cancel);
                    }
                    return await PrepareInTurnAsync(request, candidates, pin, checkImage: !offered, cancel);
                }
            }
            catch (ContainerClosingException closing)
            {
                // Outside the turn: an engine that stops slowly must not hold up the runs of other folders.
                try
                {
                    await WaitForTheEndAsync(closing.LockFile, cancel);
                }
                catch (IOException) when (!File.Exists(closing.LockFile))
                {
                    // Removed meanwhile, with its container.
                }
                tries--;
            }
            catch (ImageMissingException missing) when (!made)
            {
                // Outside the turn: building takes minutes, and runs of other folders need not wait for it.
                made = true;
                services.Say(
                    missing.Said is { } said ? $"{EngineName} has no image {missing.Image} ({said}); making it." : missing.Message
                );
                await services.MakeImage(missing.Image, cancel);
            }
            catch (ImageMissingException missing)
            {
                throw new UserError(
                    $"{EngineName} does not find the image {missing.Image}, which was made just now.",
                    missing.Said,
                    "Look whether the engine keeps its images where this call looks for them (its settings, HOME), or whether another program removes them.",
                    ExitCodes.BeforeCommand
                );
            }
            catch (ImageProblemException problem)
            {
                offered = true;
                await services.OfferImage(request.Image, problem.Message, cancel);
            }
            catch (NameTakenException) when (tries < TriesForAName)
            {
                services.Say("Another program took the container's name in the meantime; looking again.");
            }
        }
    }

    /// <summary>
    /// One engine call. It asks about the image too where a container may have to be made; not where one was made before, because that costs as
    /// much as all the rest of a warm run: a client that is asked about containers and images together looks for a name that is not there among
    /// everything else that can have a name. A container that was taken away behind our back costs a second call.
    /// </summary>
    private async Task<(IReadOnlyList<ContainerInfo> Found, ImageInfo? Image, SessionPlan Plan)> LookAsync(
        RunRequest request,
        IReadOnlyList<string> candidates,
        CancellationToken cancel
    )
    {
        var images = services.Engine as IImageEngine;
        if (images is null || candidates.Any(name => File.Exists(services.Paths.Container(EngineName, name).GatewayOrder)))
        {
            var there = await services.Engine.InspectAsync(candidates, cancel);
            var plan = SessionPlanner.Plan(request, candidates, there);
            if (images is null || !plan.Create)
            {
                return (there, null, plan);
            }
        }
        var (found, image) = await images.InspectWithImageAsync(candidates, request.Image, cancel);
        return (found, image, SessionPlanner.Plan(request, candidates, found));
    }

    private async Task<Session> PrepareInTurnAsync(
        RunRequest request,
        IReadOnlyList<string> candidates,
        bool pin,
        bool checkImage,
        CancellationToken cancel
    )
    {
        var (found, image, plan) = await LookAsync(request, candidates, cancel);
        if (checkImage && plan.Create && image is not null && services.ImageProblem(request.Image, image) is { } problem)
        {
            throw new ImageProblemException(problem);
        }
        if (!plan.Create && services.ContainerNotice(found.First(container => container.Name == plan.Name)) is { } notice)
        {
            services.Say(notice);
        }
        var files = services.Paths.Container(EngineName, plan.Name);
        files.Prepare();
        var lease = FileLock.TryTake(files.Lease, shared: true) ?? throw new ContainerClosingException(files.Lease);
        try
        {
            // What the engine said is true only if nobody was closing the container meanwhile: when it seems to run without a
            // gateway, it is asked once more, now that our lease keeps it as it is.
            if (!plan.Start && !await services.Gateways.AnswersAsync(EngineName, plan.Name))
            {
                plan = SessionPlanner.Plan(request, [plan.Name], await services.Engine.InspectAsync([plan.Name], cancel));
                if (!plan.Start)
                {
                    lease.Dispose();
                    plan = await StopForgottenAsync(plan, files, cancel);
                    lease = FileLock.TryTake(files.Lease, shared: true) ?? throw new ContainerClosingException(files.Lease);
                }
            }
            if (plan.Start)
            {
                // Somebody stopped it behind our back (a reboot, the engine itself): it need not go on for ever after this run.
                File.Delete(files.Pinned);
            }
            if (plan.Notice is { } modeNotice)
            {
                services.Say(modeNotice);
            }
            var (door, listen) = await DoorAsync(request, plan, cancel);
            if (pin)
            {
                PrivateFile.Write(files.Pinned, "");
            }
            var order = Order(request, plan.Name, listen);
            // The gateway first: from here on somebody is there who stops the container, whatever happens to us.
            var session = NewSession();
            var link = await services.Gateways.OpenAsync(order, session, cancel);
            try
            {
                // Only now: a box that is in use for something else refuses us before its configuration is changed.
                services.PrepareFiles(request, files);
                // The engine's client goes on when we are killed. Until it is done nobody may think that we are through, or the
                // container would come to life after the gateway stopped it.
                using (lease.ShareWithChildren())
                {
                    if (plan.Start)
                    {
                        await ExtraMounts.CheckAsync(request, services.Gateways, EngineName, plan.Name);
                    }
                    if (plan.Create)
                    {
                        await services.Engine.CreateAsync(ContainerSpecs.For(request, plan.Name, files, door), cancel);
                    }
                    if (plan.Start)
                    {
                        await services.Engine.StartAsync(plan.Name, cancel);
                    }
                }
            }
            catch
            {
                await link.DisposeAsync();
                throw;
            }
            return NewSession(request, order, session, lease, link, plan.Create);
        }
        catch
        {
            if (pin)
            {
                File.Delete(files.Pinned);
            }
            lease.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The container runs, but has no gateway. When no other run is on either, both were killed: what still runs inside belongs
    /// to nobody, and its door may be a folder that is not there any more. It begins anew.
    /// </summary>
    private async Task<SessionPlan> StopForgottenAsync(SessionPlan plan, ContainerPaths files, CancellationToken cancel)
    {
        using var alone = FileLock.TryTake(files.Lease);
        if (alone is null)
        {
            return plan;
        }
        await services.Engine.StopAsync(plan.Name, cancel);
        return plan with { Start = true };
    }

    private async Task WaitForTheEndAsync(string lockFile, CancellationToken cancel)
    {
        var clock = services.Clock;
        using var early = await FileLock.TakeAsync(lockFile, shared: true, TimeSpan.FromSeconds(5), clock, cancel);
        if (early is not null)
        {
            return;
        }
        services.Say("waiting for the container's last run to end…");
        using var late =
            await FileLock.TakeAsync(lockFile, shared: true, GatewayLauncher.EndLimit, clock, cancel)
            ?? throw new UserError(
                "The container is being stopped, and that does not end.",
                $"The gateway that does it holds {lockFile}.",
                "Check the engine by itself, end the gateway (codexctl gateway …), then run the command again."
            );
    }

    private GatewayOrder Order(RunRequest request, string container, IPAddress? listen) =>
        new(
            EngineName,
            container,
            request.ModelUrl.AbsoluteUri.TrimEnd('/'),
            request.Allow,
            request.Temporary,
            request.Scripted,
            listen?.ToString(),
            request.Record,
            request.Workdir.Path,
            request.Choice.ApiKeyVariable,
            request.Choice.Kind?.Word(),
            request.Login?.Word(),
            [
                .. request.Mounts.Where(mount => !mount.ReadOnly).Select(mount => mount.Source),
                .. request.ReadOnly ? Array.Empty<string>() : [request.Workdir.Path],
            ]
        );

    private async Task<FileLock> TakeTurnAsync(CancellationToken cancel)
    {
        Paths.MakeOwn(services.Paths.EngineState(EngineName));
        return await services.Gateways.TakeTurnAsync(EngineName, services.Say, cancel);
    }
}

/// <summary>A new container would be made from an image that is not what it should be.</summary>
internal sealed class ImageProblemException(string problem) : Exception(problem);
