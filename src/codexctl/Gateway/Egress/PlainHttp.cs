using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace Codexctl.Gateway.Egress;

/// <summary>A plain http request that was read and found proper, ready to be sent on.</summary>
internal sealed record PlainRequest(
    string Method,
    Target Target,
    bool Http11,
    (Framing Framing, long Length) Body,
    IReadOnlyList<KeyValuePair<string, string>> Headers,
    bool WebSocket = false
)
{
    public static PlainRequest From(MessageHead head)
    {
        var http11 = head.Third is "HTTP/1.1";
        var target = Target.ParseAbsolute(head.Second, head.First);
        var hosts = head.Values("Host").Count();
        if (hosts > 1 || (hosts == 0 && http11))
        {
            throw new MalformedMessageException("there must be one Host header");
        }
        var body = head.Body(http11);
        var webSocket = Switch.Asked(head) is [var protocol] && Switch.IsWebSocket(protocol);
        if (webSocket && (head.First is not "GET" || !http11 || body.Framing != Framing.None || !Switch.IsNamed(head)))
        {
            throw new MalformedMessageException("a WebSocket begins with a GET of HTTP/1.1 without a body, and Connection: Upgrade");
        }
        return new PlainRequest(head.First, target, http11, body, [.. head.EndToEnd("Host", "Content-Length")], webSocket);
    }
}

/// <summary>
/// One plain http request and its response. One request a connection: both sides are told `Connection: close`, so that no
/// response can be taken for the answer to another request. Bodies stream through.
/// </summary>
internal static class PlainHttp
{
    /// <param name="host">The canonical name that was decided about; the Host header is made from it, whatever the client wrote.</param>
    /// <param name="answering">Called right before the host's answer begins: from there on no other answer can be given. Told whether its end is marked.</param>
    public static async Task ExchangeAsync(
        PlainRequest request,
        string host,
        UpstreamProxy? proxy,
        IDuplexPipe client,
        Socket server,
        Traffic traffic,
        IdleWatch idle,
        EgressLimits limits,
        TimeProvider time,
        Action<bool> answering,
        CancellationTokenSource stop
    )
    {
        await using var stream = new NetworkStream(server, ownsSocket: false);
        var toServer = PipeWriter.Create(stream);
        var fromServer = PipeReader.Create(stream);

        using var uploading = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        using var answer = new TimeLimit(limits.Response, time, stop.Token);
        Exception? broken = null;

        async Task UploadAsync()
        {
            try
            {
                toServer.Write(RequestHead(request, host, proxy));
                await BodyCopier.FlushAsync(toServer, uploading.Token);
                await BodyCopier.CopyAsync(
                    client.Input,
                    request.Body,
                    toServer,
                    request.Body.Framing == Framing.Chunked,
                    bytes =>
                    {
                        traffic.AddUp(bytes.Length);
                        idle.Touch();
                    },
                    trailers: false,
                    uploading.Token
                );
            }
            catch (Exception error) when (error is MalformedMessageException or PrematureEndException)
            {
                broken = error;
                await stop.CancelAsync();
            }
            catch (Exception error) when (error is IOException or OperationCanceledException)
            {
                // The server stopped reading, or has answered already: its answer says why.
            }
        }

        var upload = UploadAsync();
        try
        {
            var (head, status) = await ResponseHeadAsync(request, host, client, fromServer, answer);
            if (status == 101)
            {
                await Switch.AnswerAsync(head, host, client, fromServer, traffic, answering, stop.Token);
                await Tunnel.SpliceAsync(client, server, traffic, idle, limits, stop);
                return;
            }
            await ResponseBodyAsync(request, head, status, client, fromServer, traffic, idle, answering, stop.Token);
        }
        catch (OperationCanceledException) when (broken is not null)
        {
            throw broken;
        }
        finally
        {
            await uploading.CancelAsync();
            await upload;
            // With an error: what was not sent yet is dropped.
            await toServer.CompleteAsync(new IOException("the exchange is over"));
            await fromServer.CompleteAsync();
        }
    }

    private static byte[] RequestHead(PlainRequest request, string host, UpstreamProxy? proxy)
    {
        var authority = request.Target.Port == 80 ? host : $"{host}:{request.Target.Port}";
        var headers = new List<KeyValuePair<string, string>> { new("Host", authority) };
        headers.AddRange(request.Headers);
        headers.AddRange(FramingHeaders(request.Body));
        headers.AddRange(request.WebSocket ? Switch.Headers : [new("Connection", "close")]);
        if (proxy?.Authorization is { } authorization)
        {
            headers.Add(new("Proxy-Authorization", authorization));
        }
        var target = proxy is null ? request.Target.PathAndQuery : $"http://{authority}{request.Target.PathAndQuery.TrimStart('*')}";
        return MessageHead.Write($"{request.Method} {target} HTTP/1.1", headers);
    }

    internal static IEnumerable<KeyValuePair<string, string>> FramingHeaders((Framing Framing, long Length) body) =>
        body.Framing switch
        {
            Framing.Length => [new("Content-Length", body.Length.ToString(CultureInfo.InvariantCulture))],
            Framing.Chunked => [new("Transfer-Encoding", "chunked")],
            _ => [],
        };

    private static async Task<(MessageHead Head, int Status)> ResponseHeadAsync(
        PlainRequest request,
        string host,
        IDuplexPipe client,
        PipeReader fromServer,
        TimeLimit answer
    )
    {
        try
        {
            // Interim answers are few; a server that sends nothing else is not serving.
            for (var interim = 0; interim < 16; interim++)
            {
                var head =
                    await HeadParser.ReadAsync(fromServer, response: true, answer.Token)
                    ?? throw new EgressFailure(502, refused: false, $"{host} closed the connection without an answer");
                var status = int.Parse(head.Second, CultureInfo.InvariantCulture);
                if (status >= 200 || (status == 101 && request.WebSocket))
                {
                    return (head, status);
                }
                if (status == 101)
                {
                    throw new EgressFailure(502, refused: false, $"{host} changed the protocol without being asked");
                }
                if (request.Http11)
                {
                    client.Output.Write(MessageHead.Write($"HTTP/1.1 {status} {head.Third}", head.EndToEnd("Content-Length")));
                    await BodyCopier.FlushAsync(client.Output, answer.Token);
                }
            }
            throw new EgressFailure(502, refused: false, $"{host} sent interim answers only");
        }
        catch (MalformedMessageException error)
        {
            throw new EgressFailure(502, refused: false, $"{host} answered something else than HTTP/1.1 ({error.Message})");
        }
        catch (IOException error) when (error is not PrematureEndException)
        {
            throw new EgressFailure(502, refused: false, $"{host} broke the connection ({error.Message})");
        }
        catch (OperationCanceledException) when (answer.Expired)
        {
            throw new EgressFailure(504, refused: false, $"{host} did not answer within {answer.Limit.TotalMinutes:0} minutes");
        }
    }

    private static async Task ResponseBodyAsync(
        PlainRequest request,
        MessageHead head,
        int status,
        IDuplexPipe client,
        PipeReader fromServer,
        Traffic traffic,
        IdleWatch idle,
        Action<bool> answering,
        CancellationToken cancel
    )
    {
        List<KeyValuePair<string, string>> headers;
        (Framing Framing, long Length) body;
        var bodyless = request.Method is "HEAD" || status is 204 or 304;
        bool chunked;
        try
        {
            body = head.Body(http11: head.First is "HTTP/1.1");
            if (body.Framing == Framing.None && !bodyless)
            {
                body = (Framing.UntilClose, 0);
            }
            // A client of HTTP/1.0 knows no chunks: it gets the plain bytes and the end of the connection.
            chunked = body.Framing == Framing.Chunked && request.Http11;
            headers = [.. head.EndToEnd("Content-Length")];
        }
        catch (MalformedMessageException error)
        {
            throw new EgressFailure(502, refused: false, $"the host's answer is not proper HTTP ({error.Message})");
        }
        if (body.Framing != Framing.Chunked || chunked)
        {
            headers.AddRange(FramingHeaders(body));
        }
        headers.Add(new("Connection", "close"));
        answering(!bodyless && (body.Framing == Framing.Length || chunked));
        client.Output.Write(MessageHead.Write($"HTTP/1.1 {status} {head.Third}", headers));
        await BodyCopier.FlushAsync(client.Output, cancel);
        if (!bodyless)
        {
            await BodyCopier.CopyAsync(
                fromServer,
                body,
                client.Output,
                chunked,
                bytes =>
                {
                    traffic.AddDown(bytes.Length);
                    idle.Touch();
                },
                trailers: false,
                cancel
            );
        }
    }
}
