using System.Diagnostics;
using System.Net.Sockets;

namespace Codexctl.Bench;

/// <summary>What the gateway and `codexctl proxy` add on the way to the model server, beside programs that only pass bytes or requests on.</summary>
internal static class Door
{
    public static async Task MeasureAsync(Machine machine)
    {
        await using var routes = await Routes.StartAsync(machine);
        foreach (var route in routes.All)
        {
            // Everybody's first requests: code that runs for the first time, connections, what the gateway asks the server.
            for (var i = 0; i < 20; i++)
            {
                await Client.StreamAsync(route, 20, 1);
            }
        }
        await FirstEventAsync(machine, routes.All);
        foreach (
            var (streams, pause, seconds, rounds) in ((int, int, int, int)[])
                [(1, 20, 2, 5), (20, 20, 2, 3), (100, 20, 2, 3), (1000, 20, 3, 1)]
        )
        {
            await StreamsAsync(routes.All, streams, pause, machine.Quick ? Math.Max(1, seconds - 1) : seconds, machine.Quick ? 1 : rounds);
        }
        await RequestsAsync(machine, routes.All);
        await BodiesAsync(machine, routes.All);
    }

    private static async Task FirstEventAsync(Machine machine, IReadOnlyList<Route> routes)
    {
        var times = new Paired(routes);
        for (var round = 0; round < (machine.Quick ? 3 : 7); round++)
        {
            times.NextRound();
            for (var turn = 0; turn < 40; turn++)
            {
                for (var i = 0; i < routes.Count; i++)
                {
                    var route = routes[(i + turn) % routes.Count];
                    times.Add(route, (await Client.StreamAsync(route, 1, 0)).First);
                }
            }
        }
        var table = new Table("Time to the first event", [.. Paired.Columns]);
        foreach (var route in routes)
        {
            table.Row(times.Cells(route));
        }
        table.Print(
            $"{times.Count(routes[0])} requests each, turn by turn, each on a new connection. {Paired.Note} Budget: at most twice what socat adds."
        );
    }

    private static async Task StreamsAsync(IReadOnlyList<Route> routes, int streams, int pause, int seconds, int rounds)
    {
        var times = new Paired(routes);
        var memory = new Dictionary<Route, double>();
        var processor = new Dictionary<Route, Numbers>();
        var failed = new List<string>();
        for (var round = 0; round < rounds; round++)
        {
            times.NextRound();
            for (var i = 0; i < routes.Count; i++)
            {
                var route = routes[(i + round) % routes.Count];
                var before = Costs.Processor(route);
                try
                {
                    var running = new List<Task<(double, List<double> Chunks)>>();
                    for (var stream = 0; stream < streams; stream++)
                    {
                        running.Add(Client.StreamAsync(route, seconds * 1000 / pause, pause));
                        // Not all in one instant, and not in step.
                        await Task.Delay(streams > 100 ? stream % 2 : stream % 3);
                    }
                    memory[route] = Math.Max(memory.GetValueOrDefault(route), Costs.Memory(route));
                    var count = 0;
                    foreach (var (_, chunks) in await Task.WhenAll(running))
                    {
                        times.AddAll(route, chunks);
                        count += chunks.Count;
                    }
                    processor.TryAdd(route, new Numbers());
                    processor[route].Add((Costs.Processor(route) - before) * 1e6 / count);
                }
                catch (Exception error) when (error is InvalidDataException or SocketException)
                {
                    failed.Add($"{route.Name}: {error.Message}");
                }
            }
        }
        var table = new Table(
            $"{streams} stream{(streams == 1 ? "" : "s")}, {1000 / pause} events a second each",
            [.. Paired.Columns, "CPU µs an event", "memory MB (PSS)"]
        );
        foreach (var route in routes)
        {
            // Less than a tick of the kernel's clock would be rounding.
            var cost = streams > 1 && route.ProcessId is not null && processor.TryGetValue(route, out var all) ? all.Median : double.NaN;
            table.Row([.. times.Cells(route), Table.Ms(cost, 0), Memory(memory.GetValueOrDefault(route))]);
        }
        var note = $"{rounds} round{(rounds == 1 ? "" : "s")} of {seconds} s. {Paired.Note}";
        table.Print(failed.Count == 0 ? note : $"{note}\n\n{string.Join('\n', failed)}");
    }

    private static async Task RequestsAsync(Machine machine, IReadOnlyList<Route> routes)
    {
        const int connections = 8;
        var seconds = machine.Quick ? 0.4 : 0.8;
        var (rates, middles, lates, costs) = (new Each(routes), new Each(routes), new Each(routes), new Each(routes));
        for (var round = 0; round < (machine.Quick ? 3 : 5); round++)
        {
            for (var i = 0; i < routes.Count; i++)
            {
                var route = routes[(i + round) % routes.Count];
                var before = Costs.Processor(route);
                var until = Stopwatch.GetTimestamp() + (long)(seconds * Stopwatch.Frequency);
                var all = new Numbers();
                foreach (
                    var times in await Task.WhenAll(
                        Enumerable.Range(0, connections).Select(_ => Task.Run(() => Client.RequestsAsync(route, until)))
                    )
                )
                {
                    all.AddAll(times);
                }
                rates[route].Add(all.Count / seconds);
                middles[route].Add(all.Median);
                lates[route].Add(all.At(0.99));
                costs[route].Add((Costs.Processor(route) - before) * 1e6 / all.Count);
            }
        }
        var table = new Table(
            "Many small requests",
            "route",
            "requests/s",
            "min",
            "max",
            "to socat's",
            "p50 ms",
            "p99 ms",
            "CPU µs a request"
        );
        foreach (var route in routes)
        {
            table.Row(
                route.Name,
                Table.Ms(rates[route].Median, 0),
                Table.Ms(rates[route].Least, 0),
                Table.Ms(rates[route].Most, 0),
                ToSocat(routes, rates, route),
                Table.Ms(middles[route].Median, 3),
                Table.Ms(lates[route].Median, 3),
                route.ProcessId is null ? "-" : Table.Ms(costs[route].Median, 0)
            );
        }
        table.Print(
            $"{rates[routes[0]].Count} rounds of {seconds} s on {connections} connections that are kept: chat completions of 110 bytes, answered with 200."
        );
    }

    private static async Task BodiesAsync(Machine machine, IReadOnlyList<Route> routes)
    {
        const int megabytes = 100;
        var (ups, downs, costs) = (new Each(routes), new Each(routes), new Each(routes));
        var memory = new Each(routes);
        for (var round = 0; round < (machine.Quick ? 3 : 5); round++)
        {
            for (var i = 0; i < routes.Count; i++)
            {
                var route = routes[(i + round) % routes.Count];
                var before = Costs.Processor(route);
                downs[route].Add(megabytes / await Client.BulkAsync(route, 1, megabytes * 1_000_000L));
                ups[route].Add(megabytes / await Client.BulkAsync(route, megabytes * 1_000_000, 2));
                costs[route].Add((Costs.Processor(route) - before) * 1000 / 2);
            }
        }
        // What is not needed any more is given back when nothing of that kind has come for two seconds.
        await Task.Delay(TimeSpan.FromSeconds(4));
        foreach (var route in routes)
        {
            memory[route].Add(Costs.Memory(route));
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
            "CPU ms a body",
            "memory MB 4 s after (PSS)"
        );
        foreach (var route in routes)
        {
            var (down, up) = (downs[route], ups[route]);
            table.Row(
                route.Name,
                Table.Ms(down.Median, 0),
                Table.Ms(down.Least, 0),
                Table.Ms(down.Most, 0),
                ToSocat(routes, downs, route),
                Table.Ms(up.Median, 0),
                Table.Ms(up.Least, 0),
                Table.Ms(up.Most, 0),
                ToSocat(routes, ups, route),
                route.ProcessId is null ? "-" : Table.Ms(costs[route].Median, 0),
                Memory(memory[route].Median)
            );
        }
        table.Print($"{megabytes} MB down, {megabytes} MB up in one JSON body; {downs[routes[0]].Count} rounds, turn by turn.");
    }

    private static string Memory(double bytes) => bytes > 0 ? Table.Megabytes(bytes) : "-";

    private static string ToSocat(IReadOnlyList<Route> routes, Each values, Route route) =>
        routes.FirstOrDefault(one => one.Name == Paired.Peer) is { } peer ? Table.Ratio(values[route].Median, values[peer].Median) : "-";

    /// <summary>Numbers by route.</summary>
    private sealed class Each(IEnumerable<Route> routes)
    {
        private readonly Dictionary<Route, Numbers> _all = routes.ToDictionary(route => route, _ => new Numbers());

        public Numbers this[Route route] => _all[route];
    }
}
