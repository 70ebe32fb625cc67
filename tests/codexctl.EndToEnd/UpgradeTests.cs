using Codexctl.EndToEnd.Faults;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>A container moves to another image with its sessions, or is as it was: whatever fails, and whenever everything dies.</summary>
public class UpgradeTests
{
    /// <summary>A stopped container of the image `codex` with a session, and an image to move it to; returns that one's name.</summary>
    private static async Task<string> OldAsync(Scene scene)
    {
        var name = $"newer-{scene.Id}";
        await ImageTests.OwnImageAsync(scene, name, "FROM codex\nRUN echo two > /tmp/version\n");
        (await scene.RunAsync("build", "--image", name)).ExitCode.ShouldBe(0);
        var made = await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            "mkdir -p ~/.codex-local/sessions; echo said > ~/.codex-local/sessions/one; ln -s sessions/one ~/.codex-local/last"
        );
        made.ExitCode.ShouldBe(0, made.ToString());
        return name;
    }

    private static async Task<Outcome> SessionAsync(Scene scene)
    {
        var read = await scene.RunAsync("run", "--cmd", "sh", "-c", "cat ~/.codex-local/last; cat /tmp/version");
        read.Output.ShouldStartWith("said\n", Case.Sensitive, read.ToString());
        return read;
    }

    private static Task<Outcome> UpgradeAsync(Scene scene, string image) =>
        scene.RunAsync(new Call("upgrade", "--image", image) { Limit = TimeSpan.FromMinutes(3) });

    private static string Move(Scene scene) => scene.Paths.Container("docker", $"codex-work-{scene.Id}").Move;

    /// <summary>An upgrade whose call to docker is held.</summary>
    private static async Task<(HeldDocker Docker, Running Run)> HeldAsync(Scene scene, string image, string step)
    {
        var docker = new HeldDocker(scene);
        docker.Hold(step);
        var run = scene.Start("upgrade", "--image", image);
        await docker.IsHeldAsync();
        return (docker, run);
    }

    [Theory]
    [InlineData("container export")]
    [InlineData("create")]
    [InlineData("exec")]
    [InlineData("container rm --volumes")]
    [InlineData("container rm --volumes", "create")]
    [InlineData("container rm --volumes", "container start")]
    [InlineData("container rm --volumes", "exec")]
    public async Task Killed_at_whatever_step_it_loses_no_session(params string[] steps)
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var image = await OldAsync(scene);
        var (docker, run) = await HeldAsync(scene, image, steps[0]);
        foreach (var step in steps.Skip(1))
        {
            docker.Hold(step);
            await docker.IsHeldAsync();
        }

        run.Signal();
        docker.LetGo();
        await scene.NothingIsLeftAsync();

        await SessionAsync(scene);
        var again = await UpgradeAsync(scene, image);
        again.ExitCode.ShouldBe(0, again.ToString());
        (await SessionAsync(scene)).Output.ShouldBe("said\ntwo\n");
        (await scene.ContainersAsync()).Count.ShouldBe(1);
        Directory.Exists(Move(scene)).ShouldBeFalse();
    }

    [Fact]
    public async Task Interrupted_while_the_old_one_is_there_it_is_as_it_was()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var image = await OldAsync(scene);
        var (docker, run) = await HeldAsync(scene, image, "exec");

        run.Signal("INT");
        docker.LetGo();

        (await run.EndAsync()).ExitCode.ShouldBe(130);
        Directory.Exists(Move(scene)).ShouldBeFalse();
        (await SessionAsync(scene)).Output.ShouldBe("said\n");
        (await scene.ContainersAsync()).Count.ShouldBe(1);
    }

    [Theory, InlineData("container export"), InlineData("create"), InlineData("exec"), InlineData("container rm --volumes")]
    public async Task A_call_that_fails_leaves_the_old_one(string step)
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var image = await OldAsync(scene);
        var docker = new HeldDocker(scene);
        docker.Fail(step);

        (await UpgradeAsync(scene, image)).ExitCode.ShouldNotBe(0);
        docker.Fail("nothing");

        (await SessionAsync(scene)).Output.ShouldBe("said\n");
        await scene.NothingIsLeftAsync();
        (await scene.ContainersAsync()).Count.ShouldBe(1);
        Directory.Exists(Move(scene)).ShouldBeFalse();
    }

    [Fact]
    public async Task When_the_new_one_cannot_be_made_the_sessions_wait_for_the_next_run()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var image = await OldAsync(scene);
        var (docker, run) = await HeldAsync(scene, image, "container rm --volumes");
        docker.Fail("create");
        docker.LetGo();

        var failed = await run.EndAsync();
        failed.ExitCode.ShouldBe(1, failed.ToString());
        failed.Error.ShouldContain("codexctl run makes the container, with them");
        var again = await UpgradeAsync(scene, image);
        again.ExitCode.ShouldBe(1, again.ToString());
        again.Error.ShouldContain("Its sessions are kept");
        (await scene.RunAsync("doctor")).Output.ShouldContain("its sessions wait in");

        docker.Fail("nothing");
        (await SessionAsync(scene)).Output.ShouldBe("said\n");
        Directory.Exists(Move(scene)).ShouldBeFalse();
        (await scene.RunAsync("doctor")).Output.ShouldNotContain("its sessions wait in");
    }

    [Fact]
    public async Task A_container_that_is_used_is_left_alone()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var image = await OldAsync(scene);
        await using var holding = await scene.HoldAsync();

        var refused = await UpgradeAsync(scene, image);

        refused.ExitCode.ShouldBe(1, refused.ToString());
        refused.Error.ShouldContain("codexctl stop");
    }
}
