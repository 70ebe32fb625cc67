using System.Net.Sockets;
using Codexctl.Gateway.Recording;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Codexctl.Gateway.Proxy;

/// <summary>
/// Serves the connections of the stand-alone proxy, each by its kind: HTTP/1.1 is relayed as it is; h2c, and everything in local-only mode, goes
/// through the HTTP server.
/// </summary>
internal sealed class ProxyServer(HttpRelay relay, RequestDelegate requests, bool everythingToRequests) : IAsyncDisposable
{
    /// <summary>Connections at one time; more wait in the system's queue until some end.</summary>
    private const int MostConnections = 5000;

    private static readonly TimeSpan _firstByteLimit = TimeSpan.FromMinutes(10);

    private readonly HandedOver _http1 = new();
    private readonly HandedOver _http2 = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _relayed = new(MostConnections);
    private WebApplication? _application;

    // What an HTTP/2 client says first; no HTTP/1 request begins like that.
    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public async Task StartAsync()
    {
        var builder = OwnServer.Builder();
        builder.Services.AddSingleton<Microsoft.AspNetCore.Connections.IConnectionListenerFactory, HandedOver.Listening>();
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.PassEverything(MostConnections);
            options.Listen(_http1, listen => listen.Protocols = HttpProtocols.Http1);
            options.Listen(_http2, listen => listen.Protocols = HttpProtocols.Http2);
        });
        _application = builder.Build();
        _application.Run(requests);
        await _application.StartAsync();
    }

    /// <summary>Takes a connection that was accepted; returns at once.</summary>
    public void Accept(Socket socket) => _ = ServeAsync(socket);

    private async Task ServeAsync(Socket socket)
    {
        try
        {
            if (socket.ProtocolType == ProtocolType.Tcp)
            {
                socket.NoDelay = true;
            }
            if (await IsHttp2Async(socket))
            {
                _http2.Give(socket);
            }
            else if (everythingToRequests)
            {
                _http1.Give(socket);
            }
            else if (await _relayed.WaitAsync(0))
            {
                await RelayAsync(socket);
            }
            else
            {
                socket.Dispose();
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It left before it said anything, or we end.
            socket.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        if (_application is not null)
        {
            await _application.StopAsync();
            await _application.DisposeAsync();
        }
        _http1.Dispose();
        _http2.Dispose();
        _stopping.Dispose();
        _relayed.Dispose();
    }

    private async Task RelayAsync(Socket socket)
    {
        try
        {
            await relay.ServeAsync(socket, _stopping.Token);
        }
        finally
        {
            try
            {
                _relayed.Release();
            }
            catch (ObjectDisposedException)
            {
                // The last one, after the end.
            }
        }
    }

    private async Task<bool> IsHttp2Async(Socket socket)
    {
        var first = new byte[Preface.Length];
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token);
        limit.CancelAfter(_firstByteLimit);
        while (true)
        {
            var count = await socket.ReceiveAsync(first, SocketFlags.Peek, limit.Token);
            if (count == 0 || !Preface.StartsWith(first.AsSpan(0, count)))
            {
                return false;
            }
            if (count == first.Length)
            {
                return true;
            }
            // Half a preface, which no request begins with beyond its first letter: the rest is on its way.
            await Task.Delay(20, limit.Token);
        }
    }
}
