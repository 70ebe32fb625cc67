using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>Several at once, and things that never end.</summary>
internal static class TogetherPromises
{
    private const string Group = "Concurrency and time limits";

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "share", "Runs in one folder share its container; the last one out stops it", ShareAsync),
        new(Group, "rush", "Five first runs in one folder at once all work, in one container", RushAsync),
        new(Group, "apart", "Runs in three folders at once do not get in each other's way", ApartAsync),
        new(Group, "stubborn", "A command that ignores SIGTERM does not keep `stop` waiting for long", StubbornAsync),
    ];

    private static async Task ShareAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var first = await trial.HoldAsync(folder);
        var said = await trial.RunAsync(folder, "run", "--cmd", "echo", "second");
        Expect(said, s => s is { ExitCode: 0, Output: "second\n" }, "the second run");
        var (_, during) = await trial.ContainerAsync(folder);
        Expect(during == "running" && !first.HasEnded, "the second run's end stopped the container of the first");
        first.Signal(15);
        await first.EndAsync(TimeSpan.FromSeconds(60));
        var (_, after) = await trial.ContainerAsync(folder);
        Expect(after == "stopped", $"after the last run the container is {after}");
    }

    private static async Task RushAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var runs = Enumerable.Range(1, 5).Select(i => trial.Start(folder, "run", "--cmd", "sh", "-c", $"echo {i}; sleep 0.2")).ToList();
        for (var i = 0; i < runs.Count; i++)
        {
            var said = await runs[i].EndAsync(TimeSpan.FromSeconds(120));
            Expect(said, s => s.ExitCode == 0 && s.Output == $"{i + 1}\n", $"run {i + 1}");
        }
        var (_, state) = await trial.ContainerAsync(folder);
        Expect(state == "stopped", $"afterwards the container is {state}");
    }

    private static async Task ApartAsync(Trial trial)
    {
        var folders = Enumerable.Range(1, 3).Select(_ => trial.NewFolder()).ToList();
        var runs = folders.Select(folder => trial.Start(folder, "run", "--cmd", "sh", "-c", "echo x >mark; cat mark")).ToList();
        foreach (var run in runs)
        {
            Expect(await run.EndAsync(TimeSpan.FromSeconds(120)), s => s is { ExitCode: 0, Output: "x\n" }, "a run");
        }
        Expect(folders.TrueForAll(folder => File.Exists(Path.Combine(folder, "mark"))), "a run worked elsewhere");
    }

    private static async Task StubbornAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = trial.Start(folder, "run", "--cmd", "bash", "-c", "trap '' TERM INT HUP; echo >ready; while :; do sleep 0.1; done");
        await trial.EventuallyAsync(() => File.Exists(Path.Combine(folder, "ready")) || running.HasEnded, "the command is on");
        var stopping = trial.Start(folder, "stop");
        Expect(await stopping.EndAsync(TimeSpan.FromSeconds(45)), s => s.ExitCode == 0, "codexctl stop");
        await running.EndAsync(TimeSpan.FromSeconds(45));
        var (_, state) = await trial.ContainerAsync(folder);
        Expect(state == "stopped", $"the container is {state}");
    }
}
