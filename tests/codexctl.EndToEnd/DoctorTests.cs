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
