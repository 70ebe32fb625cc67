using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.Proxy;
using Codexctl.Gateway.Recording;

namespace Codexctl.Tests.Gateway.Proxy;

/// <summary>The relay between a raw client and a raw server, so that every byte of both sides can be seen.</summary>
internal sealed class RelayHost : IAsyncDisposable, IExchangeSink
{
    private readonly CancellationTokenSource _end = new();
    private readonly TcpListener _front = new(IPAddress.Loopback, 0);
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private readonly ConcurrentQueue<Exchange> _seen = new();

    // Kept: the collector would reset a connection whose socket nobody knows any more, before its last bytes were read.
    private readonly ConcurrentBag<Socket> _accepted = [];

    private RelayHost()
    {
        _front.Start();
        _server.Start();
    }

    public IReadOnlyList<ModelCall> Calls => [.. _seen.OfType<ModelCall>()];

    /// <summary>How many connections the server got.</summary>
    public int Connections { get; private set; }

    /// <param name="serve">One connection of the server's.</param>
    /// <param name="sink">Gets what happened; null for <see cref="Calls"/>.</param>
    public static RelayHost Start(Func<Socket, Task> serve, IExchangeSink? sink = null, TimeProvider? time = null)
    {
        var host = new RelayHost();
        var port = ((IPEndPoint)host._server.LocalEndpoint).Port;
        var relay = new HttpRelay(new Uri($"http://127.0.0.1:{port}"), new HostRule([]), sink ?? host, time ?? TimeProvider.System);
        _ = host.AcceptAsync(host._server, serve, count: true);
        _ = host.AcceptAsync(host._front, socket => relay.ServeAsync(socket, host._end.Token), count: false);
        return host;
    }

    public void StopServer() => _server.Stop();

    public async Task<Socket> ConnectAsync()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(_front.LocalEndpoint);
        return socket;
    }

    /// <summary>Sends, and reads until the other side ends.</summary>
    public async Task<string> AskAsync(string request)
    {
        using var socket = await ConnectAsync();
        await socket.SendAsync(Encoding.Latin1.GetBytes(request));
        return await ReadToEndAsync(socket);
    }

    public static async Task<string> ReadToEndAsync(Socket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; (read = await socket.ReceiveAsync(buffer, limit.Token)) > 0; )
            {
                all.Write(buffer, 0, read);
            }
        }
        catch (SocketException)
        {
            all.Write("(reset)"u8);
        }
        return Encoding.Latin1.GetString(all.ToArray());
    }

    /// <summary>Reads until the text has come, and returns all until then.</summary>
    public static async Task<string> ReadUntilAsync(Socket socket, string end)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var text = "";
        var buffer = new byte[64 * 1024];
        while (!text.Contains(end, StringComparison.Ordinal))
        {
            var read = await socket.ReceiveAsync(buffer, limit.Token);
            if (read == 0)
            {
                return text + "(end)";
            }
            text += Encoding.Latin1.GetString(buffer, 0, read);
        }
        return text;
    }

    public static Task<int> SayAsync(Socket socket, string text) => socket.SendAsync(Encoding.Latin1.GetBytes(text));

    public async Task<ModelCall> OneCallAsync()
    {
        for (var i = 0; i < 1000 && Calls.Count == 0; i++)
        {
            await Task.Delay(10);
        }
        return Calls.ShouldHaveSingleItem();
    }

    public void Add(Exchange exchange) => _seen.Enqueue(exchange);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _front.Dispose();
        _server.Dispose();
        foreach (var socket in _accepted)
        {
            socket.Dispose();
        }
        _end.Dispose();
    }

    private async Task AcceptAsync(TcpListener listener, Func<Socket, Task> serve, bool count)
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptSocketAsync();
                _accepted.Add(socket);
                Connections += count ? 1 : 0;
                _ = serve(socket);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The test is over.
            return;
        }
    }
}
