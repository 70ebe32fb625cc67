using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Codexctl.Models;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>Copies a Responses event stream, event by event as they come, and sees to it that it ends properly exactly once.</summary>
internal sealed class ResponseStream(ModelServer server, NamespaceTools tools, TimeProvider time, TimeSpan keepAlive)
{
    public async Task CopyAsync(HttpContext context, Stream upstream, CallRecord call, CancellationToken cancel)
    {
        var downstream = context.Response.BodyWriter;
        await downstream.FlushAsync(cancel);
        using var splitter = new EventSplitter();
        using var silence = new Silence(time, keepAlive);
        var ended = false;
        string? broken = null;
        while (true)
        {
            int read;
            try
            {
                read = await ReadAsync(upstream, splitter.Room(), downstream, silence, cancel);
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
                        await FailAsync(context, call, $"{server.KindName}: {meaning.Message ?? "the request failed."}", cancel);
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
                if (call.AwaitsToken && (one.Span.IndexOf(".delta\""u8) >= 0 || one.Span.IndexOf("output_item.done\""u8) >= 0))
                {
                    call.FirstToken();
                }
                var passed = tools.Restore(one);
                call.Answer(context, passed.Span);
                downstream.Write(passed.Span);
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
            await FailAsync(context, call, $"{server.KindName}: {words} Its own log says more.", cancel);
        }
    }

    private static async ValueTask<int> ReadAsync(
        Stream upstream,
        Memory<byte> room,
        PipeWriter downstream,
        Silence silence,
        CancellationToken cancel
    )
    {
        var reading = upstream.ReadAsync(room, cancel).AsTask();
        while (!reading.IsCompleted && await Task.WhenAny(reading, silence.Watch) != reading)
        {
            cancel.ThrowIfCancellationRequested();
            if (silence.IsLong())
            {
                await downstream.WriteAsync(ResponseEvents.Ping, cancel);
            }
        }
        var read = await reading;
        silence.Ended();
        return read;
    }

    private static async Task FailAsync(HttpContext context, CallRecord call, string message, CancellationToken cancel)
    {
        call.Error = message;
        var bytes = Encoding.UTF8.GetBytes(ResponseEvents.Failed(message));
        call.Answer(context, bytes);
        await context.Response.BodyWriter.WriteAsync(bytes, cancel);
    }

    /// <summary>
    /// Notices that nothing came for long. One timer for many pieces: a stream has fifty a second, and a timer and a cancellation for
    /// each of them would cost more than the piece itself.
    /// </summary>
    private sealed class Silence : IDisposable
    {
        private readonly CancellationTokenSource _end = new();
        private readonly TimeProvider _time;
        private readonly TimeSpan _limit;
        private long _since;

        public Silence(TimeProvider time, TimeSpan limit)
        {
            (_time, _limit, _since) = (time, limit, time.GetTimestamp());
            Watch = Task.Delay(limit, time, _end.Token);
        }

        /// <summary>Ends when it is worth to look.</summary>
        public Task Watch { get; private set; }

        /// <summary>Something came.</summary>
        public void Ended() => _since = _time.GetTimestamp();

        /// <summary>Asked when the watch has ended, which begins anew.</summary>
        public bool IsLong()
        {
            var left = _limit - _time.GetElapsedTime(_since);
            var isLong = left <= TimeSpan.Zero;
            if (isLong)
            {
                Ended();
                left = _limit;
            }
            Watch = Task.Delay(left, _time, _end.Token);
            return isLong;
        }

        public void Dispose()
        {
            _end.Cancel();
            _end.Dispose();
        }
    }
}
