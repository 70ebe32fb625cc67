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
        var call = new CallRecord(time, context) { Kind = "pass" };
        try
        {
            var error = await _forwarder.SendAsync(context, target.AbsoluteUri, _upstream, Forwarding.Config, new AsItIs(target, call));
            if (error != ForwarderError.None)
            {
                call.Left = context.RequestAborted.IsCancellationRequested;
                call.Error = call.Left ? null : context.Features.Get<IForwarderErrorFeature>()?.Exception?.Message ?? error.ToString();
            }
        }
        finally
        {
            sink.Add(call.Finish(context));
        }
    }

    public void Dispose() => _upstream.Dispose();

    private sealed class AsItIs(Uri target, CallRecord call) : Forwarding.TimedTransformer(call)
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
    }
}
