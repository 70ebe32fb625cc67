using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Bench;

/// <summary>What the gateway adds on the way to the model server, beside programs that only pass bytes or requests on.</summary>
internal static class Door
{
    private const int Port = 21711;

    public static async Task MeasureAsync(Machine machine)
    {
        var children = new List<Process>();
        try
        {
            children.Add(Child(Environment.ProcessPath!, "upstream", $"{Port}"));
            await ListensAsync(new IPEndPoint(IPAddress.Loopback, Port));
            await using var gateway = await GatewayAsync(machine);
            var routes = new List<Route> { new("direct", new IPEndPoint(IPAddress.Loopback, Port)), gateway.Route };
            await AddPeersAsync(machine, routes, children);
            foreach (var route in routes)
            {
                // Everybody's first request: code that runs for the first time, connections, what the gateway asks the server.
                for (var i = 0; i < 20; i++)
                {
                    await Client.StreamAsync(route, 20, 1);
                }
            }
            await FirstByteAsync(machine, routes);
            foreach (
                var (streams, pause, seconds, rounds) in ((int, int, int, int)[])
                    [(1, 20, 3, 5), (20, 20, 3, 3), (100, 20, 3, 3), (1000, 500, 6, 1)]
            )
            {
                await ChunksAsync(machine, routes, streams, pause, seconds, rounds);
            }
            await ThroughputAsync(machine, routes);
        }
        finally
        {
            foreach (var child in children)
            {
                child.Kill(entireProcessTree: true);
                child.Dispose();
            }
        }
    }

    private static async Task FirstByteAsync(Machine machine, List<Route> routes)
    {
        var times = routes.ToDictionary(route => route.Name, _ => new Numbers(), StringComparer.Ordinal);
        for (var round = 0; round < machine.Rounds(300); round++)
        {
            for (var i = 0; i < routes.Count; i++)
            {
                var route = routes[(i + round) % routes.Count];
                times[route.Name].Add((await Client.StreamAsync(route, 1, 0)).First);
            }
        }
        var table = new Table("Time to the first event", "route", "p50 ms", "p99 ms", "added p50", "added p99", "added p50 to socat's");
        Compare(table, routes, times, "socat");
        table.Print(
            $"{times.Values.First().Count} requests each, turn by turn, each on a new connection. Budget: at most twice what socat adds."
        );
    }

    private static async Task ChunksAsync(Machine machine, List<Route> routes, int streams, int pause, int seconds, int rounds)
    {
        var times = routes.ToDictionary(route => route.Name, _ => new Numbers(), StringComparer.Ordinal);
        var memory = new Dictionary<string, double>(StringComparer.Ordinal);
        var failed = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var round = 0; round < machine.Rounds(rounds * 5) / 5 + (machine.Quick ? 1 : 0); round++)
        {
            for (var i = 0; i < routes.Count; i++)
            {
                var route = routes[(i + round) % routes.Count];
                try
                {
                    var running = new List<Task<(double, List<double> Chunks)>>();
                    for (var stream = 0; stream < streams; stream++)
                    {
                        running.Add(Client.StreamAsync(route, seconds * 1000 / pause, pause));
                        // Not all in one instant, and not in step.
                        await Task.Delay(streams > 100 ? stream % 2 : stream % 3);
                    }
                    memory[route.Name] = Math.Max(memory.GetValueOrDefault(route.Name), Resident(route));
                    foreach (var (_, chunks) in await Task.WhenAll(running))
                    {
                        times[route.Name].AddAll(chunks);
                    }
                }
                catch (Exception error) when (error is InvalidDataException or SocketException)
                {
                    failed[route.Name] = error.Message;
                }
            }
        }
        var table = new Table(
            $"{streams} stream{(streams == 1 ? "" : "s")}, {1000 / pause} events a second each",
            "route",
            "p50 ms",
            "p99 ms",
            "added p50",
            "added p99",
            "added p50 to socat's",
            "memory MB (PSS)"
        );
        Compare(table, routes, times, "socat", memory);
        table.Print(failed.Count == 0 ? null : string.Join('\n', failed.Select(one => $"{one.Key}: {one.Value}")));
    }

    private static async Task ThroughputAsync(Machine machine, List<Route> routes)
    {
        const int up = 64 << 20;
        const long down = 512 << 20;
        var (ups, downs) = (
            routes.ToDictionary(r => r.Name, _ => new Numbers(), StringComparer.Ordinal),
            routes.ToDictionary(r => r.Name, _ => new Numbers(), StringComparer.Ordinal)
        );
        var memory = new Dictionary<string, double>(StringComparer.Ordinal);
        for (var round = 0; round < machine.Rounds(15) / 3; round++)
        {
            foreach (var route in round % 2 == 0 ? routes : Enumerable.Reverse(routes))
            {
                downs[route.Name].Add(down / 1e6 / await Client.BulkAsync(route, 1, down));
                ups[route.Name].Add(up / 1e6 / await Client.BulkAsync(route, up, 2));
                memory[route.Name] = Resident(route);
            }
        }
        var table = new Table(
            "Big bodies",
            "route",
            "down MB/s",
            "min",
            "max",
            "to socat's",
            "up MB/s",
            "min",
            "max",
            "to socat's",
            "memory MB after (PSS)"
        );
        foreach (var route in routes)
        {
            var (d, u) = (downs[route.Name], ups[route.Name]);
            table.Row(
                route.Name,
                Table.Ms(d.Median, 0),
                Table.Ms(d.Least, 0),
                Table.Ms(d.Most, 0),
                downs.TryGetValue("socat", out var sd) ? Table.Ratio(d.Median, sd.Median) : "-",
                Table.Ms(u.Median, 0),
                Table.Ms(u.Least, 0),
                Table.Ms(u.Most, 0),
                ups.TryGetValue("socat", out var su) ? Table.Ratio(u.Median, su.Median) : "-",
                memory[route.Name] > 0 ? Table.Megabytes(memory[route.Name]) : "-"
            );
        }
        table.Print(
            "512 MiB down, 64 MiB up in one JSON body. The gateway reads a request whole before it decides; the others pass bytes on."
        );
    }

    private static void Compare(
        Table table,
        List<Route> routes,
        Dictionary<string, Numbers> times,
        string peer,
        Dictionary<string, double>? memory = null
    )
    {
        var direct = times["direct"];
        var peers = times.TryGetValue(peer, out var found) ? found.Median - direct.Median : double.NaN;
        foreach (var route in routes)
        {
            var own = times[route.Name];
            string[] cells =
            [
                route.Name,
                Table.Ms(own.Median, 3),
                Table.Ms(own.At(0.99), 3),
                Table.Ms(own.Median - direct.Median, 3),
                Table.Ms(own.At(0.99) - direct.At(0.99), 3),
                route.Name == "direct" ? "-" : Table.Ratio(own.Median - direct.Median, peers),
            ];
            table.Row(
                memory is null
                    ? cells
                    : [.. cells, memory.GetValueOrDefault(route.Name) is > 0 and var bytes ? Table.Megabytes(bytes) : "-"]
            );
        }
    }

    private static async Task AddPeersAsync(Machine machine, List<Route> routes, List<Process> children)
    {
        var folder = machine.Folder("peers");
        async Task Add(string name, Process child)
        {
            children.Add(child);
            var address = new UnixDomainSocketEndPoint(Path.Combine(folder, name + ".sock"));
            await ListensAsync(address);
            routes.Add(new Route(name, address, child.Id));
        }
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
                    client_body_temp_path {{folder}}; proxy_temp_path {{folder}}; fastcgi_temp_path {{folder}}; uwsgi_temp_path {{folder}}; scgi_temp_path {{folder}};
                    upstream model { server 127.0.0.1:{{Port}}; keepalive 64; }
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

    /// <summary>A gateway as `run` starts it, for a container that is not there: its engine is asked to stop it at the end, and finds nothing.</summary>
    private static async Task<RunningGateway> GatewayAsync(Machine machine)
    {
        var environment = new HostEnvironment(machine.Environment);
        var paths = new Paths(environment);
        var name = $"bench-{Environment.ProcessId}";
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
        var order = new GatewayOrder("bubblewrap", name, $"http://127.0.0.1:{Port}", [], Temporary: false, Scripted: false);
        var link = await launcher.OpenAsync(order, "bench", CancellationToken.None);
        return new RunningGateway(
            new Route("gateway", new UnixDomainSocketEndPoint(files.DoorSocket), ProcessOf("gateway", "bubblewrap", name)),
            link,
            lease
        );
    }

    private static int? ProcessOf(params string[] arguments)
    {
        var wanted = string.Join('\0', arguments) + "\0";
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var id))
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

    /// <summary>Bytes of a process and its children (socat has one a connection), each page counted once for all who share it.</summary>
    private static double Resident(Route route)
    {
        if (route.ProcessId is not { } id)
        {
            return 0;
        }
        double sum = 0;
        var waiting = new Queue<int>([id]);
        while (waiting.TryDequeue(out var process))
        {
            try
            {
                sum += Kilobytes($"/proc/{process}/smaps_rollup", "Pss:") * 1024;
                foreach (
                    var child in File.ReadAllText($"/proc/{process}/task/{process}/children")
                        .Split(' ', StringSplitOptions.RemoveEmptyEntries)
                )
                {
                    waiting.Enqueue(int.Parse(child, System.Globalization.CultureInfo.InvariantCulture));
                }
            }
            catch (IOException)
            {
                // A child that has gone meanwhile.
                continue;
            }
        }
        return sum;
    }

    private static double Kilobytes(string file, string field)
    {
        var line = File.ReadLines(file).First(line => line.StartsWith(field, StringComparison.Ordinal));
        return double.Parse(new string([.. line.Where(char.IsAsciiDigit)]), System.Globalization.CultureInfo.InvariantCulture);
    }

    private static Process Child(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo(file) { UseShellExecute = false, RedirectStandardInput = true };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        return Process.Start(start)!;
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

    private sealed record RunningGateway(Route Route, GatewayLink Link, FileLock Lease) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Link.FinishAsync(Lease, kill: false);
            await Link.DisposeAsync();
        }
    }
}
