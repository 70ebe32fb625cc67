using System.Buffers;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Egress;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Proxy;

/// <summary>
/// Passes HTTP/1.1 on as it is: every method and path, bodies of any size, interim answers, trailers, compression, WebSockets. What it changes is the
/// Host, and what belongs to one connection only. A client's connection has one of its own to the server, so whoever leaves is noticed there.
/// </summary>
internal sealed class HttpRelay(Uri target, HostRule hosts, IExchangeSink sink, TimeProvider time)
{
    /// <summary>For a head that has begun, so that nobody holds connections by sending a byte a minute.</summary>
    private static readonly TimeSpan _headLimit = TimeSpan.FromMinutes(1);

    /// <summary>Between two requests of one connection.</summary>
    private static readonly TimeSpan _idleLimit = TimeSpan.FromMinutes(10);

    private static readonly TimeSpan _connectLimit = TimeSpan.FromSeconds(10);

    /// <summary>Serves one connection to its end. Does not throw.</summary>
    public async Task ServeAsync(Socket socket, CancellationToken cancel)
    {
        using var client = new Wire(socket, new NetworkStream(socket, ownsSocket: true));
        Wire? server = null;
        try
        {
            while (await ReadHeadAsync(client, cancel) is { } head)
            {
                await sink.ReadyAsync(cancel);
                var call = new RelayCall(time, head, sink);
                try
                {
                    (server, var again) = await ExchangeAsync(client, server, head, call, cancel);
                    if (!again)
                    {
                        return;
                    }
                }
                finally
                {
                    sink.Add(call.Finish());
                }
            }
        }
        catch (Exception error) when (error is MalformedMessageException or RelayFailure)
        {
            await AnswerAsync(
                client,
                error as RelayFailure ?? new RelayFailure(400, $"This is no proper HTTP request: {error.Message}."),
                cancel
            );
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException)
        {
            // One of the three left: the client, the server, or this program. The others see their connection break, as they would without us.
            client.Break();
            server?.Break();
        }
        finally
        {
            server?.Dispose();
        }
    }

    private async Task<MessageHead?> ReadHeadAsync(Wire client, CancellationToken cancel)
    {
        using (var idle = new TimeLimit(_idleLimit, time, cancel))
        {
            try
            {
                var first = await client.Input.ReadAsync(idle.Token);
                client.Input.AdvanceTo(first.Buffer.Start);
            }
            catch (OperationCanceledException) when (idle.Expired)
            {
                return null;
            }
        }
        using var limit = new TimeLimit(_headLimit, time, cancel);
        try
        {
            return await HeadParser.ReadAsync(client.Input, response: false, limit.Token);
        }
        catch (OperationCanceledException) when (limit.Expired)
        {
            throw new RelayFailure(408, $"No complete request came within {_headLimit.TotalSeconds:0} s.");
        }
    }

    private async Task<(Wire? Server, bool Again)> ExchangeAsync(
        Wire client,
        Wire? server,
        MessageHead head,
        RelayCall call,
        CancellationToken cancel
    )
    {
        RelayRequest request;
        try
        {
            request = RelayRequest.From(head, target);
            if (hosts.Refuse(head.Values("Host").FirstOrDefault()) is { } refusal)
            {
                call.Kind = "refused";
                throw new RelayFailure(403, refusal);
            }
            server = await ConnectAsync(server, cancel);
        }
        catch (Exception error) when (error is MalformedMessageException or RelayFailure)
        {
            call.Fail((error as RelayFailure)?.Status ?? 400, error.Message);
            throw;
        }
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        try
        {
            using var exchange = new RelayExchange(client, server, request, call, stop);
            return (server, await exchange.RunAsync());
        }
        catch (Exception error)
        {
            call.Broke(error, cancel.IsCancellationRequested);
            server.Break();
            server.Dispose();
            throw;
        }
    }

    /// <summary>The connection to the server: the one at hand while it stands, else a new one.</summary>
    private async Task<Wire> ConnectAsync(Wire? server, CancellationToken cancel)
    {
        if (server is not null)
        {
            // Readable without a question means closed.
            if (!server.Socket.Poll(0, SelectMode.SelectRead))
            {
                return server;
            }
            server.Dispose();
        }
        using var limit = new TimeLimit(_connectLimit, time, cancel);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(target.IdnHost, target.Port, limit.Token);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (target.Scheme is "https")
            {
                var secure = new SslStream(stream);
                stream = secure;
                await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = target.IdnHost }, limit.Token);
            }
            return new Wire(socket, stream);
        }
        catch (Exception error)
            when (error is SocketException or IOException or System.Security.Authentication.AuthenticationException
                || (error is OperationCanceledException && limit.Expired)
            )
        {
            socket.Dispose();
            stream?.Dispose();
            var why = error is OperationCanceledException ? "it does not answer" : error.Message.TrimEnd('.');
            throw new RelayFailure(
                502,
                $"No model server answers at {target.AbsoluteUri.TrimEnd('/')}: {why}. Start it, for example with: ollama serve"
            );
        }
    }

    private async Task AnswerAsync(Wire client, RelayFailure failure, CancellationToken cancel)
    {
        var error = new JsonObject
        {
            ["message"] = failure.Message,
            ["type"] = "codexctl_error",
            ["param"] = null,
            ["code"] = null,
        };
        var body = Encoding.UTF8.GetBytes(new JsonObject { ["error"] = error }.ToJsonString());
        using var limit = new TimeLimit(TimeSpan.FromSeconds(1), time, cancel);
        try
        {
            client.Output.Write(
                MessageHead.Write(
                    string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {failure.Status} {Phrase(failure.Status)}"),
                    [new("Content-Type", "application/json"), new("Content-Length", $"{body.Length}"), new("Connection", "close")]
                )
            );
            client.Output.Write(body);
            await BodyCopier.FlushAsync(client.Output, limit.Token);
            client.Socket.Shutdown(SocketShutdown.Send);
            // Closed while the peer still sends, the connection would be reset and the answer lost.
            for (var room = 1L << 20; room > 0; )
            {
                var read = await client.Input.ReadAsync(limit.Token);
                room -= read.Buffer.Length;
                client.Input.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    return;
                }
            }
        }
        catch (Exception gone) when (gone is IOException or SocketException or OperationCanceledException)
        {
            // It did not want the answer.
            client.Break();
        }
    }

    private static string Phrase(int status) =>
        status switch
        {
            400 => "Bad Request",
            403 => "Forbidden",
            408 => "Request Timeout",
            _ => "Bad Gateway",
        };
}

/// <summary>An answer of ours in place of the server's.</summary>
internal sealed class RelayFailure(int status, string message) : Exception(message)
{
    public int Status => status;
}
