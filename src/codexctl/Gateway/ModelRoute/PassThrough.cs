using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using Codexctl.Models;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>Requests that reach the server as they are. Only the headers that matter to a model server go with them.</summary>
internal sealed class PassThrough(HttpMessageInvoker upstream, ModelServer server, string? authorization)
{
    private readonly IHttpForwarder _forwarder = Forwarding.MakeForwarder();

    /// <param name="body">The body, read and found good; null where there is none.</param>
    public async Task SendAsync(HttpContext context, string path, ReadOnlyMemory<byte>? body, CallRecord call)
    {
        if (body is { } bytes)
        {
            context.Request.Body = AsStream(bytes);
        }
        var error = await _forwarder.SendAsync(
            context,
            server.Display,
            upstream,
            Forwarding.Config,
            new Transformer(server, path, body?.Length, authorization, call)
        );
        if (error == ForwarderError.None || context.RequestAborted.IsCancellationRequested)
        {
            call.Left = error != ForwarderError.None;
            return;
        }
        var reason = context.Features.Get<IForwarderErrorFeature>()?.Exception;
        throw new HttpRequestException(
            (reason as HttpRequestException)?.HttpRequestError ?? HttpRequestError.Unknown,
            reason?.Message ?? error.ToString(),
            reason
        );
    }

    private static MemoryStream AsStream(ReadOnlyMemory<byte> bytes) =>
        MemoryMarshal.TryGetArray(bytes, out var part)
            ? new MemoryStream(part.Array!, part.Offset, part.Count, writable: false)
            : new MemoryStream(bytes.ToArray(), writable: false);

    private sealed class Transformer(ModelServer server, string path, int? length, string? authorization, CallRecord call) : HttpTransformer
    {
        public override ValueTask TransformRequestAsync(
            HttpContext httpContext,
            HttpRequestMessage proxyRequest,
            string destinationPrefix,
            CancellationToken cancellationToken
        )
        {
            // Not the base class's copy of everything: no cookies, no tokens of the box, no headers that change a method or a host.
            proxyRequest.RequestUri = server.At(path);
            if (httpContext.Request.Headers.Accept is { Count: > 0 } accept)
            {
                proxyRequest.Headers.TryAddWithoutValidation("Accept", (IEnumerable<string?>)accept);
            }
            if (authorization is not null)
            {
                proxyRequest.Headers.TryAddWithoutValidation("Authorization", authorization);
            }
            if (proxyRequest.Content is { } content && length is { } bytes)
            {
                content.Headers.ContentLength = bytes;
                content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            }
            return default;
        }

        public override ValueTask<bool> TransformResponseAsync(
            HttpContext httpContext,
            HttpResponseMessage? proxyResponse,
            CancellationToken cancellationToken
        )
        {
            call.FirstByte();
            return base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        }
    }
}
