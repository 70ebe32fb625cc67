namespace Codexctl.Bench;

/// <summary>What `run --cmd true` costs beside the bare engine's own commands, and how many engine calls it makes.</summary>
internal static class Runs
{
    public static void Measure(Machine machine)
    {
        var table = new Table(
            "run --cmd true, and the bare engine",
            "engine, state",
            "codexctl ms",
            "min",
            "max",
            "bare ms",
            "min",
            "max",
            "more ms",
            "ratio"
        );
        var calls = new Table("Engine calls", "engine, state", "by the run", "which", "by the gateway");
        if (Commands.Read("docker", "image", "inspect", "--format", "{{.Id}}", "codex") is not null)
        {
            Docker(machine, table, calls);
        }
        else
        {
            Console.WriteLine("\n(docker: left out, there is no docker or no image `codex`; codexctl build makes it)");
        }
        if (Commands.Has("bwrap") is not null)
        {
            Bubblewrap(machine, table, calls);
        }
        table.Print(
            "Pairs, the order turning. Bare is: warm `exec`; stopped `start, exec, stop`; new `create, start, exec, stop, rm`; of bubblewrap always one `bwrap … true`. Budget: warm 30 ms more."
        );
        calls.Print("Counted by a wrapper before the real client. Budget: 2, 3, 4.");
    }

    private static void Docker(Machine machine, Table table, Table calls)
    {
        var bare = $"codexctl-bench-bare-{Environment.ProcessId}";
        string[] create =
        [
            "docker",
            "create",
            "--pull",
            "never",
            "--init",
            "--network",
            "none",
            "--entrypoint",
            "sleep",
            "--name",
            bare,
            "codex",
            "infinity",
        ];
        void Do(params string[] command) => Commands.Do(command, machine.Environment);
        var folder = machine.Folder("docker-project");
        try
        {
            Do(create);
            Do("docker", "start", bare);
            Codexctl(machine, folder, "docker", ["run", "--cmd", "true"]);
            Codexctl(machine, folder, "docker", ["start"]);
            Pair(
                machine,
                table,
                "docker, warm",
                30,
                () => Run(machine, folder, "docker"),
                () => Commands.Time(["docker", "exec", bare, "true"], machine.Environment)
            );
            Count(machine, calls, folder, "docker", "docker, warm", []);
            Codexctl(machine, folder, "docker", ["stop"]);
            Do("docker", "stop", "--time", "2", bare);
            Pair(
                machine,
                table,
                "docker, stopped",
                10,
                () => Run(machine, folder, "docker"),
                () =>
                    Sequence(machine, ["docker", "start", bare], ["docker", "exec", bare, "true"], ["docker", "stop", "--time", "2", bare])
            );
            Count(machine, calls, folder, "docker", "docker, stopped", []);
            Do("docker", "rm", "--force", bare);
            Pair(
                machine,
                table,
                "docker, new (--temp)",
                10,
                () => Run(machine, folder, "docker", "--temp"),
                () =>
                    Sequence(
                        machine,
                        create,
                        ["docker", "start", bare],
                        ["docker", "exec", bare, "true"],
                        ["docker", "stop", "--time", "2", bare],
                        ["docker", "rm", bare]
                    )
            );
            Count(machine, calls, folder, "docker", "docker, new (--temp)", ["--temp"]);
        }
        finally
        {
            Do("docker", "rm", "--force", bare);
            Codexctl(machine, folder, "docker", ["rm", "--force"]);
        }
    }

    private static void Bubblewrap(Machine machine, Table table, Table calls)
    {
        var folder = machine.Folder("bubblewrap-project");
        string[] bare = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"];
        double Bare() => Commands.Time(bare, machine.Environment);
        try
        {
            Codexctl(machine, folder, "bubblewrap", ["run", "--cmd", "true"]);
            Codexctl(machine, folder, "bubblewrap", ["start"]);
            Pair(machine, table, "bubblewrap, warm", 30, () => Run(machine, folder, "bubblewrap"), Bare);
            Count(machine, calls, folder, "bubblewrap", "bubblewrap, warm", []);
            Codexctl(machine, folder, "bubblewrap", ["stop"]);
            Pair(machine, table, "bubblewrap, stopped", 20, () => Run(machine, folder, "bubblewrap"), Bare);
            Count(machine, calls, folder, "bubblewrap", "bubblewrap, stopped", []);
            Pair(machine, table, "bubblewrap, new (--temp)", 20, () => Run(machine, folder, "bubblewrap", "--temp"), Bare);
            Count(machine, calls, folder, "bubblewrap", "bubblewrap, new (--temp)", ["--temp"]);
        }
        finally
        {
            Codexctl(machine, folder, "bubblewrap", ["rm", "--force"]);
        }
    }

    private static double Run(Machine machine, string folder, string engine, params string[] options) =>
        Commands.Time([machine.Program, "run", "--engine", engine, .. options, "--cmd", "true"], machine.Environment, folder);

    private static void Codexctl(Machine machine, string folder, string engine, string[] words) =>
        Commands.Do([machine.Program, words[0], "--engine", engine, .. words[1..]], machine.Environment, folder);

    private static double Sequence(Machine machine, params string[][] commands) =>
        commands.Sum(command => Commands.Time(command, machine.Environment));

    private static void Pair(Machine machine, Table table, string name, int rounds, Func<double> ours, Func<double> bare)
    {
        ours();
        bare();
        var (one, other) = (new Numbers(), new Numbers());
        for (var round = 0; round < machine.Rounds(rounds); round++)
        {
            if (round % 2 == 0)
            {
                one.Add(ours());
                other.Add(bare());
            }
            else
            {
                other.Add(bare());
                one.Add(ours());
            }
        }
        table.Row(
            name,
            Table.Ms(one.Median),
            Table.Ms(one.Least),
            Table.Ms(one.Most),
            Table.Ms(other.Median),
            Table.Ms(other.Least),
            Table.Ms(other.Most),
            Table.Ms(one.Median - other.Median),
            Table.Ratio(one.Median, other.Median)
        );
    }

    /// <summary>Once more, with a wrapper in front of the engine's client that writes down each call and whose it is.</summary>
    private static void Count(Machine machine, Table table, string folder, string engine, string name, string[] options)
    {
        var client = engine == "docker" ? "docker" : "bwrap";
        var wrappers = machine.Folder("wrappers-" + engine);
        var log = Path.Combine(wrappers, "log");
        var wrapper = Path.Combine(wrappers, client);
        File.WriteAllText(
            wrapper,
            $"""
            #!/bin/sh
            if tr '\0' ' ' <"/proc/$PPID/cmdline" | grep -q ' gateway '; then who=gateway; else who=run; fi
            case $1 in container) word="$1 $2" ;; -*) word=start ;; *) word=$1 ;; esac
            echo "$who $word" >>'{log}'
            exec '{Commands.Has(client)}' "$@"

            """
        );
        File.SetUnixFileMode(wrapper, (UnixFileMode)0b111_101_101);
        File.WriteAllText(log, "");
        var environment = new Dictionary<string, string>(machine.Environment, StringComparer.Ordinal)
        {
            ["PATH"] = wrappers + ":" + machine.Environment["PATH"],
        };
        Commands.Time([machine.Program, "run", "--engine", engine, .. options, "--cmd", "true"], environment, folder);
        var lines = File.ReadAllLines(log);
        var own = lines.Where(line => line.StartsWith("run ", StringComparison.Ordinal)).Select(line => line[4..]).ToList();
        var gateway = lines.Where(line => line.StartsWith("gateway ", StringComparison.Ordinal)).Select(line => line[8..]).ToList();
        table.Row(
            name,
            $"{own.Count}",
            own.Count == 0 ? "-" : string.Join(", ", own),
            gateway.Count == 0 ? "-" : string.Join(", ", gateway)
        );
    }
}
