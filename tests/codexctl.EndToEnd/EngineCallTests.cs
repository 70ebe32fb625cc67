using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>Each call of an engine's client costs a tenth of a second and more, so they are counted.</summary>
public class EngineCallTests
{
    [Theory, InlineData(true), InlineData(false)]
    public async Task A_new_container_costs_four_calls_a_stopped_one_three_a_running_one_two(bool named)
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        if (!named)
        {
            // Finding out which engine is there is no call either.
            scene.Environment.Remove("CODEXCTL_ENGINE");
        }
        await CountAsync(scene);
    }

    internal static async Task CountAsync(Scene scene)
    {
        var program = scene.Engine.Word();
        var real = Machine.Run("sh", "-c", $"command -v {program}").Output.Trim();
        var calls = await EngineCalls.WatchAsync(scene, program, real);

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        calls.Take().ShouldBe(["inspect codex:latest", "create --pull", "container start", "exec --interactive"]);

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        // From here on the image is not asked about: that costs as much as all the rest.
        calls.Take().ShouldBe(["container inspect", "container start", "exec --interactive"]);

        await using var holding = await scene.HoldAsync();
        calls.Take();
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        calls.Take().ShouldBe(["container inspect", "exec --interactive"]);
    }
}
