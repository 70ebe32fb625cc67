using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>`codexctl models` as a person uses it.</summary>
public class ModelsTests
{
    [Fact]
    public async Task The_list_tells_size_context_tools_memory_and_what_is_loaded_and_used()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.Models.Clear();
        foreach (
            var model in (FakeModel[])
                [
                    FakeModel.GptOss,
                    FakeModel.Coder with
                    {
                        Loaded = null,
                        NumCtx = 32768,
                    },
                    FakeModel.Remote,
                    new("mute:1b", ["completion"], Loaded: null),
                ]
        )
        {
            scene.Model.Models.Add(model);
        }

        var json = JsonNode.Parse((await scene.RunAsync("models", "--json")).Output)!;
        var models = json["models"]!.AsArray().ToDictionary(model => (string)model!["name"]!, model => model!);
        var table = await scene.RunAsync("models");

        ((int?)json["schema"], (string?)json["server"]!["kind"]).ShouldBe((1, "ollama"));
        (
            (bool?)models["gpt-oss:20b"]["loaded"],
            (long?)models["gpt-oss:20b"]["context"],
            (long?)models["gpt-oss:20b"]["contextMaximum"]
        ).ShouldBe((true, 65536, 131072));
        ((bool?)models["gpt-oss:20b"]["used"], (bool?)models["gpt-oss:20b"]["tools"], (long?)models["gpt-oss:20b"]["size"]).ShouldBe(
            (true, true, 13793441244)
        );
        ((bool?)models["qwen3-coder:30b"]["loaded"], (long?)models["qwen3-coder:30b"]["context"]).ShouldBe((false, 32768));
        ((bool?)models["innocent:latest"]["local"]).ShouldBe(false);
        ((bool?)models["mute:1b"]["tools"], (long?)models["mute:1b"]["context"]).ShouldBe((false, null));
        ((string?)models["mute:1b"]["fits"]).ShouldBeOneOf("yes", "tight", "no");
        table.Output.ShouldContain("32768 of 131072");
        table.Output.ShouldContain("runs elsewhere");
        table.Error.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_pull_draws_a_bar_goes_on_after_a_broken_connection_and_makes_the_model_usable()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.BrokenPulls = 1;
        scene.Model.PullPause = TimeSpan.FromMilliseconds(300);
        using var terminal = scene.OpenTerminal();

        var pull = terminal.Begin("codexctl models pull small:1b");
        terminal.WaitFor("##--");
        terminal.WaitFor("going on where it stopped");
        var (code, screen) = terminal.Ended(pull);

        code.ShouldBe(0, screen);
        screen.ShouldContain("small:1b is there");
        var (used, said) = terminal.Shell("codexctl models use small:1b");
        used.ShouldBe(0, said);
        (await scene.RunAsync("config", "get", "model.name")).Output.ShouldBe("small:1b\n");
        (await scene.RunAsync("run", "--", "exec", "say hi")).ExitCode.ShouldBe(0);
        ((string?)scene.Model.Responses.Last().Json["model"]).ShouldBe("small:1b");

        // Piped: no bar, no control characters.
        var piped = await scene.RunAsync("models", "pull", "other:1b");
        piped.ExitCode.ShouldBe(0, piped.ToString());
        piped.ToString().ShouldNotContain("\u001b");
        piped.Error.ShouldContain("pulling other:1b: done");
    }

    [Fact]
    public async Task A_pull_that_is_stopped_goes_on_with_the_same_command()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.PullPause = TimeSpan.FromMilliseconds(500);
        using var terminal = scene.OpenTerminal();
        var pull = terminal.Begin("codexctl models pull small:1b");
        terminal.WaitFor("##--");

        terminal.Press("C-c");
        var (code, screen) = terminal.Ended(pull);

        code.ShouldBe(130, screen);
        screen.ShouldContain("go on with: codexctl models pull small:1b");
        var left = scene.Model.Pulled;
        left.ShouldBeGreaterThan(0);
        scene.Model.PullPause = TimeSpan.Zero;
        (await scene.RunAsync("models", "pull", "small:1b")).ExitCode.ShouldBe(0);
        scene.Model.FirstPieceOfLastPull.ShouldBeGreaterThan(left);
    }

    [Fact]
    public async Task Use_takes_the_server_along_on_which_the_model_is()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        await using var second = await FakeOllama.StartAsync();
        second.Models.Clear();
        second.Models.Add(new FakeModel("there:1b", ["completion", "tools"], Loaded: 65536));
        (await scene.RunAsync("config", "set", "servers.second.url", second.Address.AbsoluteUri)).ExitCode.ShouldBe(0);

        var wrong = await scene.RunAsync("models", "use", "there:1b");
        wrong.ExitCode.ShouldBe(1, wrong.ToString());
        (await scene.RunAsync("models")).Output.ShouldNotContain("there:1b");

        // By its address, then by its name, which the address of before must not overrule.
        foreach (
            var way in (string[][])
                [
                    ["--model-url", second.Address.AbsoluteUri],
                    ["--server", "second"],
                ]
        )
        {
            (await scene.RunAsync(["models", "use", "there:1b", .. way])).ExitCode.ShouldBe(0);
            (await scene.RunAsync("config", "unset", "model.name")).ExitCode.ShouldBe(0);
            (await scene.RunAsync("models")).Output.ShouldContain("there:1b");
            (await scene.RunAsync("models", "use", "there:1b")).ExitCode.ShouldBe(0);
            (await scene.RunAsync("run", "--", "exec", "say hi")).ExitCode.ShouldBe(0);
        }
        second.Responses.Count().ShouldBe(2);
        scene.Model.Responses.ShouldBeEmpty();
    }

    [Fact]
    public async Task Loading_a_model_shows_and_then_the_context_that_it_really_has()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.Models.Clear();
        scene.Model.Models.Add(FakeModel.GptOss with { Loaded = null, NumCtx = null });
        scene.Model.LoadTime = TimeSpan.FromSeconds(3);
        scene.Model.LoadedContext = 32768;
        using var terminal = scene.OpenTerminal(columns: 160);

        var run = terminal.Begin("codexctl run -- exec 'say hi'");
        terminal.WaitFor("it is being loaded");
        var (code, screen) = terminal.Ended(run);

        code.ShouldBe(0, screen);
        screen.ShouldContain("gpt-oss:20b on Ollama, context 32768 of 131072 tokens");
        screen.ShouldContain("65536 or more is advised");
        screen.ShouldNotContain("it is being loaded");
    }

    [Fact]
    public async Task A_prompt_that_filled_the_whole_context_is_told()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.OnResponses = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            var stream = new FakeStream(context, "gpt-oss:20b");
            await stream.MessageAsync("fine");
            await stream.CompletedAsync(65536, 5);
        };

        var outcome = await scene.RunAsync("run", "--", "exec", "say hi");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Error.ShouldContain("1 prompt filled the model's whole context");
    }

    [Fact]
    public async Task A_model_that_the_server_cannot_describe_hides_no_other()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.Undescribed = "qwen3-coder:30b";

        var outcome = await scene.RunAsync("models");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldContain("gpt-oss:20b");
        outcome.Output.ShouldContain("qwen3-coder:30b");
        (await scene.RunAsync("run", "--", "exec", "say hi")).ExitCode.ShouldBe(0);
    }
}
