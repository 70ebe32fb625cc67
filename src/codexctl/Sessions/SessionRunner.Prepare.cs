using System.Net;
using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Gateway.Login;
using Codexctl.Models;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>Makes a container ready: looks, creates, starts, under one turn.</summary>
public sealed partial class SessionRunner
{
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
            return (there, images is null || !plan.Create ? null : await images.InspectImageAsync(request.Image, cancel), plan);
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
                        await services.Engine.CreateAsync(
                            ContainerSpecs.For(request, plan.Name, files, door) with
                            {
                                FoundImage = image,
                            },
                            cancel
                        );
                    }
                    if (plan.Start)
                    {
                        await services.Engine.StartAsync(plan.Name, cancel);
                    }
                }
            }
            catch (Exception error)
            {
                if (error is NameTakenException)
                {
                    await link.LeaveAsync(lease);
                }
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
