using System.Globalization;

namespace Codexctl.Bench;

/// <summary>What a route's processes cost: the one that was started and its children (socat has one a connection).</summary>
internal static class Costs
{
    /// <summary>Bytes, each page counted once for all who share it (PSS); 0 for no process.</summary>
    public static double Memory(Route route)
    {
        double sum = 0;
        foreach (var process in Family(route))
        {
            if (
                Try(() =>
                    File.ReadLines($"/proc/{process}/smaps_rollup").First(line => line.StartsWith("Pss:", StringComparison.Ordinal))
                ) is
                { } line
            )
            {
                sum += double.Parse(new string([.. line.Where(char.IsAsciiDigit)]), CultureInfo.InvariantCulture) * 1024;
            }
        }
        return sum;
    }

    /// <summary>Seconds of processor time until now, to 10 ms; children that have ended included.</summary>
    public static double Processor(Route route)
    {
        double sum = 0;
        foreach (var process in Family(route))
        {
            if (Try(() => File.ReadAllText($"/proc/{process}/stat")) is { } text)
            {
                // After the name, which may hold anything: utime, stime, cutime, cstime.
                var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
                sum += fields[11..15].Sum(field => double.Parse(field, CultureInfo.InvariantCulture)) / 100;
            }
        }
        return sum;
    }

    private static IEnumerable<int> Family(Route route)
    {
        var waiting = new Queue<int>(route.ProcessId is { } id ? [id] : []);
        while (waiting.TryDequeue(out var process))
        {
            yield return process;
            var children = Try(() => File.ReadAllText($"/proc/{process}/task/{process}/children")) ?? "";
            foreach (var child in children.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                waiting.Enqueue(int.Parse(child, CultureInfo.InvariantCulture));
            }
        }
    }

    private static string? Try(Func<string> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is IOException or InvalidOperationException)
        {
            // A child that has gone meanwhile.
            return null;
        }
    }
}
