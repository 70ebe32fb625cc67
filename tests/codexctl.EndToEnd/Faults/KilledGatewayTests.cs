using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd.Faults;

/// <summary>The gateway dies: the run goes on, its receipt tells, and nothing is left.</summary>
public class KilledGatewayTests
{
    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task A_run_whose_gateway_is_killed_gets_another_and_an_incomplete_receipt(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4201);
        var first = await scene.GatewayAsync();

        Host.Kill(first);
        await scene.GatewayAsync(not: first);
        run.Signal("TERM");
        var outcome = await run.EndAsync();

        outcome.Error.ShouldContain("receipt incomplete: the gateway died during the run");
        await scene.NothingIsLeftAsync();
        await scene.NextRunIsCleanAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Of_several_runs_only_one_launches_the_next_gateway(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        Running[] runs = [await scene.StaysAsync(4202), await scene.StaysAsync(4203), await scene.StaysAsync(4204)];
        var first = await scene.GatewayAsync();

        Host.Kill(first);
        await scene.GatewayAsync(not: first);
        foreach (var run in runs)
        {
            run.Signal("TERM");
        }

        foreach (var run in runs)
        {
            (await run.EndAsync()).Error.ShouldContain("incomplete");
        }
        await scene.NothingIsLeftAsync();
        scene.Receipts().Count.ShouldBe(3);
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Killed_in_the_middle_of_an_answer_Codex_asks_again_and_goes_on(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.HangAfterHeaders;
        var run = scene.Start("run", "--", "exec", "say hello");
        await Scene.EventuallyAsync(() => scene.Model.Responses.Any(), "no request reaches the model");
        var first = await scene.GatewayAsync();

        scene.Model.Mode = AnswerMode.Text;
        Host.Kill(first);
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldContain("Hello from the fake.");
        outcome.Error.ShouldContain("receipt incomplete");
        await scene.NothingIsLeftAsync();
    }

    [Fact]
    public async Task Killed_while_the_container_starts_the_run_goes_on()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var docker = new HeldDocker(scene);
        docker.Hold("container start");
        var run = scene.Start("run", "--cmd", "sh", "-c", "sleep 1; echo fine");
        await docker.IsHeldAsync();

        Host.Kill(await scene.GatewayAsync());
        docker.LetGo();
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("fine\n");
        outcome.Error.ShouldContain("incomplete");
        await scene.NothingIsLeftAsync();
    }

    [Fact]
    public async Task Killed_while_it_stops_the_container_the_front_end_does_it()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var docker = new HeldDocker(scene);
        docker.Hold("container stop");
        var run = scene.Start("run", "--temp", "--cmd", "true");
        await docker.IsHeldAsync();

        Host.Kill(await scene.GatewayAsync());
        docker.LetGo();
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        await scene.NothingIsLeftAsync();
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Killed_before_a_start_that_fails_the_run_ends_with_the_engines_words()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var docker = new HeldDocker(scene);
        docker.Hold("container start");
        docker.Fail("container start");
        var run = scene.Start("run", "--cmd", "true");
        await docker.IsHeldAsync();

        Host.Kill(await scene.GatewayAsync());
        docker.LetGo();
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain("out of order");
        docker.Fail("");
        await scene.NextRunIsCleanAsync();
    }

    [
        Theory,
        InlineData(Engine.Docker, false),
        InlineData(Engine.Docker, true),
        InlineData(Engine.Bubblewrap, false),
        InlineData(Engine.Bubblewrap, true)
    ]
    public async Task When_front_end_and_gateway_are_killed_the_next_run_recovers(Engine engine, bool temporary)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4205, temporary ? ["--temp"] : []);
        var gateway = await scene.GatewayAsync();

        // The front end first, or it would launch another gateway; stopped, so that the gateway does not act in between.
        Machine.Run("kill", "-STOP", $"{gateway}");
        run.Signal();
        Host.Kill(gateway);
        (await scene.StatesAsync()).Values.ShouldBe(["running"]);

        await scene.NextRunIsCleanAsync();
        scene.Lives(4205).ShouldBeFalse();
        (await scene.ContainersAsync()).Count.ShouldBe(1);
    }
}
