using System.Globalization;
using Codexctl.Gateway.Egress;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Codexctl.Gateway.Proxy;

/// <summary>Passes on, as they are, requests that came by HTTP/2; the server gets them by HTTP/1.1.</summary>
internal sealed class ForwardedRequests(Uri target, IExchangeSink sink, TimeProvider time) : IDisposable
{
    private readonly IHttpForwarder _forwarder = Forwarding.MakeForwarder();
    private readonly HttpMessageInvoker _upstream = Forwarding.MakeUpstream();

    public async Task HandleAsync(HttpContext context)
    {
        var call = new RelayCall(time, HeadOf(context.Request), sink);
        call.Sent();
        context.Request.Body = new TappedStream(context.Request.Body) { OnRead = bytes => call.Sends(new(bytes)), OnEnd = call.SentAll };
        context.Response.Body = new TappedStream(context.Response.Body) { OnWrite = bytes => call.Answers(new(bytes)) };
        try
        {
            var error = await _forwarder.SendAsync(context, target.AbsoluteUri, _upstream, Forwarding.Config, new AsItIs(target, call));
            if (error != ForwarderError.None)
            {
                var reason = context.Features.Get<IForwarderErrorFeature>()?.Exception?.Message ?? error.ToString();
                var left = context.RequestAborted.IsCancellationRequested;
                call.Fail(left && !context.Response.HasStarted ? 0 : context.Response.StatusCode, left ? "the client left" : reason);
            }
        }
        finally
        {
            sink.Add(call.Finish());
        }
    }

    public void Dispose() => _upstream.Dispose();

    private static MessageHead HeadOf(HttpRequest request) =>
        new(
            request.Method,
            request.HttpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            request.Protocol,
            [.. request.Headers.SelectMany(header => header.Value, (header, value) => KeyValuePair.Create(header.Key, value ?? ""))]
        );

    private static MessageHead HeadOf(HttpResponseMessage response) =>
        new(
            "HTTP/1.1",
            ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture),
            response.ReasonPhrase ?? "",
            [
                .. response
                    .Headers.NonValidated.Concat(response.Content.Headers.NonValidated)
                    .SelectMany(header => header.Value, (header, value) => KeyValuePair.Create(header.Key, value)),
            ]
        );

    private sealed class AsItIs(Uri target, RelayCall call) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext,
            HttpRequestMessage proxyRequest,
            string destinationPrefix,
            CancellationToken cancellationToken
        )
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            var raw = httpContext.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            proxyRequest.RequestUri = new Uri(
                target.AbsoluteUri.TrimEnd('/') + raw,
                new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }
            );
            // The server's own address: Ollama answers nobody else.
            proxyRequest.Headers.Host = null;
        }

        public override ValueTask<bool> TransformResponseAsync(
            HttpContext httpContext,
            HttpResponseMessage? proxyResponse,
            CancellationToken cancellationToken
        )
        {
            if (proxyResponse is not null)
            {
                call.Answered((int)proxyResponse.StatusCode, HeadOf(proxyResponse));
            }
            return base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        }
    }
}
