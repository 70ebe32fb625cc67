using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using Codexctl.Gateway.Egress;

namespace Codexctl.Gateway.Proxy;

/// <summary>One request and its answer between two connections.</summary>
internal sealed class RelayExchange(Wire client, Wire server, RelayRequest request, RelayCall call, CancellationTokenSource stop)
    : IDisposable
{
    private readonly CancellationTokenSource _uploading = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
    private volatile bool _over;
    private volatile MalformedMessageException? _malformed;
    private bool _answered;

    /// <summary>Whether both connections can serve another request. Throws when one of them broke.</summary>
    public async Task<bool> RunAsync()
    {
        var upload = UploadAsync();
        bool again;
        try
        {
            again = await AnswerAsync();
        }
        catch
        {
            await stop.CancelAsync();
            await upload;
            if (_malformed is { } malformed && !_answered)
            {
                throw malformed;
            }
            throw;
        }
        // What waits for the client to leave is let go. A body that the server did not want to the end stays unread, and so the connection ends.
        _over = true;
        await _uploading.CancelAsync();
        return await upload && again;
    }

    public void Dispose() => _uploading.Dispose();

    /// <summary>Sends the request, then watches the client. Whether its body went through whole and it is still there. Does not throw.</summary>
    private async Task<bool> UploadAsync()
    {
        try
        {
            call.Sent();
            server.Output.Write(request.Head);
            await BodyCopier.FlushAsync(server.Output, _uploading.Token);
            await BodyCopier.CopyAsync(
                client.Input,
                request.Body,
                server.Output,
                request.Body.Framing == Framing.Chunked,
                call.Sends,
                trailers: true,
                _uploading.Token
            );
            call.SentAll();
        }
        catch (PrematureEndException)
        {
            // The client broke off in the middle: so do we.
            await stop.CancelAsync();
            return false;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // The server reads no more: its answer says why.
            return false;
        }
        catch (MalformedMessageException error)
        {
            _malformed = error;
            await stop.CancelAsync();
            return false;
        }
        return request.Upgrade || await WatchAsync();
    }

    /// <summary>
    /// A client that leaves while the model thinks is to be noticed: its end is passed on, and the server does what it would do without us.
    /// Whether it is still there.
    /// </summary>
    private async Task<bool> WatchAsync()
    {
        try
        {
            var read = await client.Input.ReadAsync(_uploading.Token);
            var left = read is { IsCompleted: true, Buffer.IsEmpty: true };
            client.Input.AdvanceTo(read.Buffer.Start);
            if (left && !_over)
            {
                await server.EndOutputAsync();
            }
            return !left;
        }
        catch (IOException)
        {
            await stop.CancelAsync();
            return false;
        }
        catch (OperationCanceledException)
        {
            return _over;
        }
    }

    private async Task<bool> AnswerAsync()
    {
        MessageHead head;
        int status;
        while (true)
        {
            head = await HeadAsync();
            status = int.Parse(head.Second, CultureInfo.InvariantCulture);
            if (status == 101)
            {
                return await SwitchAsync(head);
            }
            if (status >= 200)
            {
                break;
            }
            if (request.Http11)
            {
                client.Output.Write(MessageHead.Write($"HTTP/1.1 {status} {head.Third}", head.EndToEnd("Content-Length")));
                await BodyCopier.FlushAsync(client.Output, stop.Token);
            }
        }
        var bodyless = request.Method is "HEAD" || status is 204 or 304;
        var http11 = head.First is "HTTP/1.1";
        var body = Proper(() => head.Body(http11));
        if (body.Framing == Framing.None && !bodyless)
        {
            body = (Framing.UntilClose, 0);
        }
        // A client of HTTP/1.0 knows no chunks: it gets the plain bytes and the end of the connection.
        var chunked = body.Framing == Framing.Chunked && request.Http11;
        var again = request.KeepAlive && (bodyless || body.Framing != Framing.UntilClose);
        var headers = Proper(() => head.EndToEnd("Content-Length").ToList());
        if (body.Framing != Framing.Chunked || chunked)
        {
            headers.AddRange(PlainHttp.FramingHeaders(body));
            headers.AddRange(RelayRequest.Trailers(head, body));
        }
        if (!again)
        {
            headers.Add(new("Connection", "close"));
        }
        call.Answered(status, head);
        _answered = true;
        client.Output.Write(MessageHead.Write($"HTTP/1.1 {status} {head.Third}", headers));
        await BodyCopier.FlushAsync(client.Output, stop.Token);
        if (!bodyless)
        {
            try
            {
                await BodyCopier.CopyAsync(server.Input, body, client.Output, chunked, call.Answers, trailers: true, stop.Token);
            }
            catch (MalformedMessageException error)
            {
                throw new IOException($"the model server's answer is not proper HTTP: {error.Message}", error);
            }
        }
        return again && http11 && !head.Elements("Connection").Contains("close", StringComparer.OrdinalIgnoreCase);
    }

    private async Task<MessageHead> HeadAsync()
    {
        try
        {
            return await HeadParser.ReadAsync(server.Input, response: true, stop.Token)
                ?? throw new RelayFailure(502, "The model server closed the connection without an answer. Its own log says more.");
        }
        catch (MalformedMessageException error)
        {
            throw new RelayFailure(502, $"The model server answered something else than HTTP/1.1: {error.Message}.");
        }
        catch (IOException error) when (!stop.IsCancellationRequested)
        {
            throw new RelayFailure(502, $"The model server broke the connection: {error.Message.TrimEnd('.')}. Its own log says more.");
        }
    }

    /// <summary>Another protocol from here on (WebSocket): bytes both ways until both have ended.</summary>
    private async Task<bool> SwitchAsync(MessageHead head)
    {
        if (!request.Upgrade)
        {
            throw new RelayFailure(502, "The model server changed the protocol without being asked.");
        }
        var headers = head.EndToEnd("Content-Length").ToList();
        headers.AddRange(head.Headers.Where(header => header.Key.Equals("Upgrade", StringComparison.OrdinalIgnoreCase)));
        headers.Add(new("Connection", "Upgrade"));
        call.Answered(101, head);
        client.Output.Write(MessageHead.Write($"HTTP/1.1 101 {head.Third}", headers));
        await BodyCopier.FlushAsync(client.Output, stop.Token);
        await Task.WhenAll(Guarded(PumpAsync(client, server)), Guarded(PumpAsync(server, client)));
        return false;
    }

    private async Task Guarded(Task direction)
    {
        try
        {
            await direction;
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    private async Task PumpAsync(Wire from, Wire to)
    {
        while (true)
        {
            var read = await from.Input.ReadAsync(stop.Token);
            foreach (var piece in read.Buffer)
            {
                to.Output.Write(piece.Span);
            }
            from.Input.AdvanceTo(read.Buffer.End);
            if (!read.Buffer.IsEmpty)
            {
                await BodyCopier.FlushAsync(to.Output, stop.Token);
            }
            if (read.IsCompleted)
            {
                await to.EndOutputAsync();
                return;
            }
        }
    }

    private static T Proper<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (MalformedMessageException error)
        {
            throw new RelayFailure(502, $"The model server's answer is not proper HTTP: {error.Message}.");
        }
    }
}
