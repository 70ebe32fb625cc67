using System.Net;
using System.Net.Sockets;
using Codexctl.Gateway.Egress;
using Codexctl.Gateway.Proxy;
using Codexctl.Gateway.Recording;
using Codexctl.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Codexctl.Gateway;

/// <summary>
/// The door: a Unix socket, and where boxes cannot use that a TCP port besides. Connections that begin as a proxy's do (CONNECT, or a target with a host) go to the egress
/// proxy, all others are HTTP requests to the model route.
/// </summary>
internal sealed class DoorHost(RequestDelegate model, EgressProxy egress, TimeProvider clock) : IAsyncDisposable
{
    /// <summary>
    /// A box that opens connections without end must not use up our descriptors, of which front ends and the recording need a
    /// few, and each connection two. Usual limits are 4096 and more.
    /// </summary>
    private const int MostConnections = 1800;

    private static readonly TimeSpan _firstLineLimit = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private WebApplication? _application;
    private HandedOver? _overTcp;
    private Task _listening = Task.CompletedTask;

    /// <summary>What the box may reach at this moment.</summary>
    public AllowList AllowList { get; private set; } = AllowList.Empty;

    /// <summary>What was allowed and denied by hand since the gateway began, in its order; a leading `!` denies.</summary>
    public IReadOnlyList<string> Changes { get; private set; } = [];

    /// <summary>Adds what a run brings along. What the person has changed by hand goes on to hold: a run must not bring back what was denied.</summary>
    public void Allow(IReadOnlyList<string> entries)
    {
        lock (_gate)
        {
            AllowList = AllowList.Parse([.. AllowList.Entries, .. entries, .. Changes]);
        }
    }

    /// <summary>Allows or denies by hand, at once: open connections that are denied now are cut.</summary>
    /// <exception cref="UserError">An entry cannot be understood; nothing is changed then.</exception>
    public void Change(IReadOnlyList<string> entries)
    {
        lock (_gate)
        {
            AllowList = AllowList.Parse([.. AllowList.Entries, .. entries]);
            Changes = [.. Changes.Except(entries, StringComparer.Ordinal), .. entries];
        }
        egress.CutDenied();
    }

    /// <param name="tcp">The door over TCP too, where boxes cannot use the socket. Its address need not be there yet.</param>
    /// <param name="forEverybody">The engine makes a socket of its own in the box, with this one's mode but another owner.</param>
    /// <param name="say">Gets what happens to the address of the door over TCP.</param>
    public async Task StartAsync(string socket, DoorListener? tcp = null, bool forEverybody = false, Action<string>? say = null)
    {
        var builder = OwnServer.Builder();
        // What comes is passed on by the thread that noticed it, without a way over two queues: nothing here ever waits on a thread.
        builder.Services.Configure<SocketTransportOptions>(options => options.UnsafePreferInlineScheduling = true);
        if (tcp is not null)
        {
            builder.Services.AddSingleton<IConnectionListenerFactory, HandedOver.Listening>();
        }
        builder.WebHost.ConfigureKestrel(options =>
        {
            options.PassEverything(MostConnections);
            options.ListenUnixSocket(
                socket,
                listen =>
                {
                    listen.Protocols = HttpProtocols.Http1;
                    listen.Use(next => connection => DispatchAsync(connection, next));
                }
            );
            if (tcp is not null)
            {
                options.Listen(
                    _overTcp = new HandedOver(),
                    listen =>
                    {
                        listen.Protocols = HttpProtocols.Http1;
                        listen.Use(next => connection => tcp.Guard.AdmitAsync(connection, next, _stopping.Token));
                        listen.Use(next => connection => DispatchAsync(connection, next));
                    }
                );
            }
        });
        _application = builder.Build();
        _application.Run(context =>
            context.Request.Path.Value switch
            {
                "/codexctl/alive" => AliveAsync(context),
                "/codexctl/ping" => context.Response.WriteAsync("pong\n"),
                _ => model(context),
            }
        );
        await _application.StartAsync();
        // The relay in the box runs under our own user id; nobody else is to connect. Where it does not, the folder around the
        // socket, which only we may enter, keeps everybody else out.
        File.SetUnixFileMode(socket, (UnixFileMode)(forEverybody ? 0b110_110_110 : 0b110_000_000));
        if (tcp is not null)
        {
            var listener = new StandingListener(new IPEndPoint(tcp.Address, tcp.Port), clock, say ?? (_ => { }), Take)
            {
                AsksForToken = true,
            };
            listener.Start();
            _listening = listener.RunAsync(_stopping.Token);
        }
    }

    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        try
        {
            await _listening;
        }
        catch (OperationCanceledException)
        {
            // How listening ends.
        }
        if (_application is not null)
        {
            await _application.StopAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stopping.Dispose();
        if (_application is not null)
        {
            await _application.DisposeAsync();
        }
        _overTcp?.Dispose();
    }

    private void Take(Socket socket)
    {
        socket.NoDelay = true;
        _overTcp!.Give(socket);
    }

    private async Task DispatchAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var input = connection.Transport.Input;
        var kind = Sniff.NeedMore;
        using (var limit = new TimeLimit(_firstLineLimit, clock, _stopping.Token))
        {
            while (kind == Sniff.NeedMore)
            {
                System.IO.Pipelines.ReadResult read;
                try
                {
                    read = await input.ReadAsync(limit.Token);
                }
                catch (OperationCanceledException)
                {
                    // It said nothing for long: nobody is to hold connections for nothing.
                    connection.Abort();
                    return;
                }
                kind = EgressSniffer.Look(read.Buffer);
                // Nothing is consumed: whoever serves the connection reads it from its first byte.
                input.AdvanceTo(read.Buffer.Start, kind == Sniff.NeedMore ? read.Buffer.End : read.Buffer.Start);
                if (kind == Sniff.NeedMore && read.IsCompleted)
                {
                    kind = Sniff.Http;
                }
            }
        }
        if (kind == Sniff.Egress)
        {
            // Not ConnectionClosed: that one also fires when the box has only said that it sends no more.
            await egress.HandleAsync(connection.Transport, _stopping.Token);
        }
        else
        {
            await next(connection);
        }
    }

    /// <summary>Process 1 of the box holds this request open: while it lasts, the gateway lives.</summary>
    private static async Task AliveAsync(HttpContext context)
    {
        var lifetime = context.RequestServices.GetRequiredService<IHostApplicationLifetime>();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        await context.Response.WriteAsync("alive\n", end.Token);
        await context.Response.Body.FlushAsync(end.Token);
        try
        {
            await Task.Delay(Timeout.Infinite, end.Token);
        }
        catch (OperationCanceledException)
        {
            // The one way this ends: one of the two sides goes.
        }
    }
}
