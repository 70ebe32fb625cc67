using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Tests.Processes;

public class ProcessRunnerTests
{
    private static readonly ProcessRunner Runner = new(HostEnvironment.FromProcess());
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private static CommandLine Shell(string script) => new("sh", ["-c", script]);

    [Fact]
    public async Task Both_outputs_and_the_exit_code_come_back()
    {
        var result = await Runner.CaptureAsync(Shell("echo out; echo err >&2; exit 7"), Limit);
        result.ShouldBe(new ProcessResult(7, "out\n", "err\n"));
    }

    [Fact]
    public async Task Input_is_given_and_closed() => (await Runner.CaptureAsync(Shell("cat"), Limit, "täxt")).Output.ShouldBe("täxt");

    [Fact]
    public async Task Without_input_standard_input_is_closed() =>
        (await Runner.CaptureAsync(Shell("cat; echo end"), Limit)).Output.ShouldBe("end\n");

    [Fact]
    public async Task A_child_that_does_not_want_its_input_is_no_error() =>
        (await Runner.CaptureAsync(Shell("exit 3"), Limit, new string('x', 1 << 20))).ExitCode.ShouldBe(3);

    [Fact]
    public async Task A_program_that_hangs_is_killed_and_told()
    {
        var error = await Should.ThrowAsync<UserError>(() =>
            Runner.CaptureAsync(Shell("sleep 600 & wait"), TimeSpan.FromMilliseconds(200))
        );
        error.Message.ShouldContain("did not answer");
    }

    [Fact]
    public async Task A_missing_program_is_told_with_the_mend() =>
        (await Should.ThrowAsync<UserError>(() => Runner.CaptureAsync(new CommandLine("no-such-program", []), Limit))).Mend!.ShouldContain(
            "Install"
        );

    [Fact]
    public async Task A_null_value_removes_a_variable()
    {
        var command = Shell("echo ${HOME-none}") with { Environment = new Dictionary<string, string?> { ["HOME"] = null } };
        (await Runner.CaptureAsync(command, Limit)).Output.ShouldBe("none\n");
    }

    [Fact]
    public async Task Lines_of_a_stream_come_from_both_outputs()
    {
        var lines = new List<string>();
        (await Runner.StreamAsync(Shell("echo a; echo b >&2; exit 4"), lines.Add)).ShouldBe(4);
        lines.ShouldBe(["a", "b"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_cancelled_stream_interrupts_its_program()
    {
        using var cancel = new CancellationTokenSource();
        var run = Runner.StreamAsync(
            Shell("trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done"),
            _ => cancel.Cancel(),
            cancel.Token
        );
        await Should.ThrowAsync<OperationCanceledException>(() => run.WaitAsync(Limit));
    }

    [Theory]
    [InlineData("plain", "sh -c plain")]
    [InlineData("two words", "sh -c 'two words'")]
    [InlineData("it's", "sh -c 'it'\\''s'")]
    [InlineData("", "sh -c ''")]
    public void A_command_line_is_shown_as_it_could_be_typed(string script, string display) => Shell(script).Display.ShouldBe(display);
}
