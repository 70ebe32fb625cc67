using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>
/// The tools that agents reach for, in the box, through the door, each with its preset. npm's packages and Debian's come from the real
/// registries; the rest from <see cref="ToolServer"/>, behind a company's proxy that looks into TLS: they trust it by `ca_file` alone.
/// </summary>
public class ToolTests
{
    private const string Npm =
        "mkdir -p /tmp/n && cd /tmp/n && npm install --no-audit is-number@7.0.0 >/dev/null && node -p 'require(\"is-number\")(7)'";
    private const string Git = "rm -rf /tmp/thing && git clone -q https://github.com/someone/thing.git /tmp/thing && cat /tmp/thing/README";
    private const string Curl = "curl -sS --fail-with-body https://api.github.com/zen";
    private const string Pip =
        "pip install -q --no-input --disable-pip-version-check tinything && python3 -c 'import tinything; print(tinything.said)'";
    private const string Apt = "apt-get update -q >/dev/null && apt-get install -q -y --no-install-recommends hello >/dev/null && hello";

    // A client that is no browser's: it sends the request for a WebSocket to the proxy with the whole address.
    private const string Socket = """
        require('http').get({ host: '127.0.0.1', port: 3128, path: 'http://echo.example.org/echo', headers: {
            Host: 'echo.example.org', Connection: 'Upgrade', Upgrade: 'websocket',
            'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' } })
          .on('response', r => { console.log(r.statusCode, r.statusMessage); process.exit() })
          .on('upgrade', (r, s) => {
            s.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
            s.on('data', d => { console.log(r.statusCode, d.subarray(2).toString()); process.exit() })
          })
        """;

    [Theory, BothEngines]
    public async Task With_its_preset_a_tool_works_and_without_it_the_error_names_the_flag(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var server = await ToolServer.StartAsync(scene);
        await using var holding = await scene.HoldAsync();

        // git, and curl where it is not asked to tell more, show of a refused tunnel the status alone.
        const string TalkingCurl = "curl -sv https://api.github.com/zen";
        foreach (var (script, words) in ((string, string)[])[(Npm, "--allow npm"), (TalkingCurl, "--allow github"), (Git, "403")])
        {
            var refused = await InBoxAsync(scene, $"export npm_config_fetch_retries=0; {script}");
            refused.ExitCode.ShouldNotBe(0, refused.ToString());
            (refused.Output + refused.Error).ShouldContain(words, customMessage: refused.ToString());
        }
        (await InBoxAsync(scene, $"curl -sS http://{ToolServer.Own}/")).Output.ShouldContain($"--allow {ToolServer.Own}");
        (await InBoxAsync(scene, "node", "-e", Socket)).Output.ShouldBe($"403 Refused by codexctl: use --allow {ToolServer.Own}\n");
        server.Proxy.Asked.ShouldBeEmpty();

        (await scene.RunAsync("allow", "npm", "github", ToolServer.Own)).ExitCode.ShouldBe(0);

        (await InBoxAsync(scene, Npm)).Output.ShouldBe("true\n");
        (await InBoxAsync(scene, Git)).Output.ShouldBe("cloned through the door\n");
        (await InBoxAsync(scene, Curl)).Output.ShouldBe("Keep it simple.\n");
        (await InBoxAsync(scene, "node", "-e", Socket)).Output.ShouldBe("101 hi\n");
        server.Seen.ShouldContain("github.com/someone/thing.git/git-upload-pack");
    }

    [Fact]
    public async Task In_an_image_with_python_pip_works_with_its_preset_and_apt_for_root_with_its_own()
    {
        await ImageTests.Four.Value;
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        await ToolServer.StartAsync(scene);
        await using var holding = await scene.HoldAsync("--image", "codex-python");

        var refused = await InBoxAsync(scene, $"export PIP_RETRIES=1; {Pip.Replace("-q ", "", StringComparison.Ordinal)}");
        refused.ExitCode.ShouldNotBe(0, refused.ToString());
        refused.Error.ShouldContain("--allow pypi", customMessage: refused.ToString());
        var stuck = await scene.RunAsync("su-exec", "sh", "-c", "apt-get update -q 2>&1");
        stuck.Output.ShouldContain("--allow debian", customMessage: stuck.ToString());

        (await scene.RunAsync("allow", "pypi", "debian")).ExitCode.ShouldBe(0);

        var installed = await InBoxAsync(scene, Pip);
        installed.Output.ShouldBe("installed through the door\n", installed.ToString());
        var apt = await scene.RunAsync(new Call("su-exec", "sh", "-c", Apt) { Limit = TimeSpan.FromMinutes(3) });
        apt.Output.ShouldBe("Hello, world!\n", apt.ToString());
    }

    private static Task<Outcome> InBoxAsync(Scene scene, string script) => InBoxAsync(scene, "bash", "-c", script);

    private static Task<Outcome> InBoxAsync(Scene scene, params string[] words) =>
        scene.RunAsync(new Call(["run", "--cmd", .. words]) { Limit = TimeSpan.FromMinutes(3) });
}
