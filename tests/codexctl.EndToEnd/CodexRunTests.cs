using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>The main job, without a terminal: the real Codex works in a folder.</summary>
public class CodexRunTests
{
    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task A_file_is_written_by_a_tool_call_and_the_answer_alone_is_on_standard_output(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.Tool;

        var outcome = await scene.RunAsync("run", "--", "exec", "write hello.txt");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("Done: hello.txt written.\n");
        File.ReadAllText(Path.Combine(scene.Work, "hello.txt")).ShouldBe("hello from the fake\n");
    }
}
