using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>What a box can reach, seen from inside.</summary>
public class IsolationTests
{
    [Theory, BothEngines]
    public async Task Only_loopback_is_in_the_box_and_nothing_else_can_be_reached(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var hosts = Machine.Run("hostname", "-I").Output.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        // The model server's own port on the host: something listens there, so a way out would be seen.
        var targets = hosts
            .Select(address => $"{address} {scene.Model.Address.Port}")
            .Append($"127.0.0.1 {scene.Model.Address.Port}")
            .Concat(["192.0.2.1 80", "1.1.1.1 443", "169.254.169.254 80", "2001:db8::1 80", "::1 22", "fe80::1 80"]);
        var script = $$"""
            tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sed 's/^/interface /'
            tail -n +2 /proc/net/route | sed 's/^/route /'
            try() { if timeout 5 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; then echo "reached $1:$2"; else echo "failed $1"; fi; }
            {{string.Join('\n', targets.Select(target => $"try {target}"))}}
            for name in example.org localhost.localdomain.example; do getent hosts $name && echo "resolved $name"; done
            echo end
            """;

        var outcome = await scene.RunAsync("run", "--cmd", "bash", "-c", script);

        var lines = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Where(line => line.StartsWith("interface", StringComparison.Ordinal)).ShouldBe(["interface lo"], outcome.ToString());
        lines.ShouldNotContain(line => line.StartsWith("route") || line.StartsWith("reached") || line.StartsWith("resolved"));
        lines.Count(line => line.StartsWith("failed", StringComparison.Ordinal)).ShouldBe(hosts.Length + 7);
        lines[^1].ShouldBe("end");
    }

    [Theory, BothEngines]
    public async Task The_proxy_refuses_with_words_that_name_the_flag(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        var plain = await scene.RunAsync("run", "--cmd", "curl", "-sS", "-i", "http://example.org/path");
        var secure = await scene.RunAsync("run", "--cmd", "curl", "-sS", "-v", "https://example.org/path");

        plain.Output.ShouldStartWith("HTTP/1.1 403");
        plain.Output.ShouldContain("codexctl run --allow example.org");
        secure.ExitCode.ShouldNotBe(0);
        secure.Error.ShouldContain("403");
        secure.Error.ShouldContain("--allow example.org");
        secure.Error.ShouldContain("refused 1: example.org\ncodexctl: --allow HOST lets a host in; why each was refused: codexctl log\n");
    }

    [Theory, BothEngines]
    public async Task An_allowed_host_does_not_open_private_addresses(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var port = scene.Model.Address.Port;

        var outcome = await scene.RunAsync(
            "run",
            "--allow",
            "localhost",
            "--cmd",
            "curl",
            "-sS",
            "-i",
            "--noproxy",
            "",
            $"http://localhost:{port}/api/version"
        );

        outcome.Output.ShouldNotContain("0.32.15", customMessage: outcome.ToString());
        scene.Model.Seen.ShouldNotContain(request =>
            request.Headers.ContainsKey("User-Agent") && request.Headers["User-Agent"].StartsWith("curl")
        );
    }

    [Theory, BothEngines]
    public async Task A_command_has_no_privileges_and_nothing_of_the_host(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        const string Script = """
            grep -E '^(Cap|NoNewPrivs)' /proc/self/status
            echo "secret=$HOST_SECRET"
            ls -d /root/.ssh /root/.npmrc /var/run/docker.sock /run/docker.sock 2>/dev/null | sed 's/^/seen /'
            touch /run/codexctl/door/x /etc/codex/x 2>/dev/null && echo "wrote"
            rm -f /run/codexctl/door/door.sock 2>/dev/null && echo "removed"
            ls /run/codexctl/door
            exit 0
            """;

        var outcome = await scene.RunAsync("run", "--cmd", "bash", "-c", Script);

        foreach (var set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        {
            outcome.Output.ShouldContain($"{set}:\t0000000000000000\n", customMessage: outcome.ToString());
        }
        outcome.Output.ShouldContain("NoNewPrivs:\t1\n");
        outcome.Output.ShouldEndWith("secret=\ndoor.sock\n");
    }

    [Theory, BothEngines]
    public async Task The_door_lets_nothing_change_the_model_server_and_no_remote_model_answer(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var script = """
            ask() { echo "$(curl -sS -o /tmp/answer -w '%{http_code}' "$@" 2>&1) $(head -c 300 /tmp/answer | tr '\n' ' ')"; }
            m=http://127.0.0.1:11434
            ask -X POST $m/api/pull -d '{"model":"gpt-oss:20b"}'
            ask -X POST $m/api/push -d '{"model":"gpt-oss:20b"}'
            ask -X POST $m/api/create -d '{"model":"x","from":"gpt-oss:20b"}'
            ask -X POST $m/api/copy -d '{"source":"gpt-oss:20b","destination":"x"}'
            ask -X DELETE $m/api/delete -d '{"model":"gpt-oss:20b"}'
            ask -X POST $m/api/blobs/sha256:0000 -d 'x'
            ask -X HEAD -I $m/api/blobs/sha256:0000
            ask -X POST --path-as-is $m/v1/../api/pull -d '{"model":"gpt-oss:20b"}'
            ask -X POST $m/api/%70ull -d '{"model":"gpt-oss:20b"}'
            ask -X POST $m//api/pull -d '{"model":"gpt-oss:20b"}'
            ask -X POST $m/api/experimental/web_search -d '{"query":"x"}'
            ask -X POST $m/v1/responses -d '{"model":"innocent","input":"hi"}'
            ask -X POST $m/v1/chat/completions -d '{"model":"innocent:latest","messages":[]}'
            ask -X POST $m/api/chat -d '{"model":"innocent","messages":[]}'
            ask -X POST $m/api/generate -d '{"model":"gpt-oss:20b","model":"innocent","prompt":"x"}'
            """;
        var calls = script.Split('\n').Count(line => line.StartsWith("ask ", StringComparison.Ordinal));

        var outcome = await scene.RunAsync("run", "--cmd", "bash", "-c", script);

        var answers = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        answers.Length.ShouldBe(calls, outcome.ToString());
        answers.ShouldAllBe(answer => answer.StartsWith('4'), outcome.ToString());
        answers[0].ShouldContain("ollama pull");
        answers[11].ShouldContain("ollama.com", customMessage: "says where the model would run");
        scene
            .Model.Seen.Select(request => $"{request.Method} {request.Target}")
            .Where(request =>
                request is not ("POST /api/show" or "GET /api/version" or "GET /api/tags" or "GET /api/ps" or "GET /v1/models" or "GET /")
            )
            .ShouldBeEmpty();
        outcome.Error.ShouldContain("refused on the model route");
    }

    [Theory, BothEngines]
    public async Task A_read_only_folder_cannot_be_written_and_a_run_that_would_is_refused(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        var refused = await scene.RunAsync("run", "--read-only", "--cmd", "touch", "/workdir/x");
        refused.ExitCode.ShouldBe(1, refused.ToString());
        refused.Error.ShouldContain("Read-only file system");
        Directory.EnumerateFileSystemEntries(scene.Work).ShouldBeEmpty();

        var mismatch = await scene.RunAsync("run", "--cmd", "true");
        mismatch.ExitCode.ShouldBe(125);
        mismatch.Error.ShouldContain("mounted read-only, and read-write was asked");
        mismatch.Error.ShouldContain("codexctl rm --name");

        (await scene.RunAsync("run", "--read-only", "--cmd", "true")).ExitCode.ShouldBe(0);
    }
}
