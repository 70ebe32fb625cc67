using System.Net;

namespace Codexctl.Engines;

/// <summary>How the boxes of an engine reach the gateway: by a Unix socket in a mounted folder or, where that cannot work, by TCP.</summary>
/// <param name="SocketCannotCross">Why a socket of this machine cannot be used inside its boxes; null where it can, or where only a try tells.</param>
/// <param name="HasTcp">The door over TCP can take the socket's place.</param>
public sealed record EngineDoor(string? SocketCannotCross = null, bool HasTcp = false)
{
    public static readonly EngineDoor SocketOnly = new();

    /// <summary>Boxes of this engine get the door over TCP from the start.</summary>
    public bool IsTcp => SocketCannotCross is not null;

    /// <summary>What holds with the socket and does not hold with the door over TCP, in sentences for a person.</summary>
    public static IReadOnlyList<string> LostWithTcp { get; } =
    [
        "The box has a network interface (`--network none` is lost): a packet filter inside it, and no longer the lack of one, keeps all but the door's port out of reach.",
        "The gateway listens on a TCP port: programs of other users of this machine and other containers can connect to it, though they get nothing without the box's token.",
        "Who can listen in on the engine's network (its other containers, if they are privileged enough) can read what passes, the token too.",
    ];
}

/// <summary>The door over TCP of one engine.</summary>
/// <param name="Listen">
/// The address of this machine that the gateway listens on: loopback, where boxes can reach that. It need not be there before the
/// first box runs.
/// </param>
/// <param name="Host">The address or name under which boxes reach it.</param>
public sealed record TcpDoor(IPAddress Listen, string Host);

/// <summary>The door as a container's label tells it: `socket`, or `tcp:ADDRESS` with what the gateway listens on.</summary>
public static class DoorLabel
{
    private const string TcpPrefix = "tcp:";

    public static string Write(TcpDoor? door) => door is null ? "socket" : TcpPrefix + door.Listen;

    /// <summary>The address to listen on for this container; null for a door that is a socket.</summary>
    public static IPAddress? Listen(ContainerInfo container) =>
        container.Label(ContainerLabels.Door) is { } label
        && label.StartsWith(TcpPrefix, StringComparison.Ordinal)
        && IPAddress.TryParse(label.AsSpan(TcpPrefix.Length), out var address)
            ? address
            : null;
}
