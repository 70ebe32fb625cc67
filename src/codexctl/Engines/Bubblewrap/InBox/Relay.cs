using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>
/// A port on loopback whose connections go on through the door's socket: what socat is in images. Bytes pass as they come,
/// each direction ends by itself.
/// </summary>
internal static class Relay
{
    private const int BufferSize = 64 * 1024;

    /// <param name="tolerant">A port that is taken is left to its owner.</param>
    /// <returns>The port that is listened on (for port 0: a free one); null when it was taken.</returns>
    /// <exception cref="SocketException">The port is taken.</exception>
    public static int? Start(int port, string door, bool tolerant = false)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
            listener.Listen(512);
        }
        catch (SocketException) when (tolerant)
        {
            listener.Dispose();
            return null;
        }
        catch
        {
            listener.Dispose();
            throw;
        }
        _ = AcceptAsync(listener, new UnixDomainSocketEndPoint(door));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    private static async Task AcceptAsync(Socket listener, UnixDomainSocketEndPoint door)
    {
        while (true)
        {
            Socket inside;
            try
            {
                inside = await listener.AcceptAsync();
            }
            catch (SocketException)
            {
                // One connection went before it was taken, or descriptors ran out; later ones can still come.
                await Task.Delay(TimeSpan.FromMilliseconds(10));
                continue;
            }
            _ = ServeAsync(inside, door);
        }
    }

    private static async Task ServeAsync(Socket inside, UnixDomainSocketEndPoint door)
    {
        using var outside = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using (inside)
        {
            try
            {
                inside.NoDelay = true;
                await outside.ConnectAsync(door);
                await Task.WhenAll(SpliceAsync(inside, outside), SpliceAsync(outside, inside));
            }
            catch (SocketException)
            {
                // The gateway is away, or one side broke off: the other sees a reset, not an orderly end.
                inside.LingerState = new LingerOption(true, 0);
            }
        }
    }

    private static async Task SpliceAsync(Socket from, Socket to)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize);
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                for (var sent = 0; sent < count; )
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
            }
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The other direction would wait for ever for a side that is gone.
            Break(from);
            Break(to);
            throw new SocketException((int)SocketError.ConnectionReset);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static void Break(Socket socket)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Broken already.
        }
    }
}
