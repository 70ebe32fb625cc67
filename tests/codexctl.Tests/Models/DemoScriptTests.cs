using Codexctl.Models;

namespace Codexctl.Tests.Models;

public class DemoScriptTests
{
    private const string Fine = "Process exited with code 0\nOutput:\n";

    [Fact]
    public void It_reads_writes_runs_and_tells()
    {
        var read = DemoScript.Next(true, null, null);
        var write = DemoScript.Next(true, read.CallId, Fine + DemoProject.Default.Files[0].Text);
        var test = DemoScript.Next(true, write.CallId, Fine);
        var end = DemoScript.Next(true, test.CallId, Fine + "test passed\n");

        read.Command.ShouldBe("cat greet.sh");
        write.Command.ShouldNotBeNull().ShouldContain("echo \"Hello, $1!\"");
        test.Command.ShouldBe("sh ./test.sh");
        end.Say.ShouldNotBeNull().ShouldContain("it passes");
    }

    [Fact]
    public void A_program_that_is_mended_already_is_only_tested()
    {
        DemoScript.Next(true, "call_read", Fine + DemoProject.Mend).CallId.ShouldBe("call_test");
    }

    [Theory]
    [InlineData("call_read", "Process exited with code 1\nOutput:\ncat: no such file", "no such file")]
    [InlineData("call_read", "unsupported call: exec_command", "unsupported call")]
    [InlineData("call_read", Fine + "something else", "left it alone")]
    [InlineData("call_write", "Process exited with code 1\nOutput:\nRead-only file system", "Read-only file system")]
    [InlineData("call_test", "Process exited with code 1\nOutput:\ntest failed", "still fails")]
    [InlineData("call_test", Fine, "still fails")]
    [InlineData("call_unknown", Fine, "do not know")]
    public void What_fails_is_told_and_never_called_a_success(string call, string output, string words)
    {
        var step = DemoScript.Next(true, call, output);

        step.Command.ShouldBeNull();
        step.Say.ShouldNotBeNull().ShouldContain(words);
        step.Say.ShouldNotContain("passes");
    }

    [Fact]
    public void Without_a_tool_it_says_so()
    {
        DemoScript.Next(false, null, null).Say.ShouldNotBeNull().ShouldContain("no tool");
    }
}
