using System.Buffers;
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
        var splitter = new EventSplitter();
        using var pieces = new PatientReader(upstream, time, keepAlive);
        var ended = false;
        string? broken = null;
        while (true)
        {
            int read;
            try
            {
                pieces.Begin(splitter.Room(), cancel);
                while (!await pieces.CameAsync())
                {
                    cancel.ThrowIfCancellationRequested();
                    await downstream.WriteAsync(ResponseEvents.Ping, cancel);
                }
                read = pieces.End();
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

    private static async Task FailAsync(HttpContext context, CallRecord call, string message, CancellationToken cancel)
    {
        call.Error = message;
        var bytes = Encoding.UTF8.GetBytes(ResponseEvents.Failed(message));
        call.Answer(context, bytes);
        await context.Response.BodyWriter.WriteAsync(bytes, cancel);
    }
}
