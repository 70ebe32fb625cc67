using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Codexctl.Engines;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Gateway;

/// <summary>
/// The life of one gateway: it opens the door, serves its front ends, and when the last lease is given back (by them or, when
/// they were killed, by the kernel) stops the container and ends. Everything it must know is in its order.
/// </summary>
/// <remarks>
/// Closing happens under the exclusive lease, so a run that arrives meanwhile waits for the end and finds a clean state.
/// </remarks>
internal sealed class GatewayProcess(
    GatewayOrder order,
    ContainerPaths files,
    IContainerEngine engine,
    GatewayParts parts,
    TimeProvider clock,
    Action<string> log
)
{
    private static readonly TimeSpan _stopLimit = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<ControlConnection, bool> _connections = new();
    private readonly TaskCompletionSource _stopAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _closing;

    /// <param name="ready">Called once front ends can connect.</param>
    public async Task RunAsync(Action ready)
    {
        using var alone = await FileLock.TakeAsync(files.GatewayLock);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => context.Cancel = true);

        // Left behind by a gateway that was killed; the lock says that none is alive.
        File.Delete(files.DoorSocket);
        File.Delete(files.ControlSocket);
        await parts.Door.StartAsync(files.DoorSocket);
        using var listener = Listen(files.ControlSocket);
        _ = AcceptAsync(listener);
        ready();

        using var lease = await WaitForTheLastAsync();
        _closing = true;
        foreach (var connection in _connections.Keys)
        {
            await connection.SendAsync(new ControlReply(Ok: true, Stopping: true));
        }
        await StopContainerAsync();
        await parts.Door.StopAsync();
        File.Delete(files.DoorSocket);
        File.Delete(files.ControlSocket);
    }

    /// <summary>The exclusive lease, or null when somebody asked to stop although runs are still on.</summary>
    private async Task<FileLock?> WaitForTheLastAsync()
    {
        while (true)
        {
            var last = FileLock.TakeAsync(files.Lease);
            if (await Task.WhenAny(last, _stopAsked.Task) == _stopAsked.Task)
            {
                File.Delete(files.Pinned);
                return null;
            }
            var lease = await last;
            if (!File.Exists(files.Pinned))
            {
                return lease;
            }
            // The person started the container by hand: it stays until `codexctl stop`, which asks for it.
            lease.Dispose();
            await _stopAsked.Task;
        }
    }

    private async Task StopContainerAsync()
    {
        using var limit = new CancellationTokenSource(_stopLimit);
        try
        {
            await engine.StopAsync(order.Container, limit.Token);
            if (order.Temporary)
            {
                await engine.RemoveAsync(order.Container, force: true, limit.Token);
            }
        }
        catch (Exception error) when (error is UserError or ProcessError or OperationCanceledException)
        {
            // Nobody is there to be told; the log keeps it, and the next run finds the container and goes on with it.
            log($"{clock.GetUtcNow():O} stopping {order.Container} failed: {error.Message}");
        }
    }

    private static Socket Listen(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(128);
        return listener;
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptAsync();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return;
            }
            _ = ServeAsync(new ControlConnection(socket));
        }
    }

    private async Task ServeAsync(ControlConnection connection)
    {
        using (connection)
        {
            try
            {
                await foreach (var request in connection.ReadAsync())
                {
                    await connection.SendAsync(await AnswerAsync(connection, request));
                }
            }
            finally
            {
                _connections.TryRemove(connection, out _);
            }
            if (connection.Session is { } session && !connection.Finished)
            {
                // Its front end was killed: nobody reads the receipt now, but it is there to be read.
                Keep(connection, connection.AtJoin!, incomplete: null);
                await EndSessionAsync(session);
            }
        }
    }

    private async Task<ControlReply> AnswerAsync(ControlConnection connection, ControlRequest request)
    {
        switch (request.Do)
        {
            case "join" when request.ModelUrl != order.ModelUrl:
                return new ControlReply(
                    Ok: false,
                    $"The container {order.Container} is in use with another model server ({order.ModelUrl}, not {request.ModelUrl})."
                );
            case "join":
                connection.Session = request.Session;
                connection.AtJoin = parts.Tally.Snapshot();
                connection.Joined = clock.GetUtcNow();
                parts.Door.Allow(request.Allow ?? []);
                _connections[connection] = true;
                foreach (var waiting in _connections.Keys.Where(other => other.Finished))
                {
                    await waiting.SendAsync(new ControlReply(Ok: true, Kept: true));
                }
                return new ControlReply(Ok: true);
            case "finish" when connection.AtJoin is { } before:
                connection.Finished = true;
                if (request.Kill)
                {
                    await EndSessionAsync(connection.Session!);
                }
                var others = _connections.Keys.Any(other => other != connection && !other.Finished);
                return new ControlReply(
                    Ok: true,
                    Last: !others && !File.Exists(files.Pinned),
                    Receipt: Keep(connection, before, request.Incomplete)
                );
            case "stop":
                _stopAsked.TrySetResult();
                return new ControlReply(Ok: true);
            default:
                return new ControlReply(Ok: false, $"The gateway does not know '{request.Do}'.");
        }
    }

    private Receipt Keep(ControlConnection connection, TallySnapshot before, string? incomplete)
    {
        var recording = parts.RecordingFailure is { } failure ? $"the recording stopped ({failure})" : null;
        var receipt = Receipt.From(parts.Tally.Snapshot().Since(before), connection.Joined, clock.GetUtcNow(), incomplete ?? recording);
        try
        {
            parts.Receipts.Add(receipt);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The person still sees the line; the log says why it is not kept.
            log($"{clock.GetUtcNow():O} a receipt could not be kept: {error.Message}");
        }
        return receipt;
    }

    /// <summary>Others still use the container: what the killed front end left running in it must go by itself.</summary>
    private async Task EndSessionAsync(string session)
    {
        if (_closing)
        {
            return;
        }
        using var limit = new CancellationTokenSource(_stopLimit);
        try
        {
            await engine.KillSessionAsync(order.Container, session, limit.Token);
        }
        catch (Exception error) when (error is UserError or ProcessError or OperationCanceledException)
        {
            log($"{clock.GetUtcNow():O} ending session {session} failed: {error.Message}");
        }
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        _stopAsked.TrySetResult();
    }
}
