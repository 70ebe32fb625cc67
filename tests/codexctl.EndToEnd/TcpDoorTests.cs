using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>The door over TCP, for engines into whose boxes no socket of this machine leads.</summary>
public class TcpDoorTests
{
    /// <summary>A scene whose docker is reached over tcp: for codexctl a remote one.</summary>
    private static async Task<Scene> RemoteAsync()
    {
        var scene = await Scene.CreateAsync(Engine.Docker, Scene.NotRoot);
        await NeedBridgeAsync(scene);
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        scene.Later(() =>
        {
            listener.Stop();
            return Task.CompletedTask;
        });
        _ = ForwardAsync(listener, (Machine.Variable("DOCKER_HOST") ?? "unix:///var/run/docker.sock")["unix://".Length..]);
        scene.Environment["DOCKER_HOST"] = $"tcp://{listener.LocalEndpoint}";
        return scene;
    }

    /// <summary>The address of docker's bridge on this machine; null when there is none.</summary>
    private static string? Bridge() =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .Where(one => one.Name == "docker0")
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .FirstOrDefault(own => own.Address.AddressFamily == AddressFamily.InterNetwork)
            ?.Address.ToString();

    internal static async Task NeedBridgeAsync(Scene scene)
    {
        if (Bridge() is null)
        {
            await scene.DisposeAsync();
            Assert.Skip("This machine has no docker0, the bridge of docker's boxes.");
        }
    }

    private static async Task ForwardAsync(TcpListener listener, string socket)
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await listener.AcceptTcpClientAsync();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return;
            }
            _ = Task.Run(async () =>
            {
                using var near = client;
                using var far = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await far.ConnectAsync(new UnixDomainSocketEndPoint(socket));
                await using var stream = new NetworkStream(far);
                var up = near.GetStream().CopyToAsync(stream).ContinueWith(_ => far.Shutdown(SocketShutdown.Send), TaskScheduler.Default);
                var down = stream
                    .CopyToAsync(near.GetStream())
                    .ContinueWith(_ => near.Client.Shutdown(SocketShutdown.Send), TaskScheduler.Default);
                await Task.WhenAll(up, down);
            });
        }
    }

    private static string Door(Scene scene, string container) => Path.Combine(scene.State, "docker", container, "door");

    [Fact]
    public async Task Codex_works_through_it_and_the_person_is_told_what_is_lost()
    {
        await using var scene = await RemoteAsync();
        scene.Model.Mode = AnswerMode.Tool;

        var outcome = await scene.RunAsync("run", "--", "exec", "write hello.txt");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("Done: hello.txt written.\n");
        File.Exists(Path.Combine(scene.Work, "hello.txt")).ShouldBeTrue();
        outcome.Error.ShouldContain("gets a door over TCP. Docker is reached over tcp.");
        outcome.Error.ShouldContain("The box has a network interface");
        var again = await scene.RunAsync("run", "--cmd", "true");
        again.ExitCode.ShouldBe(0);
        again.Error.ShouldContain("has a door over TCP");
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
    }

    [Fact]
    public async Task Nothing_but_the_doors_port_can_be_reached_and_root_cannot_change_that()
    {
        await using var scene = await RemoteAsync();
        var gateway = Bridge()!;
        // It listens on that very address, so that a hole in the filter would be seen.
        using var open = new TcpListener(IPAddress.Parse(gateway), 0);
        open.Start();
        var port = ((IPEndPoint)open.LocalEndpoint).Port;
        var script = $$"""
            try() { if timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; then echo "reached $1:$2"; fi; }
            try {{gateway}} {{port}}; try 1.1.1.1 443; try 169.254.169.254 80
            getent hosts example.org && echo resolved
            grep -E '^Cap(Eff|Bnd)' /proc/self/status
            curl -sS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:11434/v1/models
            """;

        await using var holding = await scene.HoldAsync();
        var outcome = await scene.RunAsync("exec", "bash", "-c", script);
        var root = await scene.RunAsync(
            "su-exec",
            "sh",
            "-c",
            $"nft flush ruleset; nft delete table inet codexctl; timeout 3 bash -c 'exec 3<>/dev/tcp/{gateway}/{port}' && echo reached"
        );

        outcome.Output.ShouldBe("CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n200\n", outcome.ToString());
        root.Output.ShouldBe("", root.ToString());
        root.Error.ShouldContain("Operation not permitted");
    }

    [Fact]
    public async Task Only_the_box_itself_has_the_token()
    {
        await using var scene = await RemoteAsync();
        await using var holding = await scene.HoldAsync();
        var name = (await scene.StatesAsync()).Keys.Single();
        var token = await File.ReadAllTextAsync(Path.Combine(Door(scene, name), "token"));
        var secret = token["codexctl:".Length..];
        secret.Length.ShouldBe(64);
        var encoded = Convert.ToBase64String(Encoding.ASCII.GetBytes(token));
        File.GetUnixFileMode(Path.Combine(Door(scene, name), "token")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        // Connections are open: their relays run now.
        await using var busy = scene.Start("exec", "sh", "-c", "exec 3<>/dev/tcp/127.0.0.1/3128; sleep 3");
        await Task.Delay(1500);

        var everywhere = string.Join(
            '\n',
            scene.RunEngine("inspect", name).Output,
            scene.RunEngine("inspect", "codex").Output,
            scene.RunEngine("history", "--no-trunc", "codex").Output,
            scene.RunEngine("logs", name).ToString(),
            scene.RunEngine("top", name, "-eo", "args").Output,
            string.Join('\n', Host.Processes().Select(process => $"{process} {process.Environment}")),
            string.Join(
                '\n',
                Directory
                    .EnumerateFiles(scene.State, "*", SearchOption.AllDirectories)
                    .Where(file => !file.EndsWith("/token", StringComparison.Ordinal) && !file.EndsWith(".sock", StringComparison.Ordinal))
                    .Select(ReadLocked)
            )
        );
        everywhere.ShouldContain("codexctl.door");
        everywhere.ShouldContain("proxyauthfile", customMessage: "the relays are seen");
        everywhere.Contains(secret, StringComparison.Ordinal).ShouldBeFalse();
        everywhere.Contains(encoded, StringComparison.Ordinal).ShouldBeFalse();
        var layer = Path.Combine(scene.Root, "layer.tar");
        scene.RunEngine("export", "-o", layer, name).ExitCode.ShouldBe(0);
        Machine.Run("grep", "-c", secret, layer).Output.Trim().ShouldBe("0");
    }

    /// <summary>Also a file that a running codexctl holds locked, which .NET does not open: its locks bind nobody else.</summary>
    private static string ReadLocked(string file)
    {
        var (exitCode, text, error) = Machine.Run("cat", file);
        exitCode.ShouldBe(0, error);
        return text;
    }

    [Fact]
    public async Task Another_container_and_another_program_get_nothing()
    {
        await using var scene = await RemoteAsync();
        await using var holding = await scene.HoldAsync();
        var name = (await scene.StatesAsync()).Keys.Single();
        var port = (await File.ReadAllTextAsync(Path.Combine(Door(scene, name), "port"))).Trim();
        var address = scene.RunEngine("inspect", "--format", "{{index .Config.Labels \"codexctl.door\"}}", name).Output.Trim()[
            "tcp:".Length..
        ];
        var script = $$"""
            ask() { printf "$1" | timeout 8 socat -t 3 - TCP:{{address}}:{{port}} 2>/dev/null | head -c 300; }
            ask 'GET /api/tags HTTP/1.1\r\nHost: x\r\n\r\n'
            ask 'GET /codexctl/ping HTTP/1.1\r\nHost: x\r\n\r\n'
            ask 'CONNECT codexctl:1 HTTP/1.0\r\nProxy-authorization: Basic Y29kZXhjdGw6eA==\r\n\r\nGET /codexctl/ping HTTP/1.1\r\nHost: x\r\n\r\n'
            echo end
            """;
        Machine.Run("sh", "-c", script).Output.ShouldBe("end\n");
        scene
            .RunEngine("run", "--rm", "--network", "bridge", "--user", "0:0", "--entrypoint", "sh", "codex", "-c", script)
            .Output.ShouldBe("end\n");

        // The other way: the box's own servers are not open to other containers.
        var inside = scene.RunEngine("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name).Output.Trim();
        await using var server = scene.Start("exec", "socat", "TCP-LISTEN:8099,fork,reuseaddr", "SYSTEM:echo from the box");
        await Task.Delay(1000);
        scene
            .RunEngine(
                "run",
                "--rm",
                "--network",
                "bridge",
                "--entrypoint",
                "sh",
                "codex",
                "-c",
                $"timeout 4 socat -t 3 - TCP:{inside}:8099,connect-timeout=3 </dev/null; echo end"
            )
            .Output.ShouldBe("end\n");
    }

    [Fact]
    public async Task A_gateway_that_was_killed_comes_back_on_the_same_port()
    {
        await using var scene = await RemoteAsync();
        await using var holding = await scene.HoldAsync();
        var old = scene.Gateways().Single();
        Host.Kill(old);
        await Scene.EventuallyAsync(() => scene.Gateways() is [var id] && id != old, "a new gateway");
        await Scene.EventuallyAsync(
            async () => (await scene.RunAsync("exec", "curl", "-sS", "http://127.0.0.1:11434/codexctl/ping")).Output == "pong\n",
            "the door answers again"
        );
    }

    [Fact]
    public async Task Strict_refuses_it_before_anything_is_made()
    {
        await using var scene = await RemoteAsync();
        scene.Environment["CODEXCTL_STRICT"] = "true";
        var refused = await scene.RunAsync("run", "--cmd", "true");
        refused.ExitCode.ShouldBe(125, refused.ToString());
        refused.Error.ShouldContain("`strict` refuses");
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }

    /// <summary>docker, but the door's folder does not get into new containers with a socket.</summary>
    private static async Task BreakTheSocketAsync(Scene scene)
    {
        var folder = scene.NewFolder("wrapper");
        var real = Machine.Run("sh", "-c", "command -v docker").Output.Trim();
        var wrapper = Path.Combine(folder, "docker");
        await File.WriteAllTextAsync(
            wrapper,
            $$"""
            #!/bin/bash
            if [ "$1" = create ] && [[ " $* " == *" codexctl.door=socket "* ]]; then
                kept=()
                for word in "$@"; do
                    [[ $word != *target=/run/codexctl/door* ]] || word=type=tmpfs,target=/run/codexctl/door
                    kept+=("$word")
                done
                set -- "${kept[@]}"
            fi
            exec {{real}} "$@"

            """
        );
        File.SetUnixFileMode(wrapper, (UnixFileMode)0b111_101_101);
        scene.Environment["PATH"] = $"{folder}:{scene.Environment["PATH"]}";
    }

    [Fact]
    public async Task A_socket_that_does_not_answer_is_replaced_and_the_command_runs_once()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker, Scene.NotRoot);
        await NeedBridgeAsync(scene);
        await BreakTheSocketAsync(scene);

        var outcome = await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            "echo once >> /workdir/log; curl -sS http://127.0.0.1:11434/codexctl/ping"
        );

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("pong\n");
        (await File.ReadAllTextAsync(Path.Combine(scene.Work, "log"))).ShouldBe("once\n");
        outcome.Error.ShouldContain("did not answer");
        outcome.Error.ShouldContain("What is lost");
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
    }

    [Fact]
    public async Task Root_cannot_have_one_because_its_commands_would_own_the_files_that_close_the_box()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        if (Processes.Libc.GetUserId() != 0)
        {
            Assert.Skip("Only root is refused.");
        }
        await BreakTheSocketAsync(scene);

        var outcome = await scene.RunAsync("run", "--cmd", "touch", "/workdir/x");

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain("and root cannot have one");
        File.Exists(Path.Combine(scene.Work, "x")).ShouldBeFalse();
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Strict_gives_up_with_words_where_the_socket_does_not_answer()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        await BreakTheSocketAsync(scene);
        scene.Environment["CODEXCTL_STRICT"] = "true";

        var outcome = await scene.RunAsync("run", "--cmd", "sh", "-c", "echo once >> /workdir/log");

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain("does not answer, so nothing was run in it");
        outcome.Error.ShouldContain("strict");
        File.Exists(Path.Combine(scene.Work, "log")).ShouldBeFalse();
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_command_that_answers_with_the_same_code_is_no_silent_door()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var outcome = await scene.RunAsync("run", "--cmd", "sh", "-c", "pkill -u $(id -u) socat; exit 87");
        outcome.ExitCode.ShouldBe(87, outcome.ToString());
        outcome.Error.ShouldNotContain("TCP");
    }
}
