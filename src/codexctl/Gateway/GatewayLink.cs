using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Codexctl.Auth;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Gateway;

/// <summary>How a run's connection to its gateway ended.</summary>
/// <param name="Settled">The container is stopped, or others use it. Else nobody but the caller is there to stop it.</param>
/// <param name="Problem">Why the gateway could not stop the container.</param>
/// <param name="Notice">Something that the person should know besides.</param>
public sealed record GatewayEnd(Receipt Receipt, bool Settled, string? Problem, string? Notice = null);

/// <summary>
/// A front end's connection to its gateway. While it is open the gateway knows that the run lives; when the gateway dies
/// first, it is launched again and joined again, and the receipt will say so.
/// </summary>
public sealed class GatewayLink : IAsyncDisposable
{
    private static readonly TimeSpan _joinLimit = TimeSpan.FromSeconds(30);

    /// <summary>Ending what is left of a command may take the engine a minute.</summary>
    private static readonly TimeSpan _receiptLimit = GatewayLauncher.EndLimit;

    /// <summary>For a gateway that dies as soon as it lives, and for a machine that has no room for one at the moment.</summary>
    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(2);

    private readonly GatewayLauncher _launcher;
    private readonly GatewayOrder _order;
    private readonly string _session;
    private readonly string? _key;
    private readonly DateTimeOffset _started;
    private readonly CancellationTokenSource _disposed = new();
    private readonly Lock _gate = new();
    private readonly Task _watch;

    /// <summary>Of the gateway that lives, or is being launched.</summary>
    private TaskCompletionSource<Life> _life = NewSource<Life>();
    private bool _leaseGiven;
    private volatile string? _trouble;

    private GatewayLink(
        GatewayLauncher launcher,
        GatewayOrder order,
        string session,
        string? key,
        LineSocket socket,
        DateTimeOffset started
    )
    {
        (_launcher, _order, _session, _key, _started) = (launcher, order, session, key, started);
        var first = new Life(socket);
        _life.SetResult(first);
        _watch = WatchAsync(first);
    }

    /// <summary>What the run's requests to the broker must carry; null where there is no broker.</summary>
    public string? Key => _key;

    /// <exception cref="UserError">The gateway runs with other settings that cannot be joined, or does not answer.</exception>
    /// <exception cref="ContainerClosingException">It is about to stop the container.</exception>
    internal static async Task<GatewayLink> JoinAsync(
        GatewayLauncher launcher,
        GatewayOrder order,
        string session,
        LineSocket socket,
        DateTimeOffset started,
        CancellationToken cancel
    )
    {
        var key = order.Login == LoginMode.Broker.Word() ? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) : null;
        try
        {
            await JoinAsync(launcher, socket, order, session, key, again: false, cancel);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
        return new GatewayLink(launcher, order, session, key, socket, started);
    }

    /// <summary>Ends the run: gets its receipt and, when nobody else uses the container, waits until it is stopped.</summary>
    /// <param name="lease">The run's lease; given back here, because the gateway waits for it.</param>
    /// <param name="kill">The front end ended by a signal: whatever is left of its command is to be ended too.</param>
    public Task<GatewayEnd> FinishAsync(FileLock lease, bool kill, CancellationToken cancel = default) =>
        FinishAsync(new ControlRequest("finish", Kill: kill), lease, cancel);

    /// <summary>Ends the run before it began: another program made a container of that name, which is not the gateway's to stop.</summary>
    public Task LeaveAsync(FileLock lease) => FinishAsync(new ControlRequest("finish", Taken: true), lease, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync();
        TaskCompletionSource<Life> life;
        lock (_gate)
        {
            life = _life;
        }
        if (life.Task.IsCompletedSuccessfully)
        {
            (await life.Task).Socket.Dispose();
        }
        await _watch;
        _disposed.Dispose();
    }

    private async Task<GatewayEnd> FinishAsync(ControlRequest finish, FileLock lease, CancellationToken cancel)
    {
        using var given = lease;
        // A gateway can die at any moment, also between our word and its answer: its successor is asked then.
        for (var tries = 0; tries < 3; tries++)
        {
            if (await CurrentAsync(cancel) is not { } life)
            {
                break;
            }
            if (!life.Stopping)
            {
                await life.Socket.TrySendAsync(finish);
            }
            var reply = await WithinAsync(life.Receipt.Task, _receiptLimit, cancel);
            if (reply?.Receipt is not { } receipt)
            {
                if (!life.Gone.IsCompleted || life.Stopping)
                {
                    break;
                }
                continue;
            }
            lock (_gate)
            {
                _leaseGiven = true;
            }
            lease.Dispose();
            if (!reply.Last && !life.Stopping)
            {
                return new GatewayEnd(receipt, Settled: true, null);
            }
            var end = await WithinAsync(life.End.Task, GatewayLauncher.EndLimit, cancel);
            return new GatewayEnd(receipt, end is { Kept: true } or { Ended: true, Ok: true }, end?.Error, end?.Notice);
        }
        lock (_gate)
        {
            _leaseGiven = true;
        }
        lease.Dispose();
        var incomplete = Receipt.From(
            TallySnapshot.Zero,
            _started,
            _launcher.Clock.GetUtcNow(),
            _trouble is { } trouble
                ? $"the gateway died and could not be started again ({trouble})"
                : "the gateway died before it could tell"
        ) with
        {
            Door = _order.DoorKind,
        };
        try
        {
            _launcher.Keep(_order, incomplete);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            incomplete = incomplete with { Reason = $"{incomplete.Reason}, and this could not be kept ({error.Message})" };
        }
        return new GatewayEnd(incomplete, Settled: false, null);
    }

    /// <summary>The gateway that lives; waits for one that is being launched, but not for long. Null when there is none.</summary>
    private async Task<Life?> CurrentAsync(CancellationToken cancel)
    {
        TaskCompletionSource<Life> life;
        lock (_gate)
        {
            life = _life;
        }
        return await WithinAsync(life.Task, TimeSpan.FromSeconds(10), cancel);
    }

    private async Task<T?> WithinAsync<T>(Task<T> task, TimeSpan limit, CancellationToken cancel)
        where T : class?
    {
        try
        {
            return await task.WaitAsync(limit, _launcher.Clock, cancel);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private async Task WatchAsync(Life life)
    {
        var quick = 0;
        while (true)
        {
            var born = _launcher.Clock.GetTimestamp();
            await life.ReadAsync();
            bool again;
            lock (_gate)
            {
                again = !life.Stopping && !_leaseGiven && !_disposed.IsCancellationRequested;
                if (again)
                {
                    _life = NewSource<Life>();
                }
            }
            // Only now: who waited for this one must find its successor.
            life.Over();
            if (!again)
            {
                return;
            }
            // The first time at once: Codex asks again only for some seconds.
            quick = _launcher.Clock.GetElapsedTime(born) < _pause ? quick + 1 : 0;
            if (quick > 2 && !await PauseAsync())
            {
                return;
            }
            Life? next;
            while ((next = await TryAgainAsync()) is null)
            {
                // Without a gateway the box has no way out: closed, not open.
                if (!await PauseAsync())
                {
                    return;
                }
            }
            life = next;
            lock (_gate)
            {
                _life.SetResult(life);
            }
            if (_disposed.IsCancellationRequested)
            {
                life.Over();
                return;
            }
        }
    }

    private async Task<Life?> TryAgainAsync()
    {
        LineSocket? socket = null;
        try
        {
            socket = await _launcher.EnsureAsync(_order, _disposed.Token);
            await JoinAsync(_launcher, socket, _order, _session, _key, again: true, _disposed.Token);
            return new Life(socket);
        }
        catch (Exception error)
        {
            _trouble = error.Message;
            // Full disk, no processes left, the container is being stopped: the next try tells, or the end of the run, which
            // finds no gateway and says so on the receipt.
            socket?.Dispose();
            return null;
        }
    }

    private async Task<bool> PauseAsync()
    {
        try
        {
            await Task.Delay(_pause, _launcher.Clock, _disposed.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private static async Task JoinAsync(
        GatewayLauncher launcher,
        LineSocket socket,
        GatewayOrder order,
        string session,
        string? key,
        bool again,
        CancellationToken cancel
    )
    {
        await socket.TrySendAsync(
            new ControlRequest(
                "join",
                session,
                order.ModelUrl,
                order.Allow,
                Again: again,
                Record: order.Record,
                Login: order.Login,
                Key: key
            )
        );
        ControlReply? reply;
        try
        {
            reply = await socket.ReadAsync().WaitAsync(_joinLimit, launcher.Clock, cancel);
        }
        catch (TimeoutException)
        {
            throw launcher.Silent(order);
        }
        switch (reply)
        {
            case { Ok: true, Stopping: false }:
                return;
            case null or { Stopping: true }:
                throw new ContainerClosingException(launcher.GatewayLock(order));
            default:
                throw new UserError(
                    reply.Error ?? "The gateway refused.",
                    null,
                    "End the other runs of this container first (codexctl stop), or use another --name."
                );
        }
    }

    private static TaskCompletionSource<T> NewSource<T>() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>One gateway process, from our joining it to its end.</summary>
    private sealed class Life(LineSocket socket)
    {
        private volatile bool _stopping;
        private ControlReply? _ended;

        public LineSocket Socket => socket;

        /// <summary>The line with our receipt; null when it died first.</summary>
        public TaskCompletionSource<ControlReply?> Receipt { get; } = NewSource<ControlReply?>();

        /// <summary>That the container is stopped, cannot be, or is kept for somebody else; null when it died first.</summary>
        public TaskCompletionSource<ControlReply?> End { get; } = NewSource<ControlReply?>();

        public Task Gone => End.Task;

        /// <summary>It ends on purpose.</summary>
        public bool Stopping => _stopping;

        public async Task ReadAsync()
        {
            while (await socket.ReadAsync() is { } reply)
            {
                _stopping |= reply.Stopping;
                if (reply.Receipt is not null)
                {
                    Receipt.TrySetResult(reply);
                }
                if (reply.Kept)
                {
                    End.TrySetResult(reply);
                }
                // The end is told when the process has ended too: nothing of it is left for whoever waits.
                _ended = reply.Ended ? reply : _ended;
            }
        }

        /// <summary>After the last line: nobody needs to wait for another.</summary>
        public void Over()
        {
            End.TrySetResult(_ended);
            Receipt.TrySetResult(null);
            socket.Dispose();
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
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
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

    // Not the reader: a read may be under way, and ends by this.
    public void Dispose() => _stream.Dispose();
}
