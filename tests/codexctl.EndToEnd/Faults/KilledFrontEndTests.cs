using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Faults;

/// <summary>The front end dies, or is asked to, at every step of a run.</summary>
public class KilledFrontEndTests
{
    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Killed_while_its_command_runs_it_leaves_nothing_but_its_recording_and_receipt(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4101);

        run.Signal();

        await scene.NothingIsLeftAsync();
        scene.Lives(4101).ShouldBeFalse();
        scene.Receipts().Count.ShouldBe(1);
        Directory.EnumerateFiles(scene.State, "*.jsonl", SearchOption.AllDirectories).Count().ShouldBe(1);
        await scene.NextRunIsCleanAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Killed_in_a_temporary_run_it_leaves_no_container(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4102, "--temp");

        run.Signal();

        await scene.NothingIsLeftAsync();
        (await scene.ContainersAsync()).ShouldBeEmpty();
        scene.Lives(4102).ShouldBeFalse();
    }

    [Theory, InlineData("inspect"), InlineData("create"), InlineData("container start"), InlineData("exec"), InlineData("container stop")]
    public async Task Killed_while_docker_is_at_a_step_it_leaves_no_temporary_container(string step)
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var docker = new HeldDocker(scene);
        docker.Hold(step);
        var run = scene.Start("run", "--temp", "--cmd", "true");
        await docker.IsHeldAsync();

        run.Signal();
        docker.LetGo();

        await scene.NothingIsLeftAsync();
        (await scene.ContainersAsync()).ShouldBeEmpty();
        await scene.NextRunIsCleanAsync();
    }

    [Theory]
    [InlineData(Engine.Docker, "TERM", 143)]
    [InlineData(Engine.Docker, "HUP", 129)]
    [InlineData(Engine.Bubblewrap, "TERM", 143)]
    [InlineData(Engine.Bubblewrap, "HUP", 129)]
    public async Task Asked_to_end_it_ends_as_a_clean_run_does(Engine engine, string signal, int code)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4103);

        run.Signal(signal);
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(code, outcome.ToString());
        outcome.Error.ShouldContain("0 model calls");
        // It waited for the end of everything; only bwrap itself may still be about to notice.
        scene.Gateways().ShouldBeEmpty();
        (await scene.StatesAsync()).Values.ShouldAllBe(state => state == "stopped");
        await scene.NothingIsLeftAsync();
        scene.Lives(4103).ShouldBeFalse();
    }

    [Theory]
    [InlineData(Engine.Docker, "KILL")]
    [InlineData(Engine.Docker, "TERM")]
    [InlineData(Engine.Bubblewrap, "KILL")]
    [InlineData(Engine.Bubblewrap, "HUP")]
    public async Task Of_two_runs_in_one_container_only_the_one_that_ended_loses_its_processes(Engine engine, string signal)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var ends = await scene.StaysAsync(4104);
        var stays = await scene.StaysAsync(4105);

        ends.Signal(signal);

        await Scene.EventuallyAsync(() => !scene.Lives(4104), "the killed run's processes stay");
        scene.Lives(4105).ShouldBeTrue();
        scene.Gateways().Count.ShouldBe(1);
        stays.Process.HasExited.ShouldBeFalse();

        stays.Signal("TERM");
        (await stays.EndAsync()).Error.ShouldNotContain("incomplete");
        await scene.NothingIsLeftAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Closing_the_terminal_ends_the_run(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        using (var terminal = scene.OpenTerminal())
        {
            terminal.Type($"codexctl run --cmd sh -c 'echo u\"\"p; sleep {scene.Long(4106)}'");
            terminal.WaitFor("up\n");
            scene.Lives(4106).ShouldBeTrue();
        }

        await scene.NothingIsLeftAsync();
        scene.Lives(4106).ShouldBeFalse();
    }

    [Fact]
    public async Task A_container_that_cannot_be_stopped_is_said_and_the_exit_code_is_the_commands()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var docker = new HeldDocker(scene);
        docker.Fail("container stop");

        var outcome = await scene.RunAsync("run", "--cmd", "sh", "-c", "exit 7");

        outcome.ExitCode.ShouldBe(7, outcome.ToString());
        outcome.Error.ShouldContain("could not be stopped");
        outcome.Error.ShouldContain("out of order");
        outcome.Error.ShouldContain("0 model calls");
        scene.Gateways().ShouldBeEmpty();

        docker.Fail("");
        (await scene.RunAsync("stop")).ExitCode.ShouldBe(0);
        await scene.NothingIsLeftAsync();
    }
}
