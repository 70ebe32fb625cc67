using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>Exit codes and signals pass through as if the command ran without a box.</summary>
public class ExitCodeTests
{
    [Theory, BothEngines]
    public async Task A_commands_own_code_is_the_code_of_run_and_exec(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var holding = await scene.HoldAsync();
        (string Script, int Code)[] table =
        [
            ("true", 0),
            ("exit 7", 7),
            ("exit 255", 255),
            ("kill -TERM $$", 143),
            ("kill -KILL $$", 137),
            ("kill -SEGV $$", 139),
        ];

        foreach (var (script, code) in table)
        {
            var outcome = await scene.RunAsync("exec", "sh", "-c", script);
            outcome.ExitCode.ShouldBe(code, $"exec {script}: {outcome}");
        }
        foreach (var (script, code) in new[] { table[1], table[3] })
        {
            var outcome = await scene.RunAsync("run", "--cmd", "sh", "-c", script);
            outcome.ExitCode.ShouldBe(code, $"run {script}: {outcome}");
        }
    }

    [Theory, BothEngines]
    public async Task Programs_that_are_not_there_or_not_executable_have_the_shells_codes(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await File.WriteAllTextAsync(Path.Combine(scene.Work, "data.txt"), "no program");

        var missing = await scene.RunAsync("run", "--cmd", "no-such-program");
        var data = await scene.RunAsync("run", "--cmd", "/workdir/data.txt");
        var folder = await scene.RunAsync("run", "--cmd", "/workdir");

        missing.ExitCode.ShouldBe(127, missing.ToString());
        missing.Error.ShouldContain("no-such-program");
        data.ExitCode.ShouldBe(126, data.ToString());
        folder.ExitCode.ShouldBe(126, folder.ToString());
    }

    [Theory, BothEngines]
    public async Task One_quoted_line_goes_through_the_shell_that_is_set(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        (await scene.RunAsync("run", "--cmd", "echo $((6 * 7)) | tr 4 5; exit 3")).ShouldSatisfyAllConditions(
            outcome => outcome.Output.ShouldBe("52\n"),
            outcome => outcome.ExitCode.ShouldBe(3)
        );
        (await scene.RunAsync("run", "--cmd", "echo $0 ${BASH_VERSION:+is bash}")).Output.ShouldEndWith("is bash\n");
        var sh = new Dictionary<string, string?> { ["CODEX_SHELL"] = "sh" };
        (
            await scene.RunAsync(new Call("run", "--cmd", "echo \"${0##*/} ${BASH_VERSION:-is no bash}\"") { Environment = sh })
        ).Output.ShouldBe("sh is no bash\n");
    }

    [Theory, BothEngines("INT", 130), BothEngines("TERM", 143), BothEngines("HUP", 129)]
    public async Task A_signal_ends_the_command_and_everything_with_it(Engine engine, string signal, int code)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var running = scene.Start("run", "--cmd", "sh", "-c", "echo $$ > /workdir/ready; exec sleep 2000");
        await Scene.EventuallyAsync(() => File.Exists(Path.Combine(scene.Work, "ready")), "the command runs");

        running.Signal(signal);

        var outcome = await running.EndAsync(TimeSpan.FromSeconds(20));
        outcome.ExitCode.ShouldBe(code, outcome.ToString());
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left");
    }
}
