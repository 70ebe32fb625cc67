using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Faults;

/// <summary>Runs that start and end at the same instant.</summary>
public class TogetherTests
{
    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Two_runs_that_start_at_the_same_instant_both_work_twenty_times_over(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        for (var i = 0; i < 20; i++)
        {
            await AllWorkAsync(scene, 2);
        }
        await scene.NothingIsLeftAsync();
        (await scene.ContainersAsync()).Count.ShouldBe(1);
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Eight_runs_at_once_share_one_container(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        await AllWorkAsync(scene, 8);

        await scene.NothingIsLeftAsync();
        (await scene.ContainersAsync()).Count.ShouldBe(1);
        scene.Receipts().Count.ShouldBe(8);
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task A_run_that_starts_while_the_last_one_closes_works(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        for (var delay = 0; delay < 300; delay += engine == Engine.Docker ? 40 : 10)
        {
            await using var first = scene.Start("run", "--cmd", "echo", "0");
            await first.Process.StandardOutput.BaseStream.FlushAsync(TestContext.Current.CancellationToken);
            await Task.Delay(delay, TestContext.Current.CancellationToken);
            await AllWorkAsync(scene, 1);
            (await first.EndAsync()).ExitCode.ShouldBe(0);
        }
        await scene.NothingIsLeftAsync();
    }

    [Fact]
    public async Task Another_program_that_takes_the_name_at_the_same_instant_keeps_its_container_as_it_is()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var name = $"codex-work-{scene.Id}";
        var docker = new HeldDocker(scene);
        docker.Hold("create");
        var run = scene.Start("run", "--cmd", "echo", "fine");
        await docker.IsHeldAsync();
        Machine.Run("docker", "run", "--detach", "--name", name, "--entrypoint", "sleep", Machine.BaseImage, "4411").ExitCode.ShouldBe(0);
        scene.Later(() =>
        {
            Machine.Run("docker", "rm", "--force", name);
            return Task.CompletedTask;
        });

        docker.LetGo();
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("fine\n");
        outcome.Error.ShouldContain("Another program took the container's name");
        // The gateway that was there for the name is through.
        await scene.NothingIsLeftAsync();
        Machine.Run("docker", "inspect", "--format", "{{.State.Running}}", name).Output.ShouldBe("true\n");
        (await scene.StatesAsync()).Keys.ShouldBe([$"{name}-{Paths.Hash(scene.Work)}"]);
    }

    [Fact]
    public async Task A_run_of_another_folder_does_not_wait_for_an_engine_that_stops_slowly()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var docker = new HeldDocker(scene);
        var other = scene.NewFolder($"other-{scene.Root[^8..]}");
        docker.Hold("container stop");
        var closing = scene.Start("run", "--cmd", "true");
        await docker.IsHeldAsync();
        // Waits for the end of the first, which does not come yet.
        var waiting = scene.Start("run", "--cmd", "echo", "after");

        var free = scene.Start(new Call("run", "--cmd", "sh", "-c", "touch /workdir/up; sleep 4401") { Folder = other });
        await Scene.EventuallyAsync(() => File.Exists(Path.Combine(other, "up")), "it waits");
        waiting.Process.HasExited.ShouldBeFalse();
        free.Signal("TERM");
        docker.LetGo();

        (await closing.EndAsync()).ExitCode.ShouldBe(0);
        (await waiting.EndAsync()).Output.ShouldBe("after\n");
        await free.EndAsync();
        await scene.NothingIsLeftAsync();
    }

    private static async Task AllWorkAsync(Scene scene, int count)
    {
        var runs = Enumerable.Range(1, count).Select(i => scene.Start("run", "--cmd", "echo", $"{i}")).ToList();
        for (var i = 0; i < count; i++)
        {
            var outcome = await runs[i].EndAsync();
            outcome.ExitCode.ShouldBe(0, outcome.ToString());
            outcome.Output.ShouldBe($"{i + 1}\n");
            outcome.Error.ShouldNotContain("incomplete");
        }
    }
}
