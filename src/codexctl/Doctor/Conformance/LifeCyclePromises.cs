using Codexctl.Processes;
using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>How containers come, stay and go.</summary>
internal static class LifeCyclePromises
{
    private const string Group = "Life cycle";

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "run-and-stop", "A run makes its container, and the last run's end stops it", RunAndStopAsync),
        new(Group, "reuse", "The next run in the folder uses the same container, with what the last one left in it", ReuseAsync),
        new(Group, "start-stop-restart", "`start`, `exec`, `restart`, `stop` and `rm` do what they say", StartStopAsync),
        new(Group, "exec-stopped", "`exec` in a container that does not run is an error that says how to start it", ExecStoppedAsync),
        new(Group, "temp", "A container of `--temp` is gone after its run", TempAsync),
        new(Group, "rm-running", "`rm` refuses a running container without `--force`", RemoveRunningAsync),
        new(Group, "missing-image", "A missing image is an error that names it; nothing is pulled by surprise", MissingImageAsync)
        {
            NotPossible = engine => engine.Images ? null : "there are no images: the box sees the host's own system",
        },
        new(Group, "limits", "`--cpu` and `--mem` hold", LimitsAsync)
        {
            NotPossible = engine => engine.Limits ? null : "its boxes are ordinary processes; `--cpu` and `--mem` are refused",
        },
        new(Group, "su-exec", "`su-exec` is root inside the box, and what it installs stays until `rm`", RootAsync)
        {
            NotPossible = engine => engine.RootExec ? null : "root inside would be root outside; `su-exec` is refused",
        },
        new(Group, "orphans", "Orphans in the box are reaped by its process 1", OrphansAsync),
    ];

    private static async Task RunAndStopAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var said = await trial.RunAsync(folder, "run", "--cmd", "sh", "-c", "echo hello; pwd");
        Expect(said, s => s is { ExitCode: 0, Output: "hello\n/workdir\n" }, "the command's output");
        var (_, state) = await trial.ContainerAsync(folder);
        Expect(state == "stopped", $"after the last run the container is {state}");
    }

    private static async Task ReuseAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        Expect(await trial.RunAsync(folder, "run", "--cmd", "sh", "-c", "echo kept >~/mark"), s => s.ExitCode == 0, "the first run");
        var said = await trial.RunAsync(folder, "run", "--cmd", "sh", "-c", "cat ~/mark");
        Expect(said, s => s is { ExitCode: 0, Output: "kept\n" }, "the second run");
        await trial.ContainerAsync(folder);
    }

    private static async Task StartStopAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        Expect(await trial.RunAsync(folder, "run", "--cmd", "true"), s => s.ExitCode == 0, "run");
        var (name, _) = await trial.ContainerAsync(folder);
        (string Verb, string State)[] steps =
        [
            ("start", "running"),
            ("start", "running"),
            ("restart", "running"),
            ("stop", "stopped"),
            ("stop", "stopped"),
            ("start", "running"),
        ];
        foreach (var (verb, expected) in steps)
        {
            var said = await trial.RunAsync(folder, verb);
            Expect(said, s => s.ExitCode == 0 && s.Output.Trim() == name, $"codexctl {verb}");
            var (_, state) = await trial.ContainerAsync(folder);
            Expect(state == expected, $"after {verb} the container is {state}");
            if (expected == "running")
            {
                Expect(
                    await trial.RunAsync(folder, "exec", "echo", verb),
                    s => s.ExitCode == 0 && s.Output == verb + "\n",
                    $"exec after {verb}"
                );
            }
        }
        Expect(await trial.RunAsync(folder, "stop"), s => s.ExitCode == 0, "stop");
        Expect(await trial.RunAsync(folder, "rm"), s => s.ExitCode == 0, "rm");
        Expect((await trial.ContainersAsync(folder)).Count == 0, "after rm the container is still there");
    }

    private static async Task ExecStoppedAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        Expect(await trial.RunAsync(folder, "run", "--cmd", "true"), s => s.ExitCode == 0, "run");
        var (name, _) = await trial.ContainerAsync(folder);
        Expect(
            await trial.RunAsync(folder, "exec", "touch", "/workdir/x"),
            s => s.ExitCode == 125 && s.Error.Contains($"codexctl start --name {name}", StringComparison.Ordinal),
            "exec in a stopped container"
        );
        Expect(!File.Exists(Path.Combine(folder, "x")), "it ran anyway");
    }

    private static async Task TempAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        Expect(await trial.RunAsync(folder, "run", "--temp", "--cmd", "echo", "x"), s => s is { ExitCode: 0, Output: "x\n" }, "the run");
        Expect((await trial.ContainersAsync(folder)).Count == 0, "the container is still there");
    }

    private static async Task RemoveRunningAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = await trial.HoldAsync(folder);
        var refused = await trial.RunAsync(folder, "rm");
        Expect(refused, s => s.ExitCode == 1 && s.Error.Contains("--force", StringComparison.Ordinal), "rm of a running container");
        Expect(!running.HasEnded, "the run was ended by a refused rm");
        Expect(await trial.RunAsync(folder, "rm", "--force"), s => s.ExitCode == 0, "rm --force");
        Expect((await trial.ContainersAsync(folder)).Count == 0, "the container is still there");
    }

    private static async Task MissingImageAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var image = $"nobody-made-this-{trial.Id}";
        var said = await trial.RunAsync(folder, "run", "--image", image, "--cmd", "true");
        Expect(said, s => s.ExitCode != 0 && s.Error.Contains(image, StringComparison.Ordinal), "a run on an image that nobody made");
        Expect((await trial.ContainersAsync(folder)).Count == 0, "a container was made");
    }

    private static async Task LimitsAsync(Trial trial)
    {
        const string Script = """
            cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1
            awk '/^MemTotal/ { print $2 * 1024 }' /proc/meminfo
            cat /sys/fs/cgroup/cpu.max 2>/dev/null || echo "$(cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us) $(cat /sys/fs/cgroup/cpu/cpu.cfs_period_us)"
            nproc
            """;
        var said = await trial.RunAsync(trial.NewFolder(), "run", "--mem", "1G", "--cpu", "1", "--cmd", "bash", "-c", Script);
        Expect(said, s => s.ExitCode == 0, "the run");
        var lines = said.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Expect(lines.Length == 4, $"what the box says of its limits: {said}");
        // A control group's limit, or the size of a virtual machine.
        Expect(Within(lines[0]) || Within(lines[1]), $"the memory limit of 1 GiB is not to be seen: {said}");
        Expect(IsOne(lines[2]) || lines[3] == "1", $"the limit of one processor is not to be seen: {said}");

        static bool Within(string text) => double.TryParse(text, out var bytes) && bytes is > 0 and <= 1.01 * (1L << 30);
        static bool IsOne(string text) => text.Split(' ') is [var quota, var period] && quota == period;
    }

    private static async Task RootAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        Expect(await trial.RunAsync(folder, "run", "--cmd", "true"), s => s.ExitCode == 0, "run");
        Expect(await trial.RunAsync(folder, "start"), s => s.ExitCode == 0, "start");
        var said = await trial.RunAsync(folder, "su-exec", "sh", "-c", "id -u; echo x >/usr/local/bin/mark && echo written");
        Expect(said, s => s is { ExitCode: 0, Output: "0\nwritten\n" }, "su-exec");
        Expect(await trial.RunAsync(folder, "restart"), s => s.ExitCode == 0, "restart");
        Expect(
            await trial.RunAsync(folder, "exec", "cat", "/usr/local/bin/mark"),
            s => s is { ExitCode: 0, Output: "x\n" },
            "what root wrote, after a restart"
        );
        if (Libc.GetUserId() == 0)
        {
            // The person is root, so `coder` has root's number, though none of its powers.
            return;
        }
        var coder = await trial.RunAsync(folder, "exec", "sh", "-c", "rm -f /usr/local/bin/mark 2>/dev/null; cat /usr/local/bin/mark");
        Expect(coder, s => s.Output == "x\n", "coder could change what root wrote");
    }

    private static async Task OrphansAsync(Trial trial)
    {
        const string Script = """
            for i in 1 2 3 4 5; do (sh -c 'sleep 0.1 & exit 0' &); done
            for i in $(seq 100); do
              left=0
              for stat in /proc/[0-9]*/stat; do
                read -r line <$stat 2>/dev/null || continue
                rest=${line##*) }
                case ${rest%% *} in Z) left=$((left + 1)) ;; esac
              done
              [ $i -gt 10 ] && [ $left = 0 ] && echo none && exit 0
              sleep 0.1
            done
            echo "$left left"
            """;
        Expect(await trial.LookAsync(Script), s => s.Output == "none\n", "zombies after a while");
    }
}
