using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Gateway.Recording;
using Codexctl.Models;
using Codexctl.ModelServers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Codexctl.Tests.Gateway.ModelRoute;

/// <summary>The model route on a Kestrel of its own, in front of a fake Ollama.</summary>
internal sealed class RouteHost : IAsyncDisposable, IExchangeSink
{
    private readonly WebApplication _app;
    private readonly ModelRouteHandler _route;
    private readonly ConcurrentQueue<ModelCall> _calls = new();
    private readonly ConcurrentQueue<Exchange> _exchanges = new();

    private RouteHost(WebApplication app, FakeOllama ollama, ModelServerKind kind, TimeProvider time, Uri? server)
    {
        _app = app;
        Ollama = ollama;
        _route = new ModelRouteHandler(new ModelServer(kind, server ?? ollama.Address), this, time);
    }

    public FakeOllama Ollama { get; }

    public HttpClient Client { get; private set; } = null!;

    public IReadOnlyList<ModelCall> Calls => [.. _calls];

    public static async Task<RouteHost> StartAsync(
        ModelServerKind kind = ModelServerKind.Ollama,
        TimeProvider? time = null,
        Uri? server = null
    )
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(options => options.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var host = new RouteHost(app, await FakeOllama.StartAsync(), kind, time ?? TimeProvider.System, server);
        app.Run(host._route.HandleAsync);
        await app.StartAsync();
        host.Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()), Timeout = TimeSpan.FromMinutes(2) };
        return host;
    }

    public void Add(Exchange exchange)
    {
        _exchanges.Enqueue(exchange);
        if (exchange is ModelCall call)
        {
            _calls.Enqueue(call);
        }
    }

    public bool WantsBodies { get; set; }

    /// <summary>Everything that was added, in order.</summary>
    public IReadOnlyList<Exchange> Exchanges => [.. _exchanges];

    public async Task<ModelCall> OneCallAsync()
    {
        // Written when the request has ended, which is a moment after its last byte.
        for (var i = 0; i < 500 && _calls.IsEmpty; i++)
        {
            await Task.Delay(10);
        }
        return _calls.ShouldHaveSingleItem();
    }

    public Task<HttpResponseMessage> PostAsync(string path, string json) =>
        Client.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"));

    public Task<HttpResponseMessage> ResponsesAsync(string json, CancellationToken cancel = default) =>
        Client.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "/v1/responses")
            {
                Content = new StringContent(json, Encoding.UTF8, "application/json"),
            },
            HttpCompletionOption.ResponseHeadersRead,
            cancel
        );

    public Task<string> GetAsync(string path) => Client.GetStringAsync(path);

    public static Task<string> TextAsync(HttpResponseMessage answer) => answer.Content.ReadAsStringAsync();

    /// <summary>Sends bytes as they are and returns all that comes back until the connection ends.</summary>
    public async Task<string> RawAsync(string request)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, Client.BaseAddress!.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
        _route.Dispose();
        await Ollama.DisposeAsync();
    }
}
