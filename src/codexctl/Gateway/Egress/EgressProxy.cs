using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.Recording;
using Codexctl.Policy;

namespace Codexctl.Gateway.Egress;

/// <summary>
/// The HTTP proxy of the door: CONNECT and plain http requests, by the allow list. Whatever comes in (the box may send anything),
/// it answers, records and closes; it does not throw.
/// </summary>
/// <param name="allowList">Asked anew for every request, so that `allow` and `deny` work at once.</param>
/// <param name="sink">Gets one record a request: refused ones at once, others when they end.</param>
/// <param name="upstream">The proxy that the host itself must use; null for none.</param>
public sealed class EgressProxy(
    Func<AllowList> allowList,
    IExchangeSink sink,
    TimeProvider time,
    IEgressNetwork network,
    UpstreamProxy? upstream = null,
    EgressLimits? limits = null
)
{
    private readonly EgressLimits _limits = limits ?? new EgressLimits();
    private readonly Dialer _dialer = new(network, upstream, limits ?? new EgressLimits(), time);
    private readonly ConcurrentDictionary<Connection, Connection> _allowed = new();
    private int _open;

    /// <summary>Connections being served now.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>
    /// Serves one connection to its end and completes both pipes. The first bytes may already be in the pipe (see <see cref="EgressSniffer"/>).
    /// </summary>
    /// <param name="cancel">
    /// The gateway's end. Not ASP.NET's ConnectionClosed: that one also fires when the box has only said that it sends no more.
    /// </param>
    public async Task HandleAsync(IDuplexPipe transport, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var connection = new Connection(transport, stop, time.GetUtcNow(), time.GetTimestamp());
        Exception? end = null;
        try
        {
            var open = Interlocked.Increment(ref _open);
            await sink.ReadyAsync(stop.Token);
            if (open > _limits.Connections)
            {
                throw new EgressFailure(
                    503,
                    refused: true,
                    $"this box has {_limits.Connections} connections open already",
                    "Try again when some have ended."
                );
            }
            await ServeAsync(connection);
        }
        catch (EgressFailure failure)
        {
            connection.Reason ??= failure.Message;
            connection.Refused |= failure.Refused;
            RecordRefusal(connection);
            end = await AnswerAsync(connection, failure);
        }
        catch (MalformedMessageException error)
        {
            connection.Reason ??= $"not a proper request: {error.Message}";
            connection.Refused |= !connection.Decided;
            RecordRefusal(connection);
            end = connection.Answered ? error : await AnswerAsync(connection, new EgressFailure(400, refused: true, connection.Reason));
        }
        catch (OperationCanceledException error)
        {
            connection.Reason ??= cancel.IsCancellationRequested ? "the gateway ended" : "it was stopped";
            end = error;
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            // A peer that left; what went through until then is recorded.
            end = error;
        }
        finally
        {
            Interlocked.Decrement(ref _open);
            _allowed.TryRemove(connection, out _);
            Record(connection);
            await transport.Input.CompleteAsync();
            // An error here drops what the peer has not read yet: only where it could not tell otherwise that something is missing.
            await transport.Output.CompleteAsync(connection.EndIsMarked ? null : end);
        }
    }

    /// <summary>Ends the connections that the allow list of now would not let through. To be called after a `deny`.</summary>
    public void CutDenied()
    {
        var list = allowList();
        foreach (var connection in _allowed.Keys.Where(connection => !list.Decide(connection.Host, connection.Port).Allowed))
        {
            connection.Reason ??= "it was denied while it was open";
            try
            {
                connection.Stop.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended by itself meanwhile.
            }
        }
    }

    private async Task ServeAsync(Connection connection)
    {
        if (await ReadHeadAsync(connection) is not { } head)
        {
            // Opened and closed without a byte: nothing was asked.
            connection.Silent = true;
            return;
        }
        if (head.First is "CONNECT")
        {
            var target = Target.ParseAuthority(head.Second);
            (connection.Host, connection.Port) = (target.Host, target.Port);
            if (head.Body(http11: true) is not { Length: 0, Framing: Framing.None or Framing.Length })
            {
                throw new MalformedMessageException("CONNECT has no body");
            }
            Decide(connection);
            await ConnectAsync(connection);
        }
        else
        {
            var target = Target.ParseAbsolute(head.Second, head.First);
            (connection.Host, connection.Port) = (target.Host, target.Port);
            var request = PlainRequest.From(head);
            Decide(connection);
            if (Switch.Asked(head) is { Count: > 0 } && !request.WebSocket)
            {
                throw new EgressFailure(
                    403,
                    refused: true,
                    "of all changes of protocol over plain http only WebSocket's is let through",
                    "Use https://, which goes through as it is.",
                    "no protocol change over http"
                );
            }
            await ForwardAsync(connection, request);
        }
    }

    private async Task<MessageHead?> ReadHeadAsync(Connection connection)
    {
        using var limit = new TimeLimit(_limits.Head, time, connection.Stop.Token);
        try
        {
            return await HeadParser.ReadAsync(connection.Transport.Input, response: false, limit.Token);
        }
        catch (OperationCanceledException) when (limit.Expired)
        {
            throw new EgressFailure(408, refused: true, $"no complete request came within {_limits.Head.TotalSeconds:0} s");
        }
    }

    private void Decide(Connection connection)
    {
        var decision = allowList().Decide(connection.Host, connection.Port);
        connection.Host = decision.Host;
        if (!decision.Allowed)
        {
            throw new EgressFailure(
                403,
                refused: true,
                decision.Reason ?? "it is not allowed",
                decision.Mend,
                decision.Flags is [var flag, ..] ? $"use {flag}" : null
            );
        }
        connection.Decided = true;
        _allowed[connection] = connection;
        // A `deny` between the look at the list and the line above would have missed this connection.
        if (!allowList().Decide(connection.Host, connection.Port).Allowed)
        {
            throw new EgressFailure(403, refused: true, "it was denied for this box");
        }
    }

    private async Task ConnectAsync(Connection connection)
    {
        var dialed = await _dialer.DialAsync(connection.Host, connection.Port, tunnel: true, connection.Stop.Token);
        using var server = dialed.Socket;
        using var idle = new IdleWatch(time, _limits.Idle, connection.Stop);
        try
        {
            var output = connection.Transport.Output;
            connection.Answered = true;
            output.Write("HTTP/1.1 200 Connection established\r\n\r\n"u8);
            output.Write(dialed.Early);
            connection.Traffic.AddDown(dialed.Early.Length);
            await BodyCopier.FlushAsync(output, connection.Stop.Token);
            await Tunnel.SpliceAsync(connection.Transport, server, connection.Traffic, idle, _limits, connection.Stop);
        }
        catch
        {
            Reset(server);
            NoteIdle(connection, idle);
            throw;
        }
    }

    private async Task ForwardAsync(Connection connection, PlainRequest request)
    {
        // Proxies answer a plain request for a WebSocket with anything but one: there, as browsers do, it goes through a tunnel.
        var dialed = await _dialer.DialAsync(connection.Host, connection.Port, tunnel: request.WebSocket, connection.Stop.Token);
        using var server = dialed.Socket;
        if (dialed.Early.Length > 0)
        {
            throw new EgressFailure(502, refused: false, $"{connection.Host} answered before it was asked");
        }
        using var idle = new IdleWatch(time, _limits.Idle, connection.Stop);
        try
        {
            await PlainHttp.ExchangeAsync(
                request,
                connection.Host,
                dialed.ThroughProxy && !request.WebSocket ? upstream : null,
                connection.Transport,
                server,
                connection.Traffic,
                idle,
                _limits,
                time,
                marked => (connection.Answered, connection.EndIsMarked) = (true, marked),
                connection.Stop
            );
        }
        catch
        {
            Reset(server);
            NoteIdle(connection, idle);
            throw;
        }
    }

    private void NoteIdle(Connection connection, IdleWatch idle)
    {
        if (idle.Expired)
        {
            connection.Reason ??= $"nothing moved for a long time (the limit is {_limits.Idle.TotalMinutes:0} minutes)";
        }
    }

    // A transfer that was cut must not look like one that ended: the host sees a reset, not an orderly close.
    private static void Reset(Socket server)
    {
        try
        {
            server.LingerState = new LingerOption(true, 0);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Gone already, which is what was wanted.
        }
    }

    /// <summary>Writes our own answer and waits a moment for the peer to take it. Null when that went well.</summary>
    private async Task<Exception?> AnswerAsync(Connection connection, EgressFailure failure)
    {
        if (connection.Answered)
        {
            return failure;
        }
        using var limit = new TimeLimit(_limits.Linger, time, CancellationToken.None);
        try
        {
            connection.Transport.Output.Write(Answer(connection, failure));
            await BodyCopier.FlushAsync(connection.Transport.Output, limit.Token);
            // A connection that is closed while the peer still sends is reset, and the answer may be lost with it.
            for (var room = 1L << 20; room > 0; )
            {
                var result = await connection.Transport.Input.ReadAsync(limit.Token);
                room -= result.Buffer.Length;
                connection.Transport.Input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    break;
                }
            }
            return null;
        }
        catch (Exception error) when (error is IOException or SocketException)
        {
            return error;
        }
        catch (OperationCanceledException)
        {
            // It had its moment.
            return null;
        }
    }

    private static byte[] Answer(Connection connection, EgressFailure failure)
    {
        var place = connection.Host.Length == 0 ? "" : $"{connection.Host}:{connection.Port}";
        var what = failure switch
        {
            { Status: 403, Mend: { } mend } when mend.StartsWith("Allow it", StringComparison.Ordinal) =>
                $"{place} is not allowed from this box. {mend}",
            { Status: 403 } => $"{place} is not allowed from this box: {failure.Message}. {failure.Mend}",
            { Status: 400 or 408 } => $"{failure.Message}.",
            _ => $"{(place.Length == 0 ? "" : place + ": ")}{failure.Message}. {failure.Mend}",
        };
        var body = Encoding.UTF8.GetBytes($"codexctl: {what.TrimEnd()}\n");
        // Many clients (pip, git, npm) show of a refused CONNECT nothing but the status line.
        var phrase = failure.Status switch
        {
            400 => "Bad request",
            403 => $"Refused by codexctl{(failure.Hint is { } hint ? $": {hint}" : "")}",
            408 => "Request timeout",
            502 => "Bad gateway",
            503 => "Too many connections",
            _ => "Gateway timeout",
        };
        var headers = new List<KeyValuePair<string, string>>
        {
            new("Content-Type", "text/plain; charset=utf-8"),
            new("Content-Length", $"{body.Length}"),
            new("Connection", "close"),
        };
        if (failure.Refused)
        {
            headers.Insert(0, new("X-Codexctl-Refused", $"{(place.Length == 0 ? "" : place + "; ")}{failure.Message}"));
        }
        return [.. MessageHead.Write($"HTTP/1.1 {failure.Status} {phrase}", headers), .. body];
    }

    /// <summary>
    /// Before the answer: the program that reads it may be the last of its run, whose receipt is asked for at once.
    /// </summary>
    private void RecordRefusal(Connection connection)
    {
        if (connection.Refused)
        {
            Record(connection);
        }
    }

    private void Record(Connection connection)
    {
        if (connection.Silent || connection.Recorded)
        {
            return;
        }
        connection.Recorded = true;
        sink.Add(
            new EgressCall(
                connection.At,
                connection.Host.Length > 255 ? connection.Host[..255] : connection.Host,
                connection.Port,
                connection.Decided && !connection.Refused,
                connection.Reason,
                connection.Traffic.Up,
                connection.Traffic.Down,
                time.GetElapsedTime(connection.Started)
            )
        );
    }

    /// <summary>What is known of one connection so far.</summary>
    private sealed class Connection(IDuplexPipe transport, CancellationTokenSource stop, DateTimeOffset at, long started)
    {
        public IDuplexPipe Transport => transport;

        public CancellationTokenSource Stop => stop;

        public DateTimeOffset At => at;

        public long Started => started;

        public Traffic Traffic { get; } = new();

        /// <summary>As written at first, canonical once decided; empty until known.</summary>
        public string Host { get; set; } = "";

        public int Port { get; set; }

        /// <summary>Whether the allow list said yes.</summary>
        public bool Decided { get; set; }

        /// <summary>Whether a rule said no, perhaps after the list's yes.</summary>
        public bool Refused { get; set; }

        /// <summary>Whether the answer has begun, and is not ours.</summary>
        public bool Answered { get; set; }

        /// <summary>Whether the peer can tell a cut answer from a whole one by itself.</summary>
        public bool EndIsMarked { get; set; }

        public bool Silent { get; set; }

        public bool Recorded { get; set; }

        public string? Reason { get; set; }
    }
}
