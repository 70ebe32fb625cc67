using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>The main job, without a terminal: the real Codex works in a folder.</summary>
public class CodexRunTests
{
    [Theory, BothEngines(Person.Self), BothEngines(Person.Ordinary)]
    public async Task A_tool_call_writes_a_file_that_belongs_to_the_person_and_only_the_answer_is_on_standard_output(
        Engine engine,
        Person person
    )
    {
        await using var scene = await Scene.CreateAsync(engine, person);
        scene.Model.Mode = AnswerMode.Tool;

        var outcome = await scene.RunAsync("run", "--", "exec", "write hello.txt");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("Done: hello.txt written.\n");
        outcome.Error.ShouldContain(
            "codexctl: 2 model calls, 8,684 tokens (8,642 in, 42 out); reached nothing but the model; refused nothing\n"
        );
        var file = Path.Combine(scene.Work, "hello.txt");
        (await File.ReadAllTextAsync(file)).ShouldBe("hello from the fake\n");
        Machine.Run("stat", "-c", "%u:%g", file).Output.ShouldBe(Machine.Run("stat", "-c", "%u:%g", scene.Work).Output);
    }

    [Theory, BothEngines]
    public async Task Codex_works_whatever_standard_input_is(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Text = "Good day.";

        var closed = await scene.RunAsync(new Call("run", "--", "exec", "say good day") { Input = Input.Closed });
        var none = await scene.RunAsync(new Call("run", "--", "exec", "say good day") { Input = Input.DevNull });
        var piped = await scene.RunAsync(new Call("run", "--", "exec", "say good day") { Text = "a line from the pipe\n" });

        closed.Output.ShouldBe("Good day.\n", closed.ToString());
        none.Output.ShouldBe("Good day.\n", none.ToString());
        piped.Output.ShouldBe("Good day.\n", piped.ToString());
        new[] { closed.ExitCode, none.ExitCode, piped.ExitCode }.ShouldAllBe(code => code == 0);
        scene.Model.Responses.Count(request => request.Body.Contains("a line from the pipe", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Theory, BothEngines]
    public async Task The_model_gets_codex_instructions_and_no_item_that_it_would_drop(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        (await scene.RunAsync("run", "--", "exec", "say hello")).ExitCode.ShouldBe(0);

        var request = scene.Model.Responses.ShouldHaveSingleItem();
        ((string?)request.Json["instructions"]).ShouldNotBeNullOrWhiteSpace();
        request.Json["input"]!.AsArray().ShouldAllBe(item => (string?)item!["role"] != "developer");
        FakeOllama.WhatTheModelSees(request.Json).ShouldContain("say hello");
    }

    [Theory, BothEngines]
    public async Task Pipes_carry_every_byte_of_both_directions(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var text = string.Concat(Enumerable.Range(0, 100_000).Select(number => $"line {number} läuft 🙂\n"));

        var outcome = await scene.RunAsync(new Call("run", "--cmd", "sh", "-c", "cat; echo talk >&2") { Text = text });

        outcome.ExitCode.ShouldBe(0);
        (outcome.Output == text).ShouldBeTrue($"{outcome.Output.Length} of {text.Length} characters came back");
        outcome.Error.ShouldContain("talk\n");
    }

    [Theory, BothEngines]
    public async Task Nothing_is_left_behind_by_codex(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        (await scene.RunAsync("run", "--", "exec", "say hello")).ExitCode.ShouldBe(0);

        // Codex's own background program would copy 400 MB to this folder.
        var found = await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            "ls -A $CODEX_HOME; echo --; ps -A -o args= 2>/dev/null | grep [c]odex' '"
        );
        found.Output.ShouldContain("sessions", customMessage: found.ToString());
        found.Output.ShouldNotContain("packages");
        found.Output.ShouldNotContain("app-server");
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left: " + string.Join('\n', scene.Background()));
    }

    [Theory, BothEngines]
    public async Task Codex_finds_an_earlier_session_again(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        (await scene.RunAsync("run", "--", "exec", "remember the word Xylophon")).ExitCode.ShouldBe(0);

        var again = await scene.RunAsync("run", "--", "exec", "resume", "--last", "which word?");

        again.ExitCode.ShouldBe(0, again.ToString());
        scene.Model.Responses.Last().Body.ShouldContain("Xylophon");
    }
}
