using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;

namespace Codexctl.Gateway.Proxy;

/// <summary>
/// Listens on an address for as long as it exists. Addresses of container networks (192.168.64.1) come with the first container and go with the
/// last: it waits for them, and a socket of an address that has gone is closed and opened anew when it comes back.
/// </summary>
internal sealed class StandingListener(IPEndPoint endPoint, TimeProvider time, Action<string> say, Action<Socket> accepted)
{
    /// <summary>How soon an address is noticed. Two system calls, so it may be often.</summary>
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(1);

    // Names that engines give to their networks on this side: Docker, Podman, CNI, libvirt and LXC, Apple's vmnet (bridge100 and up).
    private static readonly string[] _containerNetworks =
    [
        "docker",
        "br-",
        "podman",
        "cni",
        "virbr",
        "lxc",
        "lxd",
        "incus",
        "vmnet",
        "vmenet",
        "bridge",
    ];

    // What Apple's container uses unless it is told otherwise.
    private static readonly IPNetwork _apple = IPNetwork.Parse("192.168.64.0/24");

    private Socket? _listener;

    /// <summary>Where it listens at this moment; null while the address is not there. With port 0 the port that it got.</summary>
    public IPEndPoint? Bound { get; private set; }

    /// <summary>Who connects must show a token: no warning where others can.</summary>
    public bool AsksForToken { get; init; }

    /// <summary>The first try, so that a port in use is told at once.</summary>
    /// <exception cref="UserError">The address is there and cannot be used.</exception>
    public void Start()
    {
        try
        {
            _listener = Bind();
        }
        catch (SocketException error)
        {
            throw error.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => new UserError(
                    $"Port {endPoint.Port} of {endPoint.Address} is in use.",
                    "Another program listens there; it may be the model server itself.",
                    $"End that program, or listen elsewhere: --listen {endPoint.Address}:PORT"
                ),
                SocketError.AccessDenied => new UserError(
                    $"Port {endPoint.Port} of {endPoint.Address} may not be used.",
                    "Ports below 1024 are the administrator's.",
                    "Listen on a port from 1024 on."
                ),
                _ => new UserError($"{endPoint} cannot be listened on.", error.Message),
            };
        }
        if (_listener is null)
        {
            say($"waiting for the address {endPoint.Address} to appear");
        }
    }

    /// <summary>Until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        var problem = "";
        while (true)
        {
            if (_listener is { } listener)
            {
                Announce();
                problem = "";
                await AcceptWhileThereAsync(listener, cancel);
                say($"{endPoint.Address} has gone; waiting for it to come back");
            }
            await Task.Delay(_look, time, cancel);
            try
            {
                _listener = Bind();
            }
            catch (SocketException error)
            {
                // Somebody else may have taken the port meanwhile: told once, tried on.
                if (problem != error.Message)
                {
                    say($"{endPoint} cannot be listened on: {error.Message}");
                }
                problem = error.Message;
            }
        }
    }

    public void Close()
    {
        _listener?.Dispose();
        Bound = null;
    }

    /// <summary>Whether others than this computer and its containers can connect, as far as the names of the interfaces tell.</summary>
    internal static bool IsOpenToOthers(IPAddress address)
    {
        if (IPAddress.IsLoopback(address) || _apple.Contains(address))
        {
            return false;
        }
        if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
        {
            return true;
        }
        var owner = NetworkInterface
            .GetAllNetworkInterfaces()
            .FirstOrDefault(one => one.GetIPProperties().UnicastAddresses.Any(own => own.Address.Equals(address)));
        return owner is null || !_containerNetworks.Any(name => owner.Name.StartsWith(name, StringComparison.Ordinal));
    }

    /// <summary>Null where the address does not exist.</summary>
    private Socket? Bind()
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endPoint);
            socket.Listen(512);
            Bound = (IPEndPoint)socket.LocalEndPoint!;
            return socket;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            socket.Dispose();
            return null;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private void Announce()
    {
        say($"listening on http://{Bound}");
        if (!AsksForToken && IsOpenToOthers(endPoint.Address))
        {
            say(
                $"warning: {Bound} can be reached from other computers. Whoever connects uses the model server, without a password. "
                    + "Listen on 127.0.0.1 or on the address of a container network."
            );
        }
    }

    private async Task AcceptWhileThereAsync(Socket listener, CancellationToken cancel)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var accepting = AcceptAsync(listener, end.Token);
        try
        {
            if (NeverGoes(endPoint.Address))
            {
                await accepting;
            }
            while (Exists(endPoint.Address))
            {
                await Task.Delay(_look, time, end.Token);
            }
        }
        finally
        {
            await end.CancelAsync();
            Close();
            _listener = null;
            await accepting;
        }
        cancel.ThrowIfCancellationRequested();
    }

    private async Task AcceptAsync(Socket listener, CancellationToken cancel)
    {
        while (!cancel.IsCancellationRequested)
        {
            try
            {
                accepted(await listener.AcceptAsync(cancel));
            }
            catch (Exception error) when (error is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException)
            {
                // A peer that left before it was taken, or no descriptors for a moment.
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, CancellationToken.None);
            }
        }
    }

    private static bool NeverGoes(IPAddress address) =>
        IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static bool Exists(IPAddress address)
    {
        try
        {
            using var probe = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
            probe.Bind(new IPEndPoint(address, 0));
            return true;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode != SocketError.AddressNotAvailable;
        }
    }
}
