using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>The doctor on real engines: a machine that is well, and one thing broken after the other.</summary>
public class DoctorTests
{
    private static async Task<(int Code, List<JsonObject> Findings)> LookAsync(Scene scene, params string[] options)
    {
        var outcome = await scene.RunAsync(new Call(["doctor", "--json", .. options]) { Limit = TimeSpan.FromMinutes(3) });
        var report = (JsonObject)(JsonNode.Parse(outcome.Output) ?? throw new InvalidOperationException(outcome.ToString()));
        ((int?)report["schema"]).ShouldBe(1);
        return (outcome.ExitCode, [.. report["findings"]!.AsArray().Select(finding => (JsonObject)finding!)]);
    }

    private static string Told(List<JsonObject> findings, string level) =>
        string.Join(
            '\n',
            findings
                .Where(finding => (string?)finding["level"] == level)
                .Select(finding => $"{finding["check"]}: {finding["what"]} → {finding["mend"]}")
        );

    [Theory, BothEngines]
    public async Task A_machine_that_is_well_passes_with_the_canary(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        var (code, findings) = await LookAsync(scene);

        Told(findings, "problem").ShouldBeEmpty();
        code.ShouldBe(0);
        Told(findings, "ok").ShouldContain("canary: a turn of Codex");
        string[] expected =
        [
            "version",
            "settings",
            "proxy",
            "disk",
            "memory",
            "pin",
            "engine",
            "door",
            "image",
            "left-overs",
            "login",
            "model server",
            "model",
            "context",
            "canary",
        ];
        findings
            .Select(finding => (string)finding["check"]!)
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ShouldBe(expected.Order(StringComparer.Ordinal));
    }

    [Theory, BothEngines]
    public async Task What_is_broken_is_named_and_mended(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        await scene.RunAsync("config", "set", "model.name", "absent:7b");
        var (code, findings) = await LookAsync(scene, "--quick");
        code.ShouldBe(1);
        Told(findings, "problem").ShouldContain("does not have the model absent:7b");

        // A pull, done by --fix.
        (code, findings) = await LookAsync(scene, "--quick", "--fix");
        code.ShouldBe(0, Told(findings, "problem"));
        scene.Model.Models.ShouldContain(model => model.Name == "absent:7b");

        // A run whose front end and gateway are both killed leaves a box; its folder is gone, too.
        await File.WriteAllTextAsync(scene.Paths.ConfigFile, "modell.name = \"x\"\n");
        (code, findings) = await LookAsync(scene, "--quick");
        code.ShouldBe(1);
        Told(findings, "problem").ShouldContain("Did you mean model.name?");
        File.Delete(scene.Paths.ConfigFile);

        await scene.Model.DisposeAsync();
        (code, findings) = await LookAsync(scene, "--quick");
        code.ShouldBe(1);
        Told(findings, "problem").ShouldContain("No model server answers");
    }

    [Fact]
    public async Task An_engine_whose_service_is_down_is_named_with_its_mend()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        scene.Environment["DOCKER_HOST"] = $"unix://{scene.Root}/nobody.sock";

        var (code, findings) = await LookAsync(scene);

        code.ShouldBe(1);
        var engine = findings.Where(finding => (string?)finding["check"] == "engine").ShouldHaveSingleItem();
        ((string?)engine["level"]).ShouldBe("problem");
        ((string?)engine["mend"]).ShouldNotBeNullOrEmpty();
        // The rest is looked at all the same, and nothing that needs the engine is tried.
        Told(findings, "ok").ShouldContain("model server");
        findings.ShouldNotContain(finding => (string?)finding["check"] == "canary");
    }

    [Fact]
    public async Task A_Codex_that_does_not_work_fails_the_canary_though_every_other_check_is_content()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var cache = scene.NewFolder("cache");
        var release = Path.GetDirectoryName(Path.GetDirectoryName((await Machine.CodexAsync()).Codex))!;
        var copy = Path.Combine(cache, Path.GetRelativePath(Machine.Cache, release));
        Directory.CreateDirectory(copy);
        // All but the 300 MB of the program itself.
        Machine.Run("sh", "-c", $"tar -C {release} --exclude=./bin/codex -cf - . | tar -C {copy} -xf -").ExitCode.ShouldBe(0);
        // Of the same size, which is all that is looked at before each run; the holes take no room.
        var program = Path.Combine(copy, "bin/codex");
        var size = new FileInfo(Path.Combine(release, "bin/codex")).Length;
        await File.WriteAllTextAsync(program, "#!/bin/sh\necho broken >&2\nexit 3\n");
        using (var file = new FileStream(program, FileMode.Open))
        {
            file.SetLength(size);
        }
        File.SetUnixFileMode(program, (UnixFileMode)0b111_101_101);
        scene.Environment["CODEXCTL_CACHE_DIR"] = cache;

        var (code, findings) = await LookAsync(scene);

        code.ShouldBe(1);
        findings
            .Where(finding => (string?)finding["level"] == "problem")
            .Select(finding => (string?)finding["check"])
            .Distinct()
            .ShouldBe(["canary"], Told(findings, "problem"));
    }

    [Theory, BothEngines]
    public async Task A_login_that_was_left_in_a_box_is_named_and_taken_out(Engine engine)
    {
        await using var online = await Auth.OnlineScene.CreateAsync(engine);
        var scene = online.Scene;
        var login = await online.SignedInAsync();
        var running = await scene.HoldAsync("--openai");
        // As at a crash of the machine: nobody can do anything any more.
        running.Signal("STOP");
        Host.Kill(scene.Gateways().Single());
        await scene.KillBoxesAsync();
        running.Signal();
        (await online.SearchOutsideAsync([login.AccessToken!])).ShouldNotBeEmpty();
        await Scene.EventuallyAsync(async () => (await scene.StatesAsync()).Values.All(state => state == "stopped"), "the box is stopped");

        var (_, findings) = await LookAsync(scene, "--quick");
        Told(findings, "warning").ShouldContain("with the OpenAI login still in it");

        (_, findings) = await LookAsync(scene, "--quick", "--fix");
        findings.ShouldContain(finding => (string?)finding["check"] == "left-overs" && (bool)finding["fixed"]!);
        (await online.SearchOutsideAsync([login.AccessToken!])).ShouldBeEmpty();
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
    }

    [Theory, BothEngines]
    public async Task A_container_whose_folder_is_gone_is_named_and_removed(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var folder = scene.NewFolder("gone");
        (await scene.RunAsync(new Call("run", "--cmd", "true") { Folder = folder })).ExitCode.ShouldBe(0);
        Directory.Delete(folder, recursive: true);

        var (_, findings) = await LookAsync(scene, "--quick");
        Told(findings, "warning").ShouldContain(folder);

        await LookAsync(scene, "--quick", "--fix");
        (await scene.ContainersAsync()).ShouldNotContain(container => ((string)container["name"]!).Contains("gone"));
    }
}
