using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Codexctl.Engines.Docker;

/// <summary>The door over TCP.</summary>
public sealed partial class DockerEngine
{
    public EngineDoor Door => door;

    public async Task<TcpDoor> TcpDoorAsync(CancellationToken cancel = default)
    {
        if (!door.HasTcp)
        {
            throw Impossible("No address of this machine that only its boxes could use is known for it.");
        }
        if (dialect.LoopbackFromInside is { } name)
        {
            return new TcpDoor(IPAddress.Loopback, name);
        }
        // The address of the bridge that boxes are attached to. Nobody but this machine and its containers can connect to it.
        var asked = await CheckedAsync(["network", "inspect", "bridge"], _lookUp, cancel);
        var gateway =
            DockerJson.Gateway(asked.Output)
            // A docker that made its bridge itself does not tell the address before it was started a second time.
            ?? (DockerJson.Bridge(asked.Output) is { } bridge ? AddressOf(bridge) : null)
            ?? throw Impossible("Its network `bridge` has no gateway address, or there is no such network.");
        if (
            !NetworkInterface
                .GetAllNetworkInterfaces()
                .Any(one => one.GetIPProperties().UnicastAddresses.Any(own => own.Address.Equals(gateway)))
        )
        {
            // An engine on another machine has not got the person's folder either.
            throw Impossible($"The gateway of its network, {gateway}, is no address of this machine: it seems to run on another one.");
        }
        return new TcpDoor(gateway, gateway.ToString());
    }

    private static IPAddress? AddressOf(string device) =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .Where(one => one.Name == device)
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Select(own => own.Address)
            .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork);

    private UserError Impossible(string why) =>
        new(
            $"Boxes of {dialect.Title} cannot reach codexctl's door.",
            door.SocketCannotCross is { } cannot ? $"{cannot}, so a socket cannot be used. {why}" : why,
            "Use an engine of this machine (check DOCKER_HOST, DOCKER_CONTEXT, CONTAINER_HOST), or another one with --engine.",
            ExitCodes.BeforeCommand
        );
}
