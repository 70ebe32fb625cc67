using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Bench;

/// <summary>A model server that streams what it is told to, in a process of its own: each event carries the time at which it was sent.</summary>
internal static partial class Upstream
{
    public static async Task RunAsync(int port)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.Limits.MaxRequestBodySize = null;
            options.Limits.MinRequestBodyDataRate = null;
            options.Limits.MinResponseDataRate = null;
            options.ListenLocalhost(port);
        });
        var application = builder.Build();
        application.Run(context =>
            context.Request.Path.Value switch
            {
                "/v1/responses" => StreamAsync(context),
                "/v1/chat/completions" => BulkAsync(context),
                "/api/version" => JsonAsync(context, """{"version":"0.32.15"}"""),
                "/api/tags" => JsonAsync(context, """{"models":[{"name":"bench:latest","digest":"1","details":{"family":"bench"}}]}"""),
                "/api/show" => JsonAsync(
                    context,
                    """{"details":{"family":"bench"},"capabilities":["completion","tools"],"model_info":{"bench.context_length":65536}}"""
                ),
                "/api/ps" => JsonAsync(context, """{"models":[{"name":"bench:latest","digest":"1","context_length":65536}]}"""),
                _ => NotFoundAsync(context),
            }
        );
        await application.RunAsync();
    }

    /// <summary>`chunks=N pause=MS` somewhere in the body: N events, so far apart.</summary>
    private static async Task StreamAsync(HttpContext context)
    {
        var body = await new StreamReader(context.Request.Body).ReadToEndAsync();
        var wish = Wish().Match(body);
        var chunks = int.Parse(wish.Groups["chunks"].Value, CultureInfo.InvariantCulture);
        var pause = int.Parse(wish.Groups["pause"].Value, CultureInfo.InvariantCulture);
        context.Response.ContentType = "text/event-stream";
        using var timer = pause > 0 ? new PeriodicTimer(TimeSpan.FromMilliseconds(pause)) : null;
        for (var i = 0; i < chunks; i++)
        {
            if (i > 0 && timer is not null)
            {
                await timer.WaitForNextTickAsync();
            }
            // The padding makes an event as long as Ollama's.
            await SendAsync(
                context,
                "response.output_text.delta",
                $$"""{"type":"response.output_text.delta","item_id":"msg_0123456789abcdef","output_index":0,"content_index":0,"delta":"{{Stopwatch.GetTimestamp()}}"}"""
            );
        }
        await SendAsync(
            context,
            "response.completed",
            """{"type":"response.completed","response":{"id":"resp_1","status":"completed","usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}"""
        );
    }

    /// <summary>Reads a body of any size; `"bytes":N` in its first part: that many come back.</summary>
    private static async Task BulkAsync(HttpContext context)
    {
        var buffer = new byte[1 << 16];
        var begin = await context.Request.Body.ReadAsync(buffer);
        var wish = Bytes().Match(Encoding.ASCII.GetString(buffer, 0, begin));
        while (await context.Request.Body.ReadAsync(buffer) > 0) { }
        var left = wish.Success ? long.Parse(wish.Groups["bytes"].Value, CultureInfo.InvariantCulture) : 2;
        context.Response.ContentLength = left;
        context.Response.ContentType = "application/octet-stream";
        while (left > 0)
        {
            var part = (int)Math.Min(left, buffer.Length);
            await context.Response.BodyWriter.WriteAsync(buffer.AsMemory(0, part));
            left -= part;
        }
    }

    private static async Task SendAsync(HttpContext context, string name, string data)
    {
        await context.Response.BodyWriter.WriteAsync(Encoding.UTF8.GetBytes($"event: {name}\ndata: {data}\n\n"));
        await context.Response.BodyWriter.FlushAsync();
    }

    private static Task JsonAsync(HttpContext context, string json)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }

    private static Task NotFoundAsync(HttpContext context)
    {
        context.Response.StatusCode = 404;
        return Task.CompletedTask;
    }

    [GeneratedRegex(@"chunks=(?<chunks>\d+) pause=(?<pause>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Wish();

    [GeneratedRegex(@"""bytes"":\s*(?<bytes>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Bytes();
}
