using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Yarp.ReverseProxy.Forwarder;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>How requests are passed on to a model server: by HTTP/1.1, unchanged, unbuffered, for as long as it takes.</summary>
internal static class Forwarding
{
    public static ForwarderRequestConfig Config { get; } =
        new()
        {
            // Loading a big model from a slow disk is silent for long; the client's leaving ends a request earlier.
            ActivityTimeout = TimeSpan.FromHours(12),
            AllowResponseBuffering = false,
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };

    // The forwarder is only made by its service registration; nothing else is registered here.
    public static IHttpForwarder MakeForwarder() =>
        new ServiceCollection().AddLogging().AddHttpForwarder().BuildServiceProvider().GetRequiredService<IHttpForwarder>();

    public static HttpMessageInvoker MakeUpstream() =>
        new(
            new SocketsHttpHandler
            {
                UseProxy = false,
                AllowAutoRedirect = false,
                AutomaticDecompression = DecompressionMethods.None,
                UseCookies = false,
                ConnectTimeout = TimeSpan.FromSeconds(10),
                // The model server's own idle limit is not known: a connection that it has just closed costs the person a turn.
                PooledConnectionIdleTimeout = TimeSpan.FromSeconds(20),
                EnableMultipleHttp2Connections = true,
                ActivityHeadersPropagator = null,
            }
        );
}
