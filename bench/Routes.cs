using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Codexctl.Gateway;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Bench;

/// <summary>The ways to the model server that are measured beside each other, and their processes.</summary>
internal sealed class Routes : IAsyncDisposable
{
    private const int Port = 21711;

    private readonly List<Route> _all = [new(Route.Direct, new IPEndPoint(IPAddress.Loopback, Port))];
    private readonly List<Process> _children = [];
    private readonly List<(GatewayLink Link, FileLock Lease)> _gateways = [];

    public IReadOnlyList<Route> All => _all;

    public static async Task<Routes> StartAsync(Machine machine)
    {
        var routes = new Routes();
        try
        {
            routes._children.Add(Child(Environment.ProcessPath!, "upstream", $"{Port}"));
            await ListensAsync(routes._all[0].Address);
            await routes.AddGatewayAsync(machine, "gateway", record: false);
            await routes.AddGatewayAsync(machine, "gateway --record", record: true);
            await routes.AddProxyAsync(machine, "proxy");
            await routes.AddProxyAsync(machine, "proxy --record", "--record", Path.Combine(machine.Folder("peers"), "record.jsonl"));
            await routes.AddPeersAsync(machine.Folder("peers"));
            return routes;
        }
        catch
        {
            await routes.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (link, lease) in _gateways)
        {
            await link.FinishAsync(lease, kill: false);
            await link.DisposeAsync();
        }
        foreach (var child in _children)
        {
            child.Kill(entireProcessTree: true);
            child.Dispose();
        }
    }

    /// <summary>A gateway as `run` starts it, for a container that is not there: its engine is asked to stop it at the end, and finds nothing.</summary>
    private async Task AddGatewayAsync(Machine machine, string route, bool record)
    {
        var environment = new HostEnvironment(machine.Environment);
        var paths = new Paths(environment);
        var name = $"bench-{Environment.ProcessId}-{_gateways.Count}";
        var files = paths.Container("bubblewrap", name);
        files.Prepare();
        var lease = FileLock.TryTake(files.Lease, shared: true)!;
        var launcher = new GatewayLauncher(
            new ProcessRunner(environment),
            paths,
            arguments => new CommandLine(machine.Program, arguments)
            {
                Environment = machine.Environment.ToDictionary(pair => pair.Key, pair => (string?)pair.Value, StringComparer.Ordinal),
            },
            TimeProvider.System
        );
        var order = new GatewayOrder("bubblewrap", name, $"http://127.0.0.1:{Port}", [], Temporary: false, Scripted: false, Record: record);
        _gateways.Add((await launcher.OpenAsync(order, "bench", CancellationToken.None), lease));
        _all.Add(new Route(route, new UnixDomainSocketEndPoint(files.DoorSocket), ProcessOf("gateway", "bubblewrap", name)));
    }

    private Task AddProxyAsync(Machine machine, string route, params string[] options)
    {
        var socket = Path.Combine(machine.Folder("peers"), route.Replace(" ", "", StringComparison.Ordinal) + ".sock");
        string[] arguments = ["proxy", "--quiet", "--listen-unix", socket, "--target", $"http://127.0.0.1:{Port}", .. options];
        return AddAsync(route, socket, Child(machine.Program, arguments));
    }

    private async Task AddAsync(string name, string socket, Process child)
    {
        _children.Add(child);
        var address = new UnixDomainSocketEndPoint(socket);
        await ListensAsync(address);
        _all.Add(new Route(name, address, child.Id));
    }

    private async Task AddPeersAsync(string folder)
    {
        Task Add(string name, Process child) => AddAsync(name, Path.Combine(folder, name + ".sock"), child);
        if (Commands.Has("socat") is not null)
        {
            await Add(
                "socat",
                Child("socat", "-b", "65536", $"UNIX-LISTEN:{folder}/socat.sock,fork,backlog=1024", $"TCP:127.0.0.1:{Port},nodelay")
            );
        }
        if (Commands.Has("nginx") is not null)
        {
            File.WriteAllText(
                $"{folder}/nginx.conf",
                $$"""
                daemon off; pid {{folder}}/nginx.pid; error_log {{folder}}/nginx.log; worker_processes 1; worker_rlimit_nofile 20000;
                events { worker_connections 8000; }
                http {
                    access_log off; client_max_body_size 0; proxy_buffering off; proxy_request_buffering off; proxy_http_version 1.1;
                    keepalive_requests 1000000;
                    client_body_temp_path {{folder}}; proxy_temp_path {{folder}}; fastcgi_temp_path {{folder}}; uwsgi_temp_path {{folder}}; scgi_temp_path {{folder}};
                    upstream model { server 127.0.0.1:{{Port}}; keepalive 64; keepalive_requests 1000000; }
                    server { listen unix:{{folder}}/nginx.sock; location / { proxy_pass http://model; proxy_set_header Connection ""; proxy_read_timeout 3600; } }
                }
                """
            );
            await Add("nginx", Child("nginx", "-c", $"{folder}/nginx.conf"));
        }
        if (Commands.Has("haproxy") is not null)
        {
            File.WriteAllText(
                $"{folder}/haproxy.cfg",
                $"""
                global
                    maxconn 8000
                    nbthread 1
                defaults
                    mode http
                    timeout connect 10s
                    timeout client 1h
                    timeout server 1h
                frontend door
                    bind unix@{folder}/haproxy.sock
                    default_backend model
                backend model
                    http-reuse always
                    server one 127.0.0.1:{Port}

                """
            );
            await Add("haproxy", Child("haproxy", "-f", $"{folder}/haproxy.cfg"));
        }
    }

    private static int? ProcessOf(params string[] arguments)
    {
        var wanted = string.Join('\0', arguments) + "\0";
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                continue;
            }
            try
            {
                if (File.ReadAllText($"{folder}/cmdline").EndsWith(wanted, StringComparison.Ordinal))
                {
                    return id;
                }
            }
            catch (IOException)
            {
                // It has gone meanwhile.
                continue;
            }
        }
        return null;
    }

    private static Process Child(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo(file)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        var child = Process.Start(start)!;
        // What they say about themselves is no part of the tables; only an end before its time is told.
        child.ErrorDataReceived += (_, _) => { };
        child.BeginErrorReadLine();
        return child;
    }

    private static async Task ListensAsync(EndPoint address)
    {
        for (var tries = 0; ; tries++)
        {
            using var socket =
                address is UnixDomainSocketEndPoint
                    ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
                    : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(address);
                return;
            }
            catch (SocketException) when (tries < 500)
            {
                await Task.Delay(20);
            }
        }
    }
}
