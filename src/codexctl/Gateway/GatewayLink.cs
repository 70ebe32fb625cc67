using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Gateway;

/// <summary>
/// A front end's connection to its gateway. While it is open the gateway knows that the run lives; when the gateway dies
/// first, it is launched again and joined again, and the receipt will say so.
/// </summary>
public sealed class GatewayLink : IAsyncDisposable
{
    private readonly GatewayLauncher _launcher;
    private readonly GatewayOrder _order;
    private readonly string _session;
    private readonly DateTimeOffset _started;
    private readonly TaskCompletionSource<ControlReply> _receipt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LineSocket _socket;
    private Task _watch = Task.CompletedTask;
    private volatile bool _finishing;
    private volatile bool _died;

    private GatewayLink(GatewayLauncher launcher, GatewayOrder order, string session, LineSocket socket, DateTimeOffset started)
    {
        (_launcher, _order, _session, _socket, _started) = (launcher, order, session, socket, started);
    }

    /// <exception cref="UserError">The gateway runs with other settings that cannot be joined.</exception>
    internal static async Task<GatewayLink> JoinAsync(
        GatewayLauncher launcher,
        GatewayOrder order,
        string session,
        LineSocket socket,
        DateTimeOffset started
    )
    {
        await JoinAsync(socket, order, session);
        var link = new GatewayLink(launcher, order, session, socket, started);
        link._watch = link.WatchAsync();
        return link;
    }

    /// <summary>Ends the run: gets its receipt and, when nobody else uses the container, waits until it is stopped.</summary>
    /// <param name="lease">The run's lease; given back here, because the gateway waits for it.</param>
    /// <param name="kill">The front end ended by a signal: whatever is left of its command is to be ended too.</param>
    public async Task<Receipt> FinishAsync(FileLock lease, bool kill, CancellationToken cancel = default)
    {
        _finishing = true;
        Receipt? receipt = null;
        var last = false;
        if (
            await _socket.TrySendAsync(
                new ControlRequest("finish", Kill: kill, Incomplete: _died ? "the gateway died during the run" : null)
            )
        )
        {
            var answered = await Task.WhenAny(_receipt.Task, _closed.Task).WaitAsync(cancel);
            if (answered == _receipt.Task)
            {
                var reply = await _receipt.Task;
                (receipt, last) = (reply.Receipt, reply.Last);
            }
        }
        lease.Dispose();
        if (last)
        {
            await _closed.Task.WaitAsync(cancel);
        }
        return receipt ?? Receipt.From(TallySnapshot.Zero, _started, _launcher.Now, "the gateway died before it could tell");
    }

    public async ValueTask DisposeAsync()
    {
        _finishing = true;
        _socket.Dispose();
        await _watch;
    }

    private async Task WatchAsync()
    {
        while (true)
        {
            while (await _socket.ReadAsync() is { } reply)
            {
                if (reply.Receipt is not null)
                {
                    _receipt.TrySetResult(reply);
                }
                else if (reply.Stopping)
                {
                    _finishing = true;
                }
                else if (reply.Kept)
                {
                    _closed.TrySetResult();
                }
            }
            if (_finishing)
            {
                _closed.TrySetResult();
                return;
            }
            _died = true;
            try
            {
                var socket = await _launcher.EnsureAsync(_order, CancellationToken.None);
                await JoinAsync(socket, _order, _session);
                Interlocked.Exchange(ref _socket, socket).Dispose();
            }
            catch (Exception error) when (error is UserError or IOException)
            {
                // Without a gateway the box has no way out: closed, not open. The receipt says incomplete.
                _closed.TrySetResult();
                return;
            }
        }
    }

    private static async Task JoinAsync(LineSocket socket, GatewayOrder order, string session)
    {
        await socket.TrySendAsync(new ControlRequest("join", session, order.ModelUrl, order.Allow));
        var reply =
            await socket.ReadAsync() ?? throw new UserError("The gateway ended while it was joined.", null, "Run the command again.");
        if (!reply.Ok)
        {
            throw new UserError(reply.Error!, null, "End the other runs of this container first, or use another --name.");
        }
    }
}

/// <summary>The two ends of the control protocol write and read one JSON object a line.</summary>
internal sealed class LineSocket : IDisposable
{
    private readonly NetworkStream _stream;
    private readonly StreamReader _reader;

    private LineSocket(Socket socket)
    {
        _stream = new NetworkStream(socket, ownsSocket: true);
        _reader = new StreamReader(_stream, Encoding.UTF8);
    }

    /// <summary>Null when nobody listens there.</summary>
    public static async Task<LineSocket?> TryConnectAsync(string path, CancellationToken cancel = default)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancel);
            return new LineSocket(socket);
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }

    public async Task<bool> TrySendAsync(ControlRequest request)
    {
        try
        {
            var line = JsonSerializer.SerializeToUtf8Bytes(request, GatewayJson.Default.ControlRequest);
            await _stream.WriteAsync((byte[])[.. line, (byte)'\n']);
            return true;
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>The next answer; null when the gateway is gone.</summary>
    public async Task<ControlReply?> ReadAsync()
    {
        try
        {
            return await _reader.ReadLineAsync() is { } line ? JsonSerializer.Deserialize(line, GatewayJson.Default.ControlReply) : null;
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or JsonException)
        {
            return null;
        }
    }

    public void Dispose() => _reader.Dispose();
}
