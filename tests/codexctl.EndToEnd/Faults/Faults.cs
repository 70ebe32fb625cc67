using System.Globalization;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Faults;

/// <summary>What the tests of faults share.</summary>
internal static class Faults
{
    private const string StillThere = "Something is left behind";

    /// <summary>A run whose command stays; returns when the command is up. Its processes are found by the number of seconds.</summary>
    public static async Task<Running> StaysAsync(this Scene scene, int seconds, params string[] options)
    {
        var mark = Path.Combine(scene.Work, $"up-{seconds}");
        string[] command =
        [
            "run",
            .. options,
            "--cmd",
            "sh",
            "-c",
            $"touch /workdir/up-{seconds}; sleep {scene.Long(seconds)} & sleep {scene.Long(seconds)}; wait",
        ];
        var running = scene.Start(command);
        await Scene.EventuallyAsync(() => File.Exists(mark) || running.Process.HasExited, "the command does not start");
        if (running.Process.HasExited)
        {
            throw new InvalidOperationException((await running.EndAsync()).ToString());
        }
        File.Delete(mark);
        return running;
    }

    /// <summary>The number of seconds for `sleep`, unlike that of any other scene: tests of the same scene on other engines run at the same time.</summary>
    public static string Long(this Scene scene, int seconds) =>
        string.Create(CultureInfo.InvariantCulture, $"{seconds}.{Convert.ToUInt32(scene.Id, 16)}");

    /// <summary>Whether the command of <see cref="StaysAsync"/> or what it started is there, in whatever box.</summary>
    public static bool Lives(this Scene scene, int seconds) =>
        Host.Processes().Any(process => process.Arguments is ["sleep", var argument] && argument == scene.Long(seconds));

    /// <summary>No gateway, no process, no running container, nothing of a temporary one.</summary>
    public static async Task NothingIsLeftAsync(this Scene scene, int seconds = 15)
    {
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, $"{StillThere}: a process", seconds);
        await Scene.EventuallyAsync(
            async () => (await scene.StatesAsync()).Values.All(state => state == "stopped"),
            $"{StillThere}: a running container",
            seconds
        );
    }

    /// <summary>The next run works at once, and nothing of the fault is on its receipt.</summary>
    public static async Task NextRunIsCleanAsync(this Scene scene)
    {
        var next = await scene.RunAsync("run", "--cmd", "echo", "fine");
        next.ExitCode.ShouldBe(0, next.ToString());
        next.Output.ShouldBe("fine\n");
        next.Error.ShouldNotContain("incomplete");
        await scene.NothingIsLeftAsync();
    }

    public static async Task<int> GatewayAsync(this Scene scene, int not = 0)
    {
        await Scene.EventuallyAsync(() => scene.Gateways().Any(id => id != not), "no gateway comes");
        return scene.Gateways().Single(id => id != not);
    }

    public static IReadOnlyList<string> Receipts(this Scene scene) =>
        [
            .. Directory
                .EnumerateFiles(scene.State, "*.json", SearchOption.AllDirectories)
                .Where(path => path.Contains("/receipt/", StringComparison.Ordinal)),
        ];
}

/// <summary>A docker that stops before a chosen call until it is let go, or fails it; put before the real one in PATH.</summary>
internal sealed class HeldDocker
{
    private readonly string _folder;

    public HeldDocker(Scene scene)
    {
        _folder = scene.NewFolder("held");
        var real = Machine.Run("sh", "-c", "command -v docker").Output.Trim();
        var script = $$"""
            #!/bin/sh
            # The calls to hold or to fail are named by their first words.
            hold=$(cat {{_folder}}/hold 2>/dev/null)
            case "$*" in
            "${hold:-nothing}"*) touch {{_folder}}/held; while [ "$(cat {{_folder}}/hold 2>/dev/null)" = "$hold" ]; do sleep 0.02; done ;;
            esac
            fail=$(cat {{_folder}}/fail 2>/dev/null)
            case "$*" in
            "${fail:-nothing}"*) echo "the engine is out of order" >&2; exit 1 ;;
            esac
            exec {{real}} "$@"
            """;
        File.WriteAllText($"{_folder}/docker", script);
        File.SetUnixFileMode($"{_folder}/docker", (UnixFileMode)0b111_101_101);
        scene.Environment["PATH"] = $"{_folder}:{scene.Environment["PATH"]}";
        // Whatever a test left held goes on, so that the scene can be cleared away.
        scene.Later(() =>
        {
            LetGo();
            File.Delete($"{_folder}/fail");
            return Task.CompletedTask;
        });
    }

    /// <summary>What is held already goes on.</summary>
    public void Hold(string words)
    {
        File.Delete($"{_folder}/held");
        Put("hold", words);
    }

    public void Fail(string words) => Put("fail", words);

    public Task IsHeldAsync() => Scene.EventuallyAsync(() => File.Exists($"{_folder}/held"), "the engine is not called");

    public void LetGo() => File.Delete($"{_folder}/hold");

    private void Put(string name, string words)
    {
        File.WriteAllText($"{_folder}/{name}.new", words);
        File.Move($"{_folder}/{name}.new", $"{_folder}/{name}", overwrite: true);
    }
}
