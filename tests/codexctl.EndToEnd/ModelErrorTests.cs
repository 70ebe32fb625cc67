using System.Diagnostics;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>What goes wrong at the model server reaches the person in words, soon, and without a storm of requests.</summary>
public class ModelErrorTests
{
    [Theory, BothEngines]
    public async Task Errors_of_the_model_server_end_the_run_soon_with_its_own_words(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var holding = await scene.HoldAsync();
        (AnswerMode Mode, string Says)[] table =
        [
            (AnswerMode.NotFound, "ollama pull gpt-oss:20b"),
            (AnswerMode.ServerError, "llama runner process has terminated"),
            (AnswerMode.Unavailable, "server busy"),
            (AnswerMode.Drop, "the connection broke in the middle of the answer"),
            (AnswerMode.EndEarly, "stream"),
            (AnswerMode.ErrorMidStream, "CUDA error: out of memory"),
            (AnswerMode.Failed, "boom from the fake"),
        ];
        List<string> wrong = [];

        foreach (var (mode, says) in table)
        {
            scene.Model.Mode = mode;
            var before = scene.Model.Responses.Count();
            var watch = Stopwatch.StartNew();

            var outcome = await scene.RunAsync("run", "--", "exec", "say hello");

            var requests = scene.Model.Responses.Count() - before;
            if (outcome.ExitCode != 1 || !outcome.Error.Contains(says, StringComparison.Ordinal))
            {
                wrong.Add($"{mode}, expected 1 and '{says}': {outcome}");
            }
            if (requests is 0 or > 2 || watch.Elapsed > TimeSpan.FromSeconds(10))
            {
                wrong.Add($"{mode}: {requests} requests, {watch.Elapsed.TotalSeconds:0.0} s");
            }
        }

        wrong.ShouldBeEmpty();
    }

    [Theory, BothEngines]
    public async Task What_cannot_work_is_said_before_the_run_and_nothing_is_created(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var models = scene.Model.Models;
        models.Add(new FakeModel("small:1b", ["completion", "tools"], Loaded: 4096));
        models.Add(new FakeModel("mute:1b", ["completion"], Loaded: 65536));
        (string Model, string Says, string Mend)[] table =
        [
            ("small:1b", "runs with a context of 4096 tokens", "OLLAMA_CONTEXT_LENGTH=65536"),
            ("mute:1b", "cannot call tools", "--model NAME"),
            ("innocent", "does not run on this machine but at", "local model"),
            ("absent:7b", "does not have the model absent:7b", "ollama pull absent:7b"),
        ];

        foreach (var (model, says, mend) in table)
        {
            var outcome = await scene.RunAsync("run", "--model", model, "--", "exec", "say hello");

            outcome.ExitCode.ShouldBe(125, outcome.ToString());
            outcome.Error.ShouldContain(says);
            outcome.Error.ShouldContain(mend);
        }
        scene.Model.Version = "0.9.0";
        var old = await scene.RunAsync("run", "--", "exec", "say hello");
        old.ExitCode.ShouldBe(125);
        old.Error.ShouldContain("Ollama 0.9.0 is too old");

        await scene.Model.DisposeAsync();
        var gone = await scene.RunAsync("run", "--", "exec", "say hello");
        gone.ExitCode.ShouldBe(125);
        gone.Error.ShouldContain(scene.Model.Address.Authority);

        scene.Model.Responses.ShouldBeEmpty();
        (await scene.ContainersAsync()).ShouldBeEmpty();
        scene.ContainerFiles().ShouldBeEmpty();
        // A command that is not Codex needs no model.
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
    }

    [Theory, BothEngines]
    public async Task A_model_server_that_goes_away_during_the_run_is_an_error_in_words(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var holding = await scene.HoldAsync();
        await scene.Model.DisposeAsync();
        var watch = Stopwatch.StartNew();

        // By hand, because a run would look first.
        var outcome = await scene.RunAsync(
            new Call("exec", "codex", "exec", "--skip-git-repo-check", "say hello") { Input = Input.DevNull }
        );

        outcome.ExitCode.ShouldBe(1, outcome.ToString());
        outcome.Error.ShouldContain("No model server answers at");
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(15));
    }

    [Theory, BothEngines]
    public async Task A_run_that_is_ended_tells_the_model_server_to_stop(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.HangAfterHeaders;
        await using var running = scene.Start("run", "--", "exec", "say hello");
        await Scene.EventuallyAsync(() => scene.Model.Responses.Any(), "the model is asked");

        running.Signal("TERM");

        (await running.EndAsync(TimeSpan.FromSeconds(20))).ExitCode.ShouldBe(143);
        await Scene.EventuallyAsync(() => scene.Model.Aborted > 0, "the model server is told");
    }
}
