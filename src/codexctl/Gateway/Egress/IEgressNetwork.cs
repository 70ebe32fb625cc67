using System.Net;
using System.Net.Sockets;

namespace Codexctl.Gateway.Egress;

/// <summary>The network as the egress proxy uses it; a seam, so that tests need none.</summary>
public interface IEgressNetwork
{
    /// <summary>All addresses of a name; throws SocketException when there are none.</summary>
    Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancel);

    /// <summary>Whether a (public) address is one of this machine's own.</summary>
    bool IsThisMachine(IPAddress address);

    /// <summary>A connected stream socket; throws SocketException.</summary>
    Task<Socket> ConnectAsync(IPEndPoint endPoint, CancellationToken cancel);
}

/// <summary>The real one.</summary>
public sealed class SystemNetwork : IEgressNetwork
{
    public Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancel) => Dns.GetHostAddressesAsync(host, cancel);

    /// <summary>
    /// Asks the kernel's routing table: a datagram socket "connected" to one's own address has that address as its source.
    /// Nothing is sent. A rented server has its public address on its own interface; what listens there is no business of a box.
    /// </summary>
    public bool IsThisMachine(IPAddress address)
    {
        try
        {
            using var probe = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            probe.Connect(new IPEndPoint(address, 9));
            return probe.LocalEndPoint is IPEndPoint local && local.Address.Equals(address);
        }
        catch (SocketException)
        {
            // No route: the connection will fail for the same reason, with words.
            return false;
        }
    }

    public async Task<Socket> ConnectAsync(IPEndPoint endPoint, CancellationToken cancel)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(endPoint, cancel);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
