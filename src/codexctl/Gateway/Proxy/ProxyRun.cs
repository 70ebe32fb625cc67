using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Codexctl.Gateway.Recording;
using Codexctl.Settings;
using Microsoft.AspNetCore.Http;

namespace Codexctl.Gateway.Proxy;

/// <summary>What the stand-alone proxy is to do.</summary>
/// <param name="Listen">Addresses that need not exist yet.</param>
/// <param name="UnixSocket">A socket to listen on besides; null for none.</param>
/// <param name="LocalOnly">Only what runs a local model passes, over the model bridge, as at the door of a box.</param>
/// <param name="Hosts">Names that clients may use besides addresses and local names.</param>
public sealed record ProxySettings(
    IReadOnlyList<IPEndPoint> Listen,
    string? UnixSocket,
    Uri Target,
    bool LocalOnly,
    IReadOnlyList<string> Hosts
);

/// <summary>`codexctl proxy` from its start to Ctrl-C.</summary>
public static class ProxyRun
{
    private const int LongestSocketPath = 103;

    /// <param name="say">Sentences for the person.</param>
    /// <exception cref="UserError">Something cannot be listened on.</exception>
    public static async Task RunAsync(
        ProxySettings settings,
        IExchangeSink sink,
        TimeProvider clock,
        Action<string> say,
        CancellationToken cancel
    )
    {
        HostEnvironment.HandleSocketsInline();
        RefuseLoop(settings);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            end.Cancel();
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, Stop);

        var hosts = new HostRule(settings.Hosts);
        using var forwarded = new ForwardedRequests(settings.Target, sink, clock);
        using var model = new LazyModelRoute(settings.Target, authorization: null, kind: null, sink, clock);
        await using var server = new ProxyServer(
            new HttpRelay(settings.Target, hosts, sink, clock),
            Guarded(hosts, sink, settings.LocalOnly ? model.HandleAsync : forwarded.HandleAsync),
            settings.LocalOnly
        );
        var listeners = settings.Listen.Select(one => new StandingListener(one, clock, say, server.Accept)).ToList();
        using var unix = settings.UnixSocket is { } path ? ListenUnix(path) : null;
        try
        {
            await server.StartAsync();
            foreach (var listener in listeners)
            {
                listener.Start();
            }
            say($"passing on to {settings.Target.AbsoluteUri.TrimEnd('/')}{(settings.LocalOnly ? ", only what runs a local model" : "")}");
            var tasks = listeners.Select(listener => listener.RunAsync(end.Token)).ToList();
            if (unix is not null)
            {
                say($"listening on unix:{settings.UnixSocket}");
                tasks.Add(AcceptAsync(unix, server, clock, end.Token));
            }
            await Task.WhenAll(tasks);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            // Ctrl-C is how this ends.
            return;
        }
        finally
        {
            foreach (var listener in listeners)
            {
                listener.Close();
            }
            if (unix is not null)
            {
                File.Delete(settings.UnixSocket!);
            }
        }
    }

    private static RequestDelegate Guarded(HostRule hosts, IExchangeSink sink, RequestDelegate next) =>
        async context =>
        {
            await sink.ReadyAsync(context.RequestAborted);
            if (hosts.Refuse(context.Request.Host.Value) is not { } refusal)
            {
                await next(context);
                return;
            }
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            await context.Response.WriteAsync(refusal + "\n");
        };

    private static void RefuseLoop(ProxySettings settings)
    {
        var target = settings.Target;
        var named = IPAddress.TryParse(target.IdnHost, out var address) ? address : null;
        if (settings.Listen.Any(one => one.Port == target.Port && IsThere(one.Address)))
        {
            throw new UserError(
                $"The proxy would listen where its target is: port {target.Port} of this computer.",
                "Every request would come back to it.",
                "Listen on another port, or name another server: --target URL",
                ExitCodes.Usage
            );
        }
        bool IsThere(IPAddress listened) =>
            target.IsLoopback ? IPAddress.IsLoopback(listened) || IsEveryAddress(listened)
            : named is null ? false
            : listened.Equals(named) || (IsEveryAddress(listened) && (IsEveryAddress(named) || IsOwn(named)));
    }

    private static bool IsEveryAddress(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static bool IsOwn(IPAddress address) =>
        System
            .Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces()
            .Any(one => one.GetIPProperties().UnicastAddresses.Any(own => own.Address.Equals(address)));

    private static Socket ListenUnix(string path)
    {
        if (path.Length > LongestSocketPath)
        {
            throw new UserError(
                $"The path of the socket is longer than {LongestSocketPath} characters.",
                path,
                "Name a shorter one.",
                ExitCodes.Usage
            );
        }
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            RemoveDead(path);
            listener.Bind(new UnixDomainSocketEndPoint(path));
            // Whoever can connect uses the model server.
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            listener.Listen(512);
            return listener;
        }
        catch (Exception error) when (error is SocketException or IOException or UnauthorizedAccessException)
        {
            listener.Dispose();
            throw new UserError($"{path} cannot be listened on.", error.Message, "Name a path in a folder of yours where nothing is yet.");
        }
    }

    /// <summary>Takes away a socket that a killed proxy left; nothing else.</summary>
    private static void RemoveDead(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException error) when (error.SocketErrorCode == SocketError.ConnectionRefused && new FileInfo(path).Length == 0)
        {
            File.Delete(path);
            return;
        }
        throw new IOException("Another program listens there.");
    }

    private static async Task AcceptAsync(Socket listener, ProxyServer server, TimeProvider clock, CancellationToken cancel)
    {
        while (true)
        {
            try
            {
                server.Accept(await listener.AcceptAsync(cancel));
            }
            catch (SocketException)
            {
                // No descriptors for a moment; whoever waits in the queue is taken next.
                await Task.Delay(TimeSpan.FromMilliseconds(100), clock, cancel);
            }
        }
    }
}
