using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Codexctl.Models;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>Copies a Responses event stream, event by event as they come, and sees to it that it ends properly exactly once.</summary>
internal sealed class ResponseStream(ModelServer server, TimeProvider time, TimeSpan keepAlive)
{
    public async Task CopyAsync(Stream upstream, PipeWriter downstream, CallRecord call, CancellationToken cancel)
    {
        await downstream.FlushAsync(cancel);
        using var splitter = new EventSplitter();
        var ended = false;
        string? broken = null;
        while (true)
        {
            int read;
            try
            {
                read = await ReadAsync(upstream, splitter.Room(), downstream, cancel);
            }
            catch (Exception error) when (error is IOException or HttpRequestException && !cancel.IsCancellationRequested)
            {
                broken = error.Message;
                break;
            }
            if (read == 0)
            {
                break;
            }
            splitter.Filled(read);
            var wrote = false;
            while (splitter.TryTake(out var one))
            {
                var meaning = StreamEvent.Read(one.Span);
                switch (meaning.Kind)
                {
                    case StreamEventKind.Failed when !ended:
                        await FailAsync(downstream, call, $"{server.KindName}: {meaning.Message ?? "the request failed."}", cancel);
                        return;
                    case StreamEventKind.Failed:
                        // The end was told already.
                        continue;
                    case StreamEventKind.Completed when !ended:
                        ended = true;
                        call.InputTokens = meaning.InputTokens;
                        call.OutputTokens = meaning.OutputTokens;
                        break;
                    case StreamEventKind.Completed:
                        continue;
                    case StreamEventKind.Incomplete:
                        ended = true;
                        call.Error = "incomplete: " + (meaning.Message ?? "no reason given");
                        break;
                }
                downstream.Write(one.Span);
                wrote = true;
            }
            if (wrote)
            {
                await downstream.FlushAsync(cancel);
            }
        }
        if (!ended)
        {
            // Ollama's last words may come without the blank line that ends an event.
            var last = StreamEvent.Read(splitter.Rest.Span);
            var words =
                last.Message
                ?? (
                    broken is null
                        ? "the stream ended before the answer was complete."
                        : $"the connection broke in the middle of the answer ({broken})"
                );
            await FailAsync(downstream, call, $"{server.KindName}: {words} Its own log says more.", cancel);
        }
    }

    private async ValueTask<int> ReadAsync(Stream upstream, Memory<byte> room, PipeWriter downstream, CancellationToken cancel)
    {
        var reading = upstream.ReadAsync(room, cancel);
        if (reading.IsCompleted)
        {
            return await reading;
        }
        var task = reading.AsTask();
        while (true)
        {
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            var silence = Task.Delay(keepAlive, time, stop.Token);
            if (await Task.WhenAny(task, silence) == task)
            {
                await stop.CancelAsync();
                return await task;
            }
            cancel.ThrowIfCancellationRequested();
            await downstream.WriteAsync(ResponseEvents.Ping, cancel);
        }
    }

    private static async Task FailAsync(PipeWriter downstream, CallRecord call, string message, CancellationToken cancel)
    {
        call.Error = message;
        await downstream.WriteAsync(Encoding.UTF8.GetBytes(ResponseEvents.Failed(message)), cancel);
    }
}
