using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>A person at a terminal.</summary>
public class TerminalTests
{
    private const string Composer = "Ask Codex to do anything";

    [Theory, BothEngines(false), BothEngines(true)]
    public async Task The_interactive_screen_starts_at_once_takes_a_prompt_answers_and_leaves_the_terminal_as_it_was(
        Engine engine,
        bool repository
    )
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.Tool;
        if (repository)
        {
            Machine.Run("git", "init", "-q", scene.Work).ExitCode.ShouldBe(0);
        }
        var terminal = scene.OpenTerminal();
        var before = terminal.Shell("stty -a").Output;

        var run = terminal.Begin("codexctl run");
        // No question before it: neither about trust nor about signing in.
        terminal.WaitFor("permissions: YOLO mode");
        terminal.WaitFor(Composer);
        terminal.Ask("write a file");
        terminal.WaitFor("Done: hello.txt written.");
        terminal.Ask("/quit");
        var ended = terminal.Ended(run);

        ended.ExitCode.ShouldBe(0, ended.Output);
        ended.Output.ShouldContain("2 model calls");
        terminal.AlternateScreen.ShouldBeFalse();
        terminal.Shell("stty -a").Output.ShouldBe(before);
        File.Exists(Path.Combine(scene.Work, "hello.txt")).ShouldBeTrue();
        // Codex's background program would be a copy of itself here and two processes.
        var left = await scene.RunAsync("run", "--cmd", "sh", "-c", "ls $CODEX_HOME; ls /tmp | grep daemon");
        left.Output.ShouldNotContain("packages");
        left.Output.ShouldNotContain("daemon");
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        await Scene.EventuallyAsync(() => scene.Background().All(process => process.Arguments is ["bash", ..]), "only our shell is left");
    }

    [Theory, BothEngines]
    public async Task The_interactive_screen_follows_the_windows_size_and_ctrl_c_is_codexs(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.HangAfterHeaders;
        var terminal = scene.OpenTerminal();
        var run = terminal.Begin("codexctl run");
        terminal.WaitFor(Composer);

        terminal.Ask("think long");
        terminal.WaitFor("esc to interrupt");
        await Scene.EventuallyAsync(() => scene.Model.Responses.Any(), "the model is asked");
        terminal.Press("C-c");
        terminal.WaitFor("interrupted");
        await Scene.EventuallyAsync(() => scene.Model.Aborted > 0, "the model server is told to stop");

        // Drawn anew for the smaller window: nothing is wider than it, and the composer is at its bottom.
        terminal.Resize(60, 20);
        terminal.Write("after the change");
        terminal.WaitFor(
            screen => screen.Contains("› after the change") && screen.TrimEnd().Split('\n').Length <= 20,
            "the composer at the new size"
        );
        terminal.Press("C-c");
        terminal.WaitFor(Composer);
        terminal.Ask("/quit");
        terminal.Ended(run).ExitCode.ShouldBe(0);
    }

    [Theory, BothEngines]
    public async Task A_shell_has_a_real_terminal_with_job_control_and_its_size(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var terminal = scene.OpenTerminal(101, 33);
        var run = terminal.Begin("codexctl run --shell");
        terminal.WaitFor("/workdir");

        terminal.Type("clear; stty size; test -t 0 -a -t 1 -a -t 2 && echo 'is a 'terminal");
        terminal.WaitFor("is a terminal").ShouldContain("33 101");
        terminal.Resize(90, 30);
        terminal.WaitForShell("stty size", "30 90");

        terminal.Type("sleep 2000");
        terminal.WaitForQuiet();
        terminal.Press("C-z");
        terminal.WaitFor("Stopped");
        terminal.Type("clear; kill %1; wait; echo 'still 'here");
        terminal.WaitFor("still here");

        terminal.Type("sleep 2000");
        terminal.WaitForQuiet();
        terminal.Press("C-c");
        terminal.Type("echo code $?");
        terminal.WaitFor("code 130");
        terminal.Type("exit 9");
        terminal.Ended(run).ExitCode.ShouldBe(9);
    }

    [Theory, BothEngines]
    public async Task Ctrl_C_ends_a_plain_command(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var terminal = scene.OpenTerminal();
        var before = terminal.Shell("stty -a").Output;
        var run = terminal.Begin("codexctl run --cmd sh -c 'echo rea\"\"dy; exec sleep 2000'");
        terminal.WaitFor("ready");

        terminal.Press("C-c");

        terminal.Ended(run).ExitCode.ShouldBe(130);
        terminal.Shell("stty -a").Output.ShouldBe(before);
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
    }

    [Theory, BothEngines]
    public async Task Ctrl_C_ends_a_command_whose_output_goes_to_a_pipe(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var terminal = scene.OpenTerminal();
        var run = terminal.Begin("set -o pipefail; codexctl run --cmd sh -c 'echo rea\"\"dy; exec sleep 2000' | (trap '' INT; cat)");
        terminal.WaitFor("ready");

        terminal.Press("C-c");

        terminal.Ended(run).ExitCode.ShouldBe(130);
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
    }

    [Theory, BothEngines]
    public async Task The_terminal_is_sane_again_when_the_box_dies_under_the_interactive_screen(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var terminal = scene.OpenTerminal();
        var before = terminal.Shell("stty -a").Output;
        var run = terminal.Begin("codexctl run");
        terminal.WaitFor(Composer);

        await scene.KillBoxesAsync();

        terminal.Ended(run).ExitCode.ShouldNotBe(0);
        terminal.AlternateScreen.ShouldBeFalse();
        terminal.Shell("stty -a").Output.ShouldBe(before);
        terminal.Modes.ShouldBe("0000");
    }

    [Theory, BothEngines]
    public async Task A_terminal_that_is_closed_ends_codex_and_its_box(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var terminal = scene.OpenTerminal();
        terminal.Begin("codexctl run");
        terminal.WaitFor(Composer);

        terminal.Dispose();

        await Scene.EventuallyAsync(
            async () => (await scene.StatesAsync()).Values.All(state => state == "stopped"),
            "the box is stopped",
            30
        );
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left");
    }
}
