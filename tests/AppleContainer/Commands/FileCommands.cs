using System.Globalization;
using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>What comes out of containers: logs, copies, exports, statistics.</summary>
internal sealed class FileCommands(Emulator emulator, ParsedCommand command)
{
    public int Run() =>
        command.Path switch
        {
            "logs" => Logs(),
            "copy" => Copy(),
            "export" => Export(),
            _ => Stats(),
        };

    private int Logs()
    {
        var id = command.Positionals[0];
        if (emulator.Containers.Find(id) is not { Pseudo: false } entry)
        {
            throw new ContainerException(
                $"failed to get logs for container {id} (cause: \"internalError: \"failed to open container logs: notFound: \"container with ID {id} not found\"\"\")"
            );
        }
        if (command.Has("--boot"))
        {
            throw Emulator.NotSupported("--boot");
        }
        if (entry.Started is not { } started)
        {
            throw new ContainerException(
                $"failed to get logs for container {id} (cause: \"internalError: \"failed to open container logs: file does not exist\"\")"
            );
        }
        // The original's file is emptied at each start, and both streams go into it.
        List<string> words = ["logs", "--since", started.ToString("O")];
        if (command.Number("-n") is { } lines)
        {
            words.AddRange(["--tail", $"{lines}"]);
        }
        if (command.Has("--follow"))
        {
            words.Add("--follow");
        }
        words.Add(entry.Docker);
        return emulator.Docker.StreamMerged(words);
    }

    private int Copy()
    {
        var request = CopyRequest.Parse(command);
        if (request.IntoContainer && !Path.Exists(request.LocalPath))
        {
            throw new ContainerException($"source path does not exist: {request.LocalPath}");
        }
        var direction = request.IntoContainer ? "into" : "from";
        if (emulator.Containers.Find(request.Container) is not { } entry)
        {
            throw new ContainerException(
                $"failed to copy {direction} container {request.Container} (cause: \"notFound: \"container with ID {request.Container} not found\"\")"
            );
        }
        if (entry.State != "running" || entry.Pseudo)
        {
            throw new ContainerException(
                $"failed to copy {direction} container {request.Container} (cause: \"invalidState: \"container {request.Container} is not running\"\")"
            );
        }
        var inside = $"{entry.Docker}:{request.ContainerPath}";
        var result = request.IntoContainer
            ? emulator.Docker.Capture("cp", request.LocalPath, inside)
            : emulator.Docker.Capture("cp", inside, request.LocalPath);
        if (!result.Ok)
        {
            throw new ContainerException($"failed to copy {direction} container {request.Container} (cause: \"{result.Error.Trim()}\")");
        }
        if (request.IntoContainer && File.Exists(request.LocalPath))
        {
            // One file arrives as root's, and with one mode.
            var path = request.ContainerPath.EndsWith('/')
                ? request.ContainerPath + Path.GetFileName(request.LocalPath)
                : request.ContainerPath;
            emulator.Docker.Capture(
                "exec",
                "--user",
                "0",
                entry.Docker,
                "/bin/sh",
                "-c",
                """f=$1; [ -d "$f" ] && f=$f/$2; chown 0:0 "$f"; chmod 0644 "$f" """,
                "sh",
                path,
                Path.GetFileName(request.LocalPath)
            );
        }
        Console.Out.WriteLine(command.Positionals[1]);
        return 0;
    }

    private int Export()
    {
        var id = command.Positionals[0];
        var entry = emulator.Containers.Find(id) is { Pseudo: false } found
            ? found
            : throw new ContainerException($"get failed: container {id} not found");
        if (entry.Running && emulator.Profile.Version < new Version(1, 2, 1))
        {
            throw new ContainerException($"container {id} is not stopped");
        }
        return command.Value("--output") is { } file
            ? emulator.Docker.Stream(["export", "--output", file, entry.Docker])
            : emulator.Docker.Stream(["export", entry.Docker]);
    }

    private int Stats()
    {
        if (!command.Has("--no-stream") && command.Value("--format") is not "json")
        {
            throw Emulator.NotSupported("a stream of statistics");
        }
        var all = emulator.Containers.All();
        foreach (var id in command.Positionals)
        {
            if (all.TrueForAll(entry => entry.Id != id))
            {
                throw new ContainerException($"no such container: {id}");
            }
        }
        var entries = all.Where(entry =>
                entry is { State: "running", Pseudo: false } && (command.Positionals.Count == 0 || command.Positionals.Contains(entry.Id))
            )
            .ToList();
        var samples = entries.ConvertAll(entry => (entry, Sample(entry)));
        // The original takes two samples.
        Thread.Sleep(TimeSpan.FromSeconds(2));
        string[] header = ["Container ID", "Cpu %", "Memory Usage", "Net Rx/Tx", "Block I/O", "Pids"];
        return Emulator.PrintList(
            command,
            samples.Select(pair => pair.Item2),
            header,
            samples.Select(pair => Row(pair.entry, pair.Item2)),
            entries.Select(entry => entry.Id)
        );
    }

    /// <summary>From the kernel's own counters of the container's processes: Docker's text is rounded.</summary>
    private JsonObject Sample(ContainerEntry entry)
    {
        var pids = emulator
            .Docker.Capture("top", entry.Docker, "-o", "pid,rss")
            .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Skip(1)
            .ToList();
        var memory = pids.Sum(line =>
            long.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries).LastOrDefault(), out var kilobytes) ? kilobytes * 1024 : 0
        );
        return new JsonObject
        {
            ["blockReadBytes"] = 0L,
            ["blockWriteBytes"] = 0L,
            ["cpuUsageUsec"] = pids.Sum(line => CpuMicroseconds(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0])),
            ["id"] = entry.Id,
            ["memoryLimitBytes"] = entry.Configuration["resources"]!["memoryInBytes"]!.DeepClone(),
            ["memoryUsageBytes"] = memory,
            ["networkRxBytes"] = 0L,
            ["networkTxBytes"] = 0L,
            ["numProcesses"] = pids.Count,
        };
    }

    private static long CpuMicroseconds(string pid)
    {
        const int ticksPerSecond = 100;
        var file = $"/proc/{pid}/stat";
        if (!File.Exists(file))
        {
            return 0;
        }
        var fields = File.ReadAllText(file) is var text ? text[(text.LastIndexOf(')') + 2)..].Split(' ') : [];
        return (long.Parse(fields[11]) + long.Parse(fields[12])) * 1_000_000 / ticksPerSecond;
    }

    private static string[] Row(ContainerEntry entry, JsonObject sample) =>
        [
            entry.Id,
            "0.00%",
            $"{Mebibytes(sample, "memoryUsageBytes")} / {Mebibytes(sample, "memoryLimitBytes")}",
            "0.00 KiB / 0.00 KiB",
            "0.00 KiB / 0.00 KiB",
            sample["numProcesses"]!.ToString(),
        ];

    private static string Mebibytes(JsonObject sample, string key) =>
        (sample[key]!.GetValue<long>() / (1024.0 * 1024)).ToString("0.00", CultureInfo.InvariantCulture) + " MiB";
}
