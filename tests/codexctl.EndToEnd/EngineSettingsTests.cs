using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>What the person has told an engine to put into every container is not for boxes: proxies' addresses hold passwords.</summary>
public class EngineSettingsTests
{
    private const string Password = "hunter2";
    private const string Proxy = $"http://me:{Password}@proxy.example:1";

    [Theory, InlineData("none"), InlineData("full")]
    public async Task Proxies_of_dockers_settings_get_into_no_box(string network)
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        await SetDockersProxiesAsync(scene);

        var outcome = await scene.RunAsync("run", "--network", network, "--cmd", "env");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldContain("CODEX_HOME=");
        outcome.Output.ShouldNotContain(Password);
        scene.RunEngine("inspect", (await scene.StatesAsync()).Keys.Single()).Output.ShouldNotContain(Password);
        outcome.Output.Split('\n').ShouldContain(network == "none" ? "https_proxy=http://127.0.0.1:3128" : "https_proxy=");
    }

    [Fact]
    public async Task Proxies_of_dockers_settings_get_into_no_image()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        await SetDockersProxiesAsync(scene);
        var name = $"proxied-{scene.Id}";
        await ImageTests.OwnImageAsync(scene, name, "FROM codex\nRUN test -n \"$https_proxy\" && echo built > /tmp/built\n");

        var built = await scene.RunAsync(new Call("build", "--image", name) { Limit = TimeSpan.FromMinutes(3) });

        built.ExitCode.ShouldBe(0, built.ToString());
        (built.Output + built.Error).ShouldNotContain(Password);
        scene.RunEngine("image", "inspect", name).Output.ShouldNotContain(Password);
        scene.RunEngine("history", "--no-trunc", name).Output.ShouldNotContain(Password);
        var outcome = await scene.RunAsync("run", "--image", name, "--cmd", "sh", "-c", "cat /tmp/built; env");
        outcome.Output.ShouldStartWith("built\n", customMessage: outcome.ToString());
        outcome.Output.ShouldNotContain(Password);
    }

    [Theory, InlineData("none"), InlineData("full")]
    public async Task Podmans_settings_put_neither_proxies_nor_the_hosts_environment_into_a_box(string network)
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman);
        var settings = Path.Combine(scene.Root, "containers.conf");
        var own = scene.Environment.GetValueOrDefault("CONTAINERS_CONF") is { } file ? await File.ReadAllTextAsync(file) : "[containers]\n";
        await File.WriteAllTextAsync(
            settings,
            own.Replace(
                "[containers]\n",
                $"[containers]\nhttp_proxy = true\nenv_host = true\nenv = [\"HTTP_PROXY={Proxy}\", \"all_proxy={Proxy}\", \"FTP_PROXY={Proxy}\"]\n",
                StringComparison.Ordinal
            )
        );
        scene.Environment["CONTAINERS_CONF"] = settings;
        scene.Environment["HTTPS_PROXY"] = Proxy;

        var outcome = await scene.RunAsync("run", "--network", network, "--cmd", "env");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldContain("CODEX_HOME=");
        outcome.Output.ShouldNotContain(Password);
        outcome.Output.ShouldNotContain("HOST_SECRET");
        scene.RunEngine("inspect", (await scene.StatesAsync()).Keys.Single()).Output.ShouldNotContain(Password);
    }

    private static async Task SetDockersProxiesAsync(Scene scene)
    {
        var folder = Path.Combine(scene.Home, ".docker");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(
            Path.Combine(folder, "config.json"),
            $$"""
            { "proxies": { "default": { "httpProxy": "{{Proxy}}", "httpsProxy": "{{Proxy}}", "ftpProxy": "{{Proxy}}", "allProxy": "{{Proxy}}", "noProxy": "{{Password}}.example" } } }
            """
        );
    }
}
