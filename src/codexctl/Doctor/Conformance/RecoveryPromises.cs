using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>Whatever is killed, nothing is lost or left running, and the next run works.</summary>
internal static class RecoveryPromises
{
    private const string Group = "Recovery";
    private const int Kill = 9;

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "killed-run", "A killed codexctl: its command ends, its container stops, the next run works", KilledRunAsync),
        new(Group, "killed-temp", "A killed `--temp` run leaves no container", KilledTempAsync),
        new(
            Group,
            "killed-gateway",
            "A killed gateway is replaced under the run, whose receipt says that it is incomplete",
            KilledGatewayAsync
        )
        {
            NotPossible = engine =>
                engine.RelaysDoor
                    ? "it connects the door when a container starts, so a gateway that follows is reached from the next start on; the receipt says incomplete"
                    : null,
        },
        new(Group, "killed-both", "Both killed: the next run works, in a container that began anew", KilledBothAsync),
        new(
            Group,
            "stopped-behind",
            "A container stopped behind codexctl's back: the run ends with an error, the next one works",
            StoppedBehindAsync
        ),
        new(Group, "removed-behind", "A container removed behind codexctl's back is made anew by the next run", RemovedBehindAsync),
    ];

    private static async Task KilledRunAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = await trial.HoldAsync(folder);
        running.Signal(Kill);
        await running.EndAsync(TimeSpan.FromSeconds(30));
        await trial.EventuallyAsync(async () => (await trial.ContainerAsync(folder)).State == "stopped", "the container is stopped");
        await WorksAsync(trial, folder);
    }

    private static async Task KilledTempAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = await trial.HoldAsync(folder, "--temp");
        Expect((await trial.ContainersAsync(folder)).Count == 1, "there is no container during the run");
        running.Signal(Kill);
        await running.EndAsync(TimeSpan.FromSeconds(30));
        await trial.EventuallyAsync(async () => (await trial.ContainersAsync(folder)).Count == 0, "the container is gone");
    }

    private static async Task KilledGatewayAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = trial.Start(
            folder,
            "run",
            "--cmd",
            "bash",
            "-c",
            """
            echo >ready
            until [ -e go-on ]; do sleep 0.1; done
            for i in $(seq 200); do
              (exec 3<>/dev/tcp/127.0.0.1/3128 && printf 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n' >&3 && timeout 5 head -n 1 <&3) | grep 403 && exit 0
              sleep 0.1
            done 2>/dev/null
            exit 1
            """
        );
        await trial.EventuallyAsync(() => File.Exists(Path.Combine(folder, "ready")) || running.HasEnded, "the command is on");
        var (name, _) = await trial.ContainerAsync(folder);
        await trial.KillGatewayAsync(name);
        await File.WriteAllTextAsync(Path.Combine(folder, "go-on"), "");
        var said = await running.EndAsync(TimeSpan.FromSeconds(90));
        Expect(said, s => s.ExitCode == 0 && s.Output.Contains("403", StringComparison.Ordinal), "the door after the gateway was killed");
        Expect(said.Error.Contains("incomplete", StringComparison.Ordinal), $"the receipt: {said.Error}");
    }

    private static async Task KilledBothAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = await trial.HoldAsync(folder);
        var (name, _) = await trial.ContainerAsync(folder);
        // Stopped first, so that it cannot see that its gateway dies.
        running.Signal(19);
        await trial.KillGatewayAsync(name);
        running.Signal(Kill);
        await running.EndAsync(TimeSpan.FromSeconds(30));
        await WorksAsync(trial, folder);
    }

    private static async Task StoppedBehindAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = await trial.HoldAsync(folder);
        var (name, _) = await trial.ContainerAsync(folder);
        await trial.Engine.StopAsync(name);
        Expect(await running.EndAsync(TimeSpan.FromSeconds(60)), s => s.ExitCode != 0, "the run whose container was stopped");
        await WorksAsync(trial, folder);
    }

    private static async Task RemovedBehindAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        await WorksAsync(trial, folder);
        var (name, _) = await trial.ContainerAsync(folder);
        await trial.Engine.RemoveAsync(name, force: true);
        Expect((await trial.ContainersAsync(folder)).Count == 0, "ls still shows it");
        await WorksAsync(trial, folder);
    }

    private static async Task WorksAsync(Trial trial, string folder)
    {
        Expect(await trial.RunAsync(folder, "run", "--cmd", "echo", "works"), s => s is { ExitCode: 0, Output: "works\n" }, "the next run");
        var (_, state) = await trial.ContainerAsync(folder);
        Expect(state == "stopped", $"after the next run the container is {state}");
    }
}
