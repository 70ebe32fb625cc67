using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace Codexctl.Gateway;

/// <summary>
/// Stands before a door over TCP: a connection must begin with the very bytes that the relay in the box sends (socat's request to a
/// proxy, with the container's token), or it is broken off without a word. Nothing of it is parsed before.
/// </summary>
internal sealed class DoorGuard(string token, TimeProvider clock)
{
    /// <summary>Connections that have not shown the token yet, at a time. Relays take a millisecond for it.</summary>
    internal const int MostStrangers = 64;

    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly byte[] _welcome = Opening(token);
    private int _strangers;

    /// <summary>256 random bits, in the form of a user and a password.</summary>
    public static string NewToken() => $"codexctl:{RandomNumberGenerator.GetHexString(64, lowercase: true)}";

    /// <summary>What a connection with this token begins with.</summary>
    internal static byte[] Opening(string token) =>
        Encoding.ASCII.GetBytes(
            $"CONNECT codexctl:1 HTTP/1.0\r\nProxy-authorization: Basic {Convert.ToBase64String(Encoding.ASCII.GetBytes(token))}\r\n\r\n"
        );

    public async Task AdmitAsync(ConnectionContext connection, ConnectionDelegate next, CancellationToken stopping)
    {
        if (!await IsKnownAsync(connection, stopping))
        {
            connection.Abort();
            return;
        }
        await connection.Transport.Output.WriteAsync("HTTP/1.0 200 OK\r\n\r\n"u8.ToArray(), stopping);
        await next(connection);
    }

    private async Task<bool> IsKnownAsync(ConnectionContext connection, CancellationToken stopping)
    {
        if (Interlocked.Increment(ref _strangers) > MostStrangers)
        {
            Interlocked.Decrement(ref _strangers);
            return false;
        }
        try
        {
            using var limit = new CancellationTokenSource(Patience, clock);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stopping);
            var read = await connection.Transport.Input.ReadAtLeastAsync(_welcome.Length, end.Token);
            var enough = read.Buffer.Length >= _welcome.Length;
            var begin = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, _welcome.Length));
            // The whole of it at once, in a time that does not depend on where it differs.
            var known = CryptographicOperations.FixedTimeEquals(begin.ToArray(), _welcome) && enough;
            connection.Transport.Input.AdvanceTo(known ? begin.End : read.Buffer.End);
            return known;
        }
        catch (Exception error) when (error is OperationCanceledException or IOException or ConnectionResetException)
        {
            return false;
        }
        finally
        {
            Interlocked.Decrement(ref _strangers);
        }
    }
}

/// <summary>Where a door over TCP listens: the port is known before the address is there.</summary>
internal sealed record DoorListener(IPAddress Address, int Port, DoorGuard Guard)
{
    /// <summary>
    /// The port of the gateway before, when it is still free: a running box lets no other through. Else any. An address that comes
    /// only with its first container (Apple's network) has no ports yet: then one that nobody uses on any address.
    /// </summary>
    public static DoorListener For(IPAddress address, string portFile, DoorGuard guard)
    {
        var last =
            File.Exists(portFile)
            && ushort.TryParse(File.ReadAllText(portFile), NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var port)
                ? port
                : 0;
        var free = (last != 0 ? Free(address, last) : null) ?? Free(address, 0);
        return new DoorListener(address, free ?? throw new IOException($"{address} has no port to listen on."), guard);
    }

    /// <summary>The port, or with 0 some port, when it can be listened on; null when it cannot.</summary>
    private static int? Free(IPAddress address, int port)
    {
        using var probe = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            probe.Bind(new IPEndPoint(address, port));
            return ((IPEndPoint)probe.LocalEndPoint!).Port;
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressNotAvailable && !address.Equals(IPAddress.Any))
        {
            return Free(IPAddress.Any, port);
        }
        catch (SocketException)
        {
            return null;
        }
    }
}
