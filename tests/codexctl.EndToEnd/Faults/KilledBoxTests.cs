using System.Globalization;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Faults;

/// <summary>The container is taken away under a run.</summary>
public class KilledBoxTests
{
    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task A_killed_box_ends_the_run_with_137(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4301);

        var name = (await scene.StatesAsync()).Keys.Single();
        if (engine == Engine.Docker)
        {
            Machine.Run("docker", "kill", name).ExitCode.ShouldBe(0);
        }
        else
        {
            var box = JsonNode
                .Parse(
                    await File.ReadAllTextAsync(
                        Path.Combine(scene.State, "bubblewrap", name, "box", "run.json"),
                        TestContext.Current.CancellationToken
                    )
                )!
                .AsObject();
            var id = box.First(pair => pair.Key.Equals("id", StringComparison.OrdinalIgnoreCase)).Value!.GetValue<int>();
            Host.Kill(id);
        }
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(137, outcome.ToString());
        outcome.Error.ShouldNotContain("incomplete");
        await scene.NothingIsLeftAsync();
        await scene.NextRunIsCleanAsync();
    }

    [Fact]
    public async Task A_killed_client_of_docker_takes_its_processes_along()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var run = await scene.StaysAsync(4302);
        var other = await scene.StaysAsync(4303);

        var client = Host.Processes().Single(process => process.Parent == run.Process.Id && process.Arguments is [_, "exec", ..]);
        Host.Kill(client.Id);
        var outcome = await run.EndAsync();

        outcome.ExitCode.ShouldBe(137, outcome.ToString());
        scene.Lives(4302).ShouldBeFalse();
        scene.Lives(4303).ShouldBeTrue();
        other.Signal();
        await scene.NothingIsLeftAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Stopped_by_hand_a_run_still_gets_its_whole_receipt(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4304);

        var stopped = await scene.RunAsync("stop");
        var outcome = await run.EndAsync();

        stopped.ExitCode.ShouldBe(0, stopped.ToString());
        outcome.ExitCode.ShouldBeGreaterThan(128, outcome.ToString());
        outcome.Error.ShouldNotContain("incomplete");
        outcome.Error.ShouldContain("0 model calls");
        await scene.NothingIsLeftAsync();
        scene.Receipts().Count.ShouldBe(1);
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Removed_by_force_under_a_run_nothing_is_left_and_the_next_run_is_new(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var run = await scene.StaysAsync(4305);

        var removed = await scene.RunAsync("rm", "--force");
        await run.EndAsync();

        removed.ExitCode.ShouldBe(0, removed.ToString());
        await scene.NothingIsLeftAsync();
        (await scene.ContainersAsync()).ShouldBeEmpty();
        await scene.NextRunIsCleanAsync();
        Directory
            .EnumerateFiles(scene.State, "*.tmp", SearchOption.AllDirectories)
            .ShouldBeEmpty(string.Create(CultureInfo.InvariantCulture, $"{scene.State}"));
    }
}
