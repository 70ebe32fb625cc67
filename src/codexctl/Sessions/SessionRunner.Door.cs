using System.Net;
using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>Which door a container gets, and what is done when it does not answer.</summary>
public sealed partial class SessionRunner
{
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
}
