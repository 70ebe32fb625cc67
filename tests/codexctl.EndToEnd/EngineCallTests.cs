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
        var log = Path.Combine(scene.Root, "calls");
        var folder = scene.NewFolder("wrapper");
        var real = Machine.Run("sh", "-c", $"command -v {program}").Output.Trim();
        var wrapper = Path.Combine(folder, program);
        // Who calls is told by the parent's command line: the gateway stops the container, and nobody waits for that at a start.
        await File.WriteAllTextAsync(
            wrapper,
            $"#!/bin/bash\nprintf '%s|%s\\n' \"$(tr '\\0' ' ' </proc/$PPID/cmdline)\" \"$1 $2\" >> {log}\nexec {real} \"$@\"\n"
        );
        File.SetUnixFileMode(wrapper, (UnixFileMode)0b111_101_101);
        scene.Environment["PATH"] = $"{folder}:{scene.Environment["PATH"]}";

        List<string> Calls()
        {
            var lines = File.ReadAllLines(log);
            File.Delete(log);
            return
            [
                .. lines
                    .Where(line => !line.Split('|')[0].Contains("codexctl gateway", StringComparison.Ordinal))
                    .Select(line => line.Split('|')[1]),
            ];
        }

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        Calls().ShouldBe(["inspect codex:latest", "create --pull", "container start", "exec --interactive"]);

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        Calls().ShouldBe(["inspect codex:latest", "container start", "exec --interactive"]);

        await using var holding = await scene.HoldAsync();
        Calls();
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        Calls().ShouldBe(["inspect codex:latest", "exec --interactive"]);
    }
}
