using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd.Apple;

/// <summary>A Mac whose sockets do not answer in the virtual machines: the door over TCP, on an address that comes and goes with the boxes.</summary>
public class TcpDoorTests
{
    private static async Task<Scene> DeadSocketsAsync(Person? person = null)
    {
        var scene = await Scene.CreateAsync(Engine.Apple, person ?? Scene.NotRoot);
        await EndToEnd.TcpDoorTests.NeedBridgeAsync(scene);
        scene.Emulate("SOCKETS", "dead");
        scene.Emulate("VMNET", "1");
        return scene;
    }

    private static IPAddress Gateway(Scene scene)
    {
        // As the person, whose the emulator's files are.
        var home = Path.Combine(Path.GetDirectoryName(scene.Container)!, "home");
        var told = scene.AsPerson("/usr/bin/env", $"FAKE_CONTAINER_HOME={home}", scene.Container, "network", "inspect", "default");
        return IPAddress.Parse(JsonNode.Parse(told.Output)![0]!["status"]!["ipv4Gateway"]!.GetValue<string>());
    }

    private static bool IsHere(IPAddress address) =>
        NetworkInterface
            .GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Any(one => one.Address.Equals(address));

    [Fact]
    public async Task Codex_works_through_it_and_everything_tells_what_is_lost()
    {
        await using var scene = await DeadSocketsAsync();
        scene.Model.Mode = AnswerMode.Tool;
        var gateway = Gateway(scene);

        var outcome = await scene.RunAsync("run", "--", "exec", "write hello.txt");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("Done: hello.txt written.\n");
        outcome.Error.ShouldContain("gets a door over TCP. The socket did not answer from inside the box. What is lost:");
        outcome.Error.ShouldContain("`--network none` is lost");
        outcome.Error.ShouldContain("the door was over TCP");
        File.Exists(Path.Combine(scene.Work, "hello.txt")).ShouldBeTrue();
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        IsHere(gateway).ShouldBeFalse("its address goes with the last box");

        // The box keeps its door, and comes back with the address.
        var again = await scene.RunAsync("run", "--cmd", "curl", "-sS", "http://127.0.0.1:11434/codexctl/ping");
        again.Output.ShouldBe("pong\n", again.ToString());
        again.Error.ShouldContain("has a door over TCP");
        (await scene.RunAsync("receipt", "--json")).Output.ShouldContain("\"door\": \"tcp\"");
        var doctor = await scene.RunAsync("doctor");
        $"{doctor.Output}{doctor.Error}".ShouldContain($"{(await scene.StatesAsync()).Keys.Single()} is a TCP port with a token");
    }

    [Fact]
    public async Task It_moves_to_another_image_with_its_sessions_and_gets_such_a_door_again()
    {
        await using var scene = await DeadSocketsAsync();
        var image = $"newer-{scene.Id}";
        await ImageTests.OwnImageAsync(scene, image, "FROM codex\nRUN echo two > /tmp/version\n");
        var made = await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            "mkdir -p ~/.codex-local/sessions; echo said > ~/.codex-local/sessions/one"
        );
        made.ExitCode.ShouldBe(0, made.ToString());

        var moved = await scene.RunAsync(new Call("upgrade", "--image", image) { Limit = TimeSpan.FromMinutes(3) });

        moved.ExitCode.ShouldBe(0, moved.ToString());
        var there = await scene.RunAsync("run", "--cmd", "sh", "-c", "cat ~/.codex-local/sessions/one /tmp/version");
        there.Output.ShouldBe("said\ntwo\n", there.ToString());
        there.Error.ShouldContain("has a door over TCP");
        (await scene.StatesAsync()).Count.ShouldBe(1);
    }

    [Fact]
    public async Task Nothing_but_the_doors_port_can_be_reached_and_root_cannot_change_that()
    {
        await using var scene = await DeadSocketsAsync();
        await using var holding = await scene.HoldAsync();
        var gateway = Gateway(scene);
        // It listens on the very address that the door is at, as services of a Mac do that listen on all of them.
        using var open = new TcpListener(gateway, 0);
        open.Start();
        var port = ((IPEndPoint)open.LocalEndpoint).Port;
        var script = $$"""
            try() { if timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; then echo "reached $1:$2"; fi; }
            try {{gateway}} {{port}}; try {{gateway}} 53; try 1.1.1.1 443; try 169.254.169.254 80
            getent hosts example.org && echo resolved
            grep -E '^Cap(Eff|Bnd)' /proc/self/status
            curl -sS http://127.0.0.1:11434/codexctl/ping
            """;

        var outcome = await scene.RunAsync("exec", "bash", "-c", script);
        var root = await scene.RunAsync(
            "su-exec",
            "sh",
            "-c",
            $"nft flush ruleset; nft delete table inet codexctl; ip route 2>/dev/null; timeout 3 bash -c 'exec 3<>/dev/tcp/{gateway}/{port}' && echo reached"
        );

        outcome.Output.ShouldBe("CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\npong\n", outcome.ToString());
        root.Output.ShouldNotContain("reached", Case.Sensitive, root.ToString());
        root.Error.ShouldContain("Operation not permitted");
        open.Pending().ShouldBeFalse();
    }

    [Fact]
    public async Task The_demo_gets_it_too_and_shows_what_the_box_sees_then()
    {
        await using var scene = await DeadSocketsAsync();

        var outcome = await scene.RunAsync(new Call("demo", "--json") { Limit = TimeSpan.FromMinutes(2) });

        // Not all is as promised: the box has one more interface, and the demo says so.
        outcome.ExitCode.ShouldBe(1, outcome.ToString());
        outcome.Error.ShouldContain("gets a door over TCP");
        JsonNode.Parse(outcome.Output)!["filesWritten"]!.AsArray().Count.ShouldBeGreaterThan(0, outcome.Output);
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_socket_that_falls_silent_later_is_told_by_exec_in_words()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        (await scene.RunAsync("start")).ExitCode.ShouldBe(0);
        // As after a start whose socket never answered: there is no mark of an answer, and the next gateway's socket is not seen in there.
        var name = (await scene.StatesAsync()).Keys.Single();
        scene.RunEngine("exec", scene.Emulated(name), "rm", "-f", "/run/codexctl/answered").ExitCode.ShouldBe(0);
        Host.Kill(scene.Gateways().Single());

        var outcome = await scene.RunAsync("exec", "touch", "/workdir/x");

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain("does not answer, so nothing was run in it");
        File.Exists(Path.Combine(scene.Work, "x")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_gateway_that_was_killed_comes_back_on_the_same_port()
    {
        await using var scene = await DeadSocketsAsync();
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
    public async Task Strict_refuses_it_and_nothing_is_run()
    {
        await using var scene = await DeadSocketsAsync();
        scene.Environment["CODEXCTL_STRICT"] = "true";

        var outcome = await scene.RunAsync("run", "--cmd", "touch", "/workdir/x");

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain("does not answer, so nothing was run in it");
        outcome.Error.ShouldContain("the setting `strict` refuses it");
        File.Exists(Path.Combine(scene.Work, "x")).ShouldBeFalse();
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }

    /// <summary>Root without capabilities owns the files by which the box is entered: it could get at the right to open the filter.</summary>
    [Fact]
    public async Task Where_commands_would_run_as_root_the_box_does_not_start_but_with_an_open_network_that_was_asked_for()
    {
        await using var scene = await DeadSocketsAsync(Person.OnMac);

        var refused = await scene.RunAsync("run", "--cmd", "touch", "/workdir/x");

        refused.ExitCode.ShouldBe(125, refused.ToString());
        refused.Error.ShouldContain("ended before anything was run in it");
        refused.Error.ShouldContain("root could open the network again; this box does not start");
        File.Exists(Path.Combine(scene.Work, "x")).ShouldBeFalse();
        (await scene.ContainersAsync()).ShouldBeEmpty();

        var open = await scene.RunAsync(
            "run",
            "--network",
            "full",
            "--cmd",
            "sh",
            "-c",
            "touch x; id -u; curl -sS http://127.0.0.1:11434/codexctl/ping"
        );
        open.ExitCode.ShouldBe(0, open.ToString());
        open.Output.ShouldBe("0\npong\n");
        scene.AsPerson("stat", "-c", "%u", Path.Combine(scene.Work, "x")).Output.ShouldBe($"{Machine.MacId}\n");
    }

    [Fact]
    public async Task A_machine_that_cannot_close_its_network_does_not_run_the_box()
    {
        await using var scene = await DeadSocketsAsync();
        scene.Emulate("NETFILTER", "none");

        var outcome = await scene.RunAsync("run", "--cmd", "touch", "/workdir/x");

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain("ended before anything was run in it");
        outcome.Error.ShouldContain("the network cannot be closed; this box does not start");
        File.Exists(Path.Combine(scene.Work, "x")).ShouldBeFalse();
        (await scene.ContainersAsync()).ShouldBeEmpty();
        scene.Background().ShouldBeEmpty();
    }
}
