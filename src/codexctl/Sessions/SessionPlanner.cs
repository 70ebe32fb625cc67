using System.Net;
using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>What is missing before the command of a run can be attached. Steps already done are false.</summary>
/// <param name="Notice">Something the person should know, that does not stop the run.</param>
public sealed record SessionPlan(string Name, bool Create, bool Start, string? Notice = null)
{
    /// <summary>What the gateway of an existing container with a door over TCP listens on; null for a socket, and for a new container.</summary>
    public IPAddress? Listen { get; init; }
}

/// <summary>Decides what a run needs. Pure: request and what is there give the plan, or the error.</summary>
public static class SessionPlanner
{
    /// <summary>
    /// The names to ask the engine about, in one call: the folder's plain name and the one with its hash; only one when the
    /// person named it.
    /// </summary>
    public static IReadOnlyList<string> Candidates(RunRequest request)
    {
        if (request.Name is { } name)
        {
            return [name];
        }
        var plain = ContainerNames.ForFolder(request.NamePrefix, request.Workdir.Path);
        return request.Temporary
            ? [$"{plain}-{Guid.NewGuid().ToString("N")[..8]}"]
            : [plain, ContainerNames.WithHash(plain, request.Workdir.Path)];
    }

    public static SessionPlan Plan(RunRequest request, IReadOnlyList<string> candidates, IReadOnlyList<ContainerInfo> found)
    {
        var byName = found.ToDictionary(container => container.Name, StringComparer.Ordinal);
        // Before a free name: the folder's container keeps its second name when the one that had the first is gone.
        var own = candidates
            .Select(candidate => byName.GetValueOrDefault(candidate))
            .FirstOrDefault(container =>
                container is { IsOurs: true } && WorkdirLabel.Read(container) == request.Workdir.Path && IsServedByUs(request, container)
            );
        if (own is not null)
        {
            return Reuse(request, own);
        }
        foreach (var candidate in candidates)
        {
            if (!byName.TryGetValue(candidate, out var container))
            {
                return new SessionPlan(candidate, Create: true, Start: true);
            }
            if (request.Name is not null)
            {
                throw Foreign(request, container);
            }
        }
        // Both names are somebody else's; the second is a hash of this very folder, so somebody took it on purpose.
        throw Foreign(request, byName[candidates[^1]]);
    }

    private static SessionPlan Reuse(RunRequest request, ContainerInfo container)
    {
        if (request.Temporary)
        {
            throw new UserError(
                $"The container {container.Name} exists already, so it cannot be a temporary one.",
                "--temp removes its container at the end, and this one was made to stay.",
                $"Leave --name out, choose another name, or remove it first: codexctl rm --name {container.Name}",
                ExitCodes.BeforeCommand
            );
        }
        if (container.Label(ContainerLabels.Temporary) == "true")
        {
            throw new UserError(
                $"The container {container.Name} is temporary and belongs to a run that is still on.",
                null,
                "Wait for its end, or choose another --name.",
                ExitCodes.BeforeCommand
            );
        }
        if (container.WorkdirReadOnly is { } readOnly && readOnly != request.ReadOnly)
        {
            throw new UserError(
                $"The container {container.Name} has {Box.Workdir} mounted {Mode(readOnly)}, and {Mode(request.ReadOnly)} was asked.",
                "The mode is fixed when a container is made.",
                $"Remove it first (codexctl rm --name {container.Name}), or run a fresh one with --temp or --name."
                    + (readOnly ? "" : "\nTo go on with the existing one, leave --read-only out."),
                ExitCodes.BeforeCommand
            );
        }
        var network = container.Label(ContainerLabels.Network) == "full" ? BoxNetwork.Full : BoxNetwork.None;
        if (network != request.Network)
        {
            throw new UserError(
                $"The container {container.Name} was made with {Words(network)}, and {Words(request.Network)} was asked.",
                "The network is fixed when a container is made.",
                $"Remove it first (codexctl rm --name {container.Name}), or run a fresh one with --temp or --name.",
                ExitCodes.BeforeCommand
            );
        }
        var mounts = MountsLabel.Read(container);
        if (!mounts.ToHashSet().SetEquals(request.Mounts))
        {
            throw new UserError(
                $"The container {container.Name} was made with {MountsLabel.Words(mounts)}, and {MountsLabel.Words(request.Mounts)} was asked.",
                "What is mounted is fixed when a container is made.",
                $"Remove it first (codexctl rm --name {container.Name}), or run a fresh one with --temp or --name."
                    + (mounts.Count == 0 ? "\nTo go on with the existing one, leave --mount (and the setting mounts) out." : ""),
                ExitCodes.BeforeCommand
            );
        }
        var notice = container.WorkdirReadOnly is null
            ? $"The mount mode of {Box.Workdir} in {container.Name} cannot be read; going on with what is there."
            : null;
        return new SessionPlan(container.Name, Create: false, Start: container.State != ContainerState.Running, notice)
        {
            Listen = DoorLabel.Listen(container),
        };
    }

    private static bool IsServedByUs(RunRequest request, ContainerInfo container) =>
        container.Label(ContainerLabels.State) is not { } state || state == request.StateId;

    private static UserError Foreign(RunRequest request, ContainerInfo container) =>
        !IsServedByUs(request, container)
            ? new UserError(
                $"The container {container.Name} belongs to another person's codexctl, or to another state directory.",
                "Its door leads to a gateway that only that one can start.",
                "Choose another --name.",
                ExitCodes.BeforeCommand
            )
        : container.IsOurs
            ? new UserError(
                $"The container {container.Name} belongs to another folder: {WorkdirLabel.Read(container)}",
                "A container keeps the folder it was made for.",
                "Choose another --name, or run codexctl in that folder.",
                ExitCodes.BeforeCommand
            )
        : new UserError(
            $"A container named {container.Name} exists, and codexctl did not make it.",
            "codexctl never touches containers of other programs.",
            "Choose another --name.",
            ExitCodes.BeforeCommand
        );

    private static string Mode(bool readOnly) => readOnly ? "read-only" : "read-write";

    private static string Words(BoxNetwork network) => network == BoxNetwork.Full ? "--network full" : "no network but the door";
}
