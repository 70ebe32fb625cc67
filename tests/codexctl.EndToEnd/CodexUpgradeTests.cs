using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;
using Codexctl.Images;

namespace Codexctl.EndToEnd;

/// <summary>
/// Another Codex and back, with images. On Apple's engine, whose images each scene has for itself: the image `codex` of the
/// other engines is everybody's.
/// </summary>
public class CodexUpgradeTests
{
    private static readonly string s_now = CodexLock.Embedded.Version;

    /// <summary>As long as that of today, because it is written over it in the program.</summary>
    private static readonly string s_next = s_now[..^1] + (s_now[^1] == '9' ? '8' : '9');

    private static async Task<JsonNode?> ImageAsync(Scene scene, string name)
    {
        var listed = await scene.RunAsync("images", "--json");
        listed.ExitCode.ShouldBe(0, listed.ToString());
        return JsonNode.Parse(listed.Output)!.AsArray().SingleOrDefault(row => ((string)row!["image"]!).Split('/')[^1] == $"{name}:latest");
    }

    /// <summary>What is used, and what the image `codex` holds: always the same Codex.</summary>
    private static async Task UsesAsync(Scene scene, string version)
    {
        (await scene.RunAsync("codex", "version")).Output.ShouldBe($"{version}\n");
        var image = (await ImageAsync(scene, "codex")).ShouldNotBeNull();
        ((string?)image["codex"], (string?)image["state"]).ShouldBe((version, "current"));
        (await ImageAsync(scene, ImageCatalogue.Canary)).ShouldBeNull();
    }

    [Fact]
    public async Task One_that_does_not_work_changes_nothing_and_one_that_does_is_used_and_can_be_gone_back_from()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        scene.Emulate("IMAGES", $"codex {Machine.BaseImage}");
        scene.Emulate("BUILD_NETWORK", "host");
        var cache = scene.NewFolder("cache");
        Machine.Run("cp", "-al", $"{Machine.Cache}/codex", $"{Machine.Cache}/npm", cache).ExitCode.ShouldBe(0);
        scene.Environment["CODEXCTL_CACHE_DIR"] = cache;
        await using var registry = await CodexRegistry.StartAsync(scene.NewFolder("registry"));
        scene.Environment[registry.Setting.Name] = registry.Setting.Value;
        await registry.PublishAsync("0.169.902", program: "#!/bin/sh\n", damaged: true);
        await registry.PublishAsync("0.169.903", program: "#!/bin/sh\necho 'this Codex is broken' >&2\nexit 3\n");
        await registry.PublishAsync(s_next);
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);

        // Not what the registry says it is; and one that cannot do the small piece of work.
        var damaged = await scene.RunAsync(new Call("codex", "upgrade", "0.169.902") { Limit = TimeSpan.FromMinutes(3) });
        damaged.ExitCode.ShouldBe(1, damaged.ToString());
        damaged.Error.ShouldContain("it was thrown away");
        var broken = await scene.RunAsync(new Call("codex", "upgrade", "0.169.903") { Limit = TimeSpan.FromMinutes(3) });
        broken.ExitCode.ShouldBe(1, broken.ToString());
        broken.Error.ShouldContain("it is not used");
        await UsesAsync(scene, s_now);

        var used = await scene.RunAsync(new Call("codex", "upgrade", s_next) { Limit = TimeSpan.FromMinutes(3) });
        used.ExitCode.ShouldBe(0, used.ToString());
        used.Output.ShouldBe($"{s_next}\n");
        used.Error.ShouldContain($"goes on with Codex {s_now}");
        await UsesAsync(scene, s_next);
        var fresh = await scene.RunAsync("run", "--temp", "--cmd", "codex", "--version");
        fresh.ExitCode.ShouldBe(0, fresh.ToString());
        fresh.Error.ShouldNotContain("Build it anew");
        var old = await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            "mkdir -p ~/.codex-local/sessions; echo said > ~/.codex-local/sessions/one; hostname > ~/.codex-local/sessions/name"
        );
        old.Error.ShouldContain(
            $"has Codex {s_now}, and this codexctl uses {s_next}. To move it, with its sessions: codexctl upgrade codex-"
        );

        var moved = await scene.RunAsync(new Call("upgrade") { Limit = TimeSpan.FromMinutes(3) });
        moved.ExitCode.ShouldBe(0, moved.ToString());
        var there = await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            "cat ~/.codex-local/sessions/one; codex --version; hostname | cmp - ~/.codex-local/sessions/name"
        );
        there.ExitCode.ShouldBe(0, there.ToString());
        there.Output.ShouldBe($"said\ncodex-cli {s_next}\n");
        there.Error.ShouldNotContain("has Codex");
        (await scene.ContainersAsync()).Count.ShouldBe(1);

        var back = await scene.RunAsync(new Call("codex", "rollback") { Limit = TimeSpan.FromMinutes(3) });
        back.ExitCode.ShouldBe(0, back.ToString());
        back.Output.ShouldBe($"{s_now}\n");
        await UsesAsync(scene, s_now);
        (await scene.RunAsync("codex", "rollback")).ExitCode.ShouldBe(1);
    }
}
