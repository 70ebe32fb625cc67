using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;
using Codexctl.Engines;
using Codexctl.Gateway.Login;
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
    /// <summary>Front ends wait longer than this for the end (<see cref="GatewayLink"/>), so that they hear of a failure.</summary>
    internal static readonly TimeSpan StopLimit = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan _loginLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan _acceptPause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly HashSet<ControlConnection> _connections = [];
    private readonly TaskCompletionSource _stopAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly BoxLogin _login = new(engine, order.Container, files);
    private readonly Channel<bool> _somebodyLeft = Channel.CreateBounded<bool>(1);
    private bool _closing;
    private bool _tookOver;

    /// <summary>The name belongs to another program's container.</summary>
    private volatile bool _taken;

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
        FileLock? lease = null;
        string? problem = null;
        try
        {
            await OpenDoorAsync();
            using var listener = Listen(files.ControlSocket);
            _ = AcceptAsync(listener);
            ready();

            lease = await WaitForTheLastAsync();
            problem = await CloseAsync();
        }
        finally
        {
            // All of it while we are the only gateway: the files of the next one must not be taken away.
            await parts.Door.StopAsync();
            File.Delete(files.AllowChanges);
            File.Delete(files.DoorSocket);
            File.Delete(files.DoorToken);
            File.Delete(files.ControlSocket);
            if (order.Temporary && lease is not null && problem is null)
            {
                files.RemoveAllButRecords();
            }
            lease?.Dispose();
        }
    }

    private async Task OpenDoorAsync()
    {
        if (order.Listen is not { } listen)
        {
            File.Delete(files.DoorToken);
            await parts.Door.StartAsync(files.DoorSocket, forEverybody: engine.Capabilities.RelaysDoor);
            return;
        }
        var token = DoorGuard.NewToken();
        var door = DoorListener.For(IPAddress.Parse(listen), files.DoorPort, new DoorGuard(token, clock));
        var shared = engine.Capabilities.RelaysDoor;
        await parts.Door.StartAsync(files.DoorSocket, door, shared, words => log($"{clock.GetUtcNow():O} {words}"));
        if (shared)
        {
            // In its virtual machine these files may belong to somebody else than the relay that reads them. The container's folder
            // around this one keeps everybody else on this machine out, as with the socket.
            File.SetUnixFileMode(files.Door, (UnixFileMode)0b111_101_101);
        }
        // The token last: who sees it finds the right port beside it.
        var mode = (UnixFileMode)(shared ? 0b110_100_100 : 0b110_000_000);
        PrivateFile.Replace(files.DoorPort, Encoding.ASCII.GetBytes(door.Port.ToString(CultureInfo.InvariantCulture) + "\n"), mode);
        PrivateFile.Replace(files.DoorToken, Encoding.ASCII.GetBytes(token), mode);
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
            await TakeLoginOutAsync();
            // The person started the container by hand: it stays until `codexctl stop`, which asks for it, or until a run finds
            // that it was stopped behind our back, takes the mark away and leaves.
            lease.Dispose();
            if (await Task.WhenAny(_somebodyLeft.Reader.ReadAsync().AsTask(), _stopAsked.Task) == _stopAsked.Task)
            {
                File.Delete(files.Pinned);
                return null;
            }
        }
    }

    /// <summary>Stops the container and tells everybody. Returns why that failed; null when it did not.</summary>
    private async Task<string?> CloseAsync()
    {
        List<ControlConnection> connections;
        lock (_gate)
        {
            _closing = true;
            connections = [.. _connections];
        }
        foreach (var connection in connections)
        {
            await connection.SendAsync(new ControlReply(Ok: true, Stopping: true));
        }
        var notice = await TakeLoginOutAsync();
        var problem = await StopContainerAsync();
        lock (_gate)
        {
            connections = [.. _connections];
        }
        foreach (var connection in connections)
        {
            // What the engine said as it stopped the container may have gone through the door too: counted only now.
            var receipt = connection.Receipt ?? ReceiptFor(connection);
            var news = connection.Finished ? null : receipt;
            await connection.SendAsync(new ControlReply(Ok: problem is null, problem, Receipt: news, Ended: true, Notice: notice));
            // Also one that is being written down already: this process ends soon.
            await SettleAsync(connection, receipt);
        }
        return problem;
    }

    /// <summary>What a box has of the login comes out before it stops, whoever was killed. Returns what the person should know.</summary>
    private async Task<string?> TakeLoginOutAsync()
    {
        if (_taken || !File.Exists(files.LoginInside))
        {
            return null;
        }
        using var limit = new CancellationTokenSource(_loginLimit);
        try
        {
            return await (await parts.LoginsAsync()).TakeOutAsync(_login, limit.Token);
        }
        catch (Exception error)
        {
            // It is still in the box, and the mark says so: the next run of this container tries again.
            log($"{clock.GetUtcNow():O} taking the login out of {order.Container} failed: {error.Message}");
            return $"The login in {order.Container} could not be looked at ({error.Message.TrimEnd('.')}); the next run of it will.";
        }
    }

    private async Task<string?> StopContainerAsync()
    {
        if (_taken)
        {
            return null;
        }
        using var limit = new CancellationTokenSource(StopLimit);
        try
        {
            await engine.StopAsync(order.Container, limit.Token);
            if (order.Temporary)
            {
                await engine.RemoveAsync(order.Container, force: true, limit.Token);
            }
            return null;
        }
        catch (Exception error)
        {
            // Whatever it is: the log keeps it, a waiting front end hears it, the box ends by itself without us.
            log($"{clock.GetUtcNow():O} stopping {order.Container} failed: {error.Message}");
            return error switch
            {
                OperationCanceledException => $"{engine.Name} did not stop it within {StopLimit.TotalSeconds:0} seconds",
                ProcessError failed => $"{failed.Message}: {failed.Tail}",
                _ => error.Message,
            };
        }
    }

    private static Socket Listen(string path)
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen(512);
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
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.OperationAborted or SocketError.Interrupted)
            {
                return;
            }
            catch (SocketException error)
            {
                // No descriptors for a moment, for one: the front ends wait in the queue.
                log($"{clock.GetUtcNow():O} a front end could not be taken: {error.Message}");
                await Task.Delay(_acceptPause, clock);
                continue;
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
                    var reply = await AnswerAsync(connection, request);
                    await connection.SendAsync(reply);
                    if (request.Do == "finish")
                    {
                        // After the answer: nobody is to wait for the disk.
                        await SettleAsync(connection, connection.Receipt);
                    }
                }
                if (connection is { Session: { } session, Finished: false })
                {
                    await SettleAsync(connection, ReceiptFor(connection));
                    await EndSessionAsync(session);
                }
            }
            catch (Exception error)
            {
                // One front end's trouble must not be the others'.
                log($"{clock.GetUtcNow():O} serving a front end failed: {error}");
            }
            finally
            {
                if (connection.Session is { } left)
                {
                    parts.Keys.Remove(left);
                }
                lock (_gate)
                {
                    _connections.Remove(connection);
                }
                // Full: that somebody left is known already.
                _somebodyLeft.Writer.TryWrite(true);
            }
        }
    }

    private async Task<ControlReply> AnswerAsync(ControlConnection connection, ControlRequest request)
    {
        switch (request)
        {
            case { Do: "join", Session: { } session }:
                return await JoinAsync(connection, request, session);
            case { Do: "finish" } when connection is { Session: { } session, AtJoin: not null }:
                bool others;
                lock (_gate)
                {
                    connection.Finished = true;
                    _taken |= request.Taken;
                    others = _connections.Any(other => other != connection && !other.Finished);
                }
                // It stays connected to hear of the end, but its lease comes back now.
                _somebodyLeft.Writer.TryWrite(true);
                if (request.Kill)
                {
                    await EndSessionAsync(session);
                }
                connection.Receipt = ReceiptFor(connection);
                return new ControlReply(Ok: true, Last: !others && !File.Exists(files.Pinned), Receipt: connection.Receipt);
            case { Do: "allow" }:
                return Change(request.Allow ?? []);
            case { Do: "stop" }:
                lock (_gate)
                {
                    // Whoever asks hears how it went.
                    _connections.Add(connection);
                    connection.Finished = true;
                }
                _stopAsked.TrySetResult();
                return new ControlReply(Ok: true);
            default:
                return new ControlReply(Ok: false, $"The gateway does not know '{request.Do}'.");
        }
    }

    private async Task<ControlReply> JoinAsync(ControlConnection connection, ControlRequest request, string session)
    {
        if (request.ModelUrl != order.ModelUrl)
        {
            return new ControlReply(
                Ok: false,
                $"The container {order.Container} is in use with another model server ({order.ModelUrl}, not {request.ModelUrl})."
            );
        }
        if (request.Login != order.Login)
        {
            return new ControlReply(
                Ok: false,
                $"The container {order.Container} is in use {Words(order.Login)}, and {Words(request.Login)} was asked."
            );
        }
        List<ControlConnection> waiting;
        lock (_gate)
        {
            if (_closing)
            {
                return new ControlReply(Ok: false, "The gateway is ending.", Stopping: true);
            }
            _taken = false;
            TakeOverChanges(request.Again);
            connection.Session = session;
            if (request.Key is { } key)
            {
                parts.Keys.Add(session, key);
            }
            connection.AtJoin = parts.Tally.Snapshot();
            connection.Joined = clock.GetUtcNow();
            connection.Incomplete = request.Again ? "the gateway died during the run" : null;
            _connections.Add(connection);
            waiting = [.. _connections.Where(other => other.Finished)];
        }
        parts.Door.Allow(request.Allow ?? []);
        if (request.Record)
        {
            parts.RecordBodies();
        }
        foreach (var other in waiting)
        {
            await other.SendAsync(new ControlReply(Ok: true, Kept: true));
        }
        return new ControlReply(Ok: true);
    }

    private ControlReply Change(IReadOnlyList<string> entries)
    {
        try
        {
            if (entries.Count > 0)
            {
                lock (_gate)
                {
                    parts.Door.Change(entries);
                    // For the gateway that follows if this one is killed under its runs.
                    PrivateFile.Write(files.AllowChanges, Encoding.UTF8.GetBytes(string.Join('\n', parts.Door.Changes)));
                }
            }
            return new ControlReply(Ok: true, Allow: parts.Door.AllowList.Entries);
        }
        catch (Exception error) when (error is UserError or IOException or UnauthorizedAccessException)
        {
            return new ControlReply(Ok: false, error.Message);
        }
    }

    /// <summary>What the person changed by hand holds while the box runs, also when its gateway was killed and this one follows; not for the next box.</summary>
    private void TakeOverChanges(bool again)
    {
        if (_tookOver)
        {
            return;
        }
        _tookOver = true;
        if (again && File.Exists(files.AllowChanges))
        {
            parts.Door.Change(File.ReadAllText(files.AllowChanges).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        else
        {
            File.Delete(files.AllowChanges);
        }
    }

    private static string Words(string? login) => login is null ? "with the local model" : $"with OpenAI's models (login: {login})";

    private Receipt? ReceiptFor(ControlConnection connection) =>
        connection.AtJoin is { } before
            ? Receipt.From(
                parts.Tally.Snapshot().Since(before),
                connection.Joined,
                clock.GetUtcNow(),
                connection.Incomplete ?? (parts.RecordingFailure is { } failure ? $"the recording stopped ({failure})" : null)
            ) with
            {
                Session = parts.RecordSession,
                Door = order.DoorKind,
            }
            : null;

    /// <summary>Writes the run's receipt down, once; also that of a run that was killed.</summary>
    private Task SettleAsync(ControlConnection connection, Receipt? receipt)
    {
        lock (_gate)
        {
            return receipt is null ? Task.CompletedTask : connection.Settled ??= KeepAsync(receipt);
        }
    }

    private async Task KeepAsync(Receipt receipt)
    {
        // Everything that is counted is in the record by then; the record goes on, its beginning does not change.
        var seal = await parts.SealAsync();
        lock (_gate)
        {
            try
            {
                new ReceiptStore(files.Receipts).Add(receipt, seal);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                log($"{clock.GetUtcNow():O} the receipt could not be kept: {error.Message}");
            }
        }
    }

    /// <summary>Others still use the container: what the killed front end left running in it must go by itself.</summary>
    private async Task EndSessionAsync(string session)
    {
        lock (_gate)
        {
            if (_closing)
            {
                return;
            }
        }
        using var limit = new CancellationTokenSource(StopLimit);
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
