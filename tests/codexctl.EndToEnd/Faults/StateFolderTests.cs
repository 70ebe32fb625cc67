using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Faults;

/// <summary>A disk that is full, and files that were left behind, damaged or taken away.</summary>
public class StateFolderTests
{
    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task On_a_full_disk_a_run_is_refused_in_words_and_works_when_there_is_room(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var fill = SmallDisk(scene);
        Fill(fill);

        var refused = await scene.RunAsync("run", "--cmd", "echo", "x");

        refused.ExitCode.ShouldBe(125, refused.ToString());
        refused.Error.ShouldContain("No space left on device");
        refused.Error.ShouldNotContain("bug");
        scene.Background().ShouldBeEmpty();

        File.Delete(fill);
        await scene.NextRunIsCleanAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task When_the_disk_fills_up_during_a_run_even_a_killed_gateway_comes_back(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var fill = SmallDisk(scene);
        var run = await scene.StaysAsync(4501);
        var first = await scene.GatewayAsync();
        Fill(fill);

        Host.Kill(first);
        await scene.GatewayAsync(not: first);
        run.Signal("TERM");
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(143, outcome.ToString());
        outcome.Error.ShouldContain("incomplete");
        await scene.NothingIsLeftAsync();
        File.Delete(fill);
        await scene.NextRunIsCleanAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task What_a_crash_left_behind_does_not_disturb_the_next_run(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        var files = scene.Paths.Container(engine.Word(), (await scene.StatesAsync()).Keys.Single());

        await File.WriteAllTextAsync(files.GatewayOrder, "{\"engine\":", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files.DoorSocket, "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files.ControlSocket, "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files.Lease, "stale", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files.GatewayLock, "99999", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files.Pinned, "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(files.Receipts, "00000002.json.new"), "{", TestContext.Current.CancellationToken);
        await using (var log = File.OpenWrite(files.GatewayLog))
        {
            log.SetLength(1L << 30);
        }

        await scene.NextRunIsCleanAsync();

        new FileInfo(files.GatewayLog).Length.ShouldBeLessThan(1 << 20);
        File.Exists(files.Pinned).ShouldBeFalse();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Taken_away_under_a_run_the_state_folder_does_not_keep_it_from_ending(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4502);
        var name = (await scene.StatesAsync()).Keys.Single();
        Directory.Delete(Path.Combine(scene.State, engine.Word(), name, "control"), recursive: true);
        Directory.Delete(Path.Combine(scene.State, engine.Word(), name, "door"), recursive: true);

        run.Signal("TERM");
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(143, outcome.ToString());
        await scene.NothingIsLeftAsync();
        await scene.NextRunIsCleanAsync();
    }

    [Fact]
    public async Task Started_by_hand_and_then_stopped_behind_our_back_a_container_does_not_stay_for_ever()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        (await scene.RunAsync("start")).ExitCode.ShouldBe(0);
        Machine.Run("docker", "kill", (await scene.StatesAsync()).Keys.Single()).ExitCode.ShouldBe(0);

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);

        await scene.NothingIsLeftAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task A_state_folder_of_somebody_else_is_refused(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine, Person.Ordinary);
        Directory.CreateDirectory(Path.Combine(scene.State, engine.Word()));
        Machine.Run("chmod", "-R", "777", scene.State);

        var refused = await scene.RunAsync("run", "--cmd", "true");

        refused.ExitCode.ShouldBe(125, refused.ToString());
        refused.Error.ShouldContain("belongs to somebody else");
        scene.Background().ShouldBeEmpty();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task A_read_only_state_folder_is_told_in_words(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine, Person.Ordinary);
        Directory.CreateDirectory(scene.State);
        Machine.Run("chmod", "555", scene.State);

        var refused = await scene.RunAsync("run", "--cmd", "true");

        refused.ExitCode.ShouldBe(125, refused.ToString());
        refused.Error.ShouldContain(scene.State);
        refused.Error.ShouldNotContain("bug");
    }

    internal static string SmallDisk(Scene scene)
    {
        Directory.CreateDirectory(scene.State);
        if (Machine.Run("mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", scene.State).ExitCode != 0)
        {
            Assert.Skip("Only root can mount a small disk.");
        }
        // Undone after the processes are gone, before the folders are removed.
        scene.AtTheEnd(() => Machine.Run("umount", "--lazy", scene.State));
        return Path.Combine(scene.State, "fill");
    }

    internal static void Fill(string path) => Machine.Run("dd", "if=/dev/zero", $"of={path}", "bs=4096");
}
