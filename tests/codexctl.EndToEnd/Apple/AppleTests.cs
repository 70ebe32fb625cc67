using System.Diagnostics;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd.Apple;

/// <summary>What is Apple's own: its service, its releases, its builder, its calls, its terminal.</summary>
public class AppleTests
{
    [Theory]
    [InlineData("1.0", "unregistered")]
    [InlineData("1.2.2", "notrunning")]
    [InlineData("1.4.1", "xpc")]
    public async Task A_service_that_is_down_is_an_error_with_the_command_to_type(string release, string kind)
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        scene.Emulate("VERSION", release);
        scene.Emulate("DOWN", kind);

        var outcome = await scene.RunAsync("run", "--cmd", "true");

        outcome.ExitCode.ShouldBe(125);
        outcome.Error.ShouldContain("The service of Apple's container is not running.");
        outcome.Error.ShouldContain("→ Start it, then run the command again: container system start --enable-kernel-install");
        scene.Background().ShouldBeEmpty();
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("n", 125)]
    public async Task A_service_that_is_down_is_started_when_the_person_at_the_terminal_says_so(string answer, int code)
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        scene.Emulate("DOWN", "unregistered");
        scene.Emulate("NO_KERNEL", "1");
        var terminal = scene.OpenTerminal();
        var before = terminal.Shell("stty -a").Output;

        var run = terminal.Begin("codexctl run --cmd true");
        terminal.WaitFor("[Y/n]");
        terminal.Type(answer);

        terminal.Ended(run).ExitCode.ShouldBe(code);
        terminal.Shell("stty -a").Output.ShouldBe(before);
        (await scene.RunAsync("ls")).ExitCode.ShouldBe(code == 0 ? 0 : 1);
    }

    [Fact]
    public async Task A_release_below_the_floor_is_refused_and_an_update_is_noticed()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        scene.Emulate("VERSION", "0.12");

        var old = await scene.RunAsync("run", "--cmd", "true");

        old.ExitCode.ShouldBe(125);
        old.Error.ShouldContain("Apple's container 0.12.0 is too old.");
        old.Error.ShouldContain("codexctl needs 1.0.0 or later.");
        scene.Emulate("VERSION", "1.4.1");
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
    }

    [Theory]
    [InlineData("list", 20)]
    [InlineData("image inspect", 20)]
    [InlineData("start", 60)]
    public async Task A_call_that_hangs_is_an_error_within_its_time_limit(string call, int seconds)
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        scene.Emulate("HANG", call);
        var watch = Stopwatch.StartNew();

        var outcome = await scene.RunAsync(new Call("run", "--cmd", "true") { Limit = TimeSpan.FromSeconds(seconds + 60) });

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldContain($"container did not answer within {seconds} seconds.");
        outcome.Error.ShouldContain("container system status");
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(seconds + 30));
        scene.Emulate("HANG", null);
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
    }

    [Theory]
    [InlineData("GARBAGE", "list")]
    [InlineData("GARBAGE", "image inspect")]
    [InlineData("FAIL", "list")]
    [InlineData("FAIL", "create")]
    [InlineData("FAIL", "start")]
    public async Task Rubbish_and_new_troubles_are_errors_in_words(string fault, string call)
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        scene.Emulate(fault, call);

        var outcome = await scene.RunAsync("run", "--cmd", "true");

        outcome.ExitCode.ShouldBe(125, outcome.ToString());
        outcome.Error.ShouldStartWith("codexctl: ");
        outcome.Error.ShouldContain("container");
        outcome.Error.ShouldNotContain("bug");
        outcome.Error.ShouldNotContain("\u001b");
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "nothing is left");
    }

    [Fact]
    public async Task A_client_that_fails_is_told_from_a_command_that_fails()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        await using var held = await scene.HoldAsync();
        (await scene.RunAsync("exec", "sh", "-c", "exit 1")).ExitCode.ShouldBe(1);
        (await scene.RunAsync("exec", "sh", "-c", "exit 64")).ExitCode.ShouldBe(64);

        scene.Emulate("FAIL", "exec");

        (await scene.RunAsync("exec", "true")).ExitCode.ShouldBe(125);
        scene.Emulate("FAIL", null);
    }

    /// <summary>One more than docker's for a new container: `create` would fetch a missing image, so that is asked for first.</summary>
    [Fact]
    public async Task A_new_container_costs_five_calls_a_stopped_one_three_a_running_one_two()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        var calls = await EngineCalls.WatchAsync(scene, "container", scene.Container);

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        // The version only once for an installed program.
        calls.Take().ShouldBe(["--version", "ls --all", "image inspect", "create --name", $"start {Name(scene)}", "exec --interactive"]);

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        calls.Take().ShouldBe(["ls --all", $"start {Name(scene)}", "exec --interactive"]);

        await using var holding = await scene.HoldAsync();
        calls.Take();
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        calls.Take().ShouldBe(["ls --all", "exec --interactive"]);
    }

    [Fact]
    public async Task An_image_of_another_recipe_is_told_when_a_container_is_made_from_it()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        var image = $"own-{scene.Id}";
        var recipe = await ImageTests.OwnImageAsync(scene, image, "FROM codex\nRUN echo one > /tmp/version\n");
        var first = await scene.RunAsync("run", "--temp", "--image", image, "--cmd", "cat", "/tmp/version");
        (first.ExitCode, first.Output).ShouldBe((0, "one\n"), first.ToString());

        await File.WriteAllTextAsync(recipe, "FROM codex\nRUN echo two > /tmp/version\n");

        var second = await scene.RunAsync("run", "--temp", "--image", image, "--cmd", "cat", "/tmp/version");
        (second.ExitCode, second.Output).ShouldBe((0, "one\n"), second.ToString());
        second.Error.ShouldContain(
            $"is of another recipe than this codexctl's. Going on with it. Build it anew: codexctl build --image {image}"
        );
    }

    [Fact]
    public async Task A_command_is_the_person_without_privileges_and_can_only_use_the_door()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple, Person.Ordinary);
        const string Script = """
            id -u
            grep -E '^(Cap|NoNewPrivs)' /proc/self/status
            echo "secret=$HOST_SECRET"
            touch /run/codexctl/door/x /run/codexctl/x /etc/codex/x /usr/local/bin/x 2>/dev/null && echo "wrote"
            rm -f /run/codexctl/door/door.sock 2>/dev/null && echo "removed"
            ls /run/codexctl/door
            curl -s http://127.0.0.1:11434/api/version
            """;

        var outcome = await scene.RunAsync("run", "--cmd", "bash", "-c", Script);

        outcome.Output.ShouldStartWith($"{Machine.OrdinaryId}\n", customMessage: outcome.ToString());
        foreach (var set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        {
            outcome.Output.ShouldContain($"{set}:\t0000000000000000\n");
        }
        outcome.Output.ShouldContain("NoNewPrivs:\t1\nsecret=\ndoor.sock\n{");
        outcome.Error.ShouldNotContain("root-owned");
    }

    [Fact]
    public async Task A_killed_box_ends_the_run_with_137()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        await using var run = await scene.HoldAsync();

        await scene.KillBoxesAsync();

        (await run.EndAsync()).ExitCode.ShouldBe(137);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "nothing is left");
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task A_folder_that_looks_root_owned_is_worked_in_as_root_without_capabilities_and_that_is_said_once()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple, Person.OnMac);
        scene.Model.Mode = AnswerMode.Tool;
        const string script =
            "id -u; stat -c %u /workdir; grep -E '^(Cap|NoNewPrivs)' /proc/self/status; mkdir sub; echo x > sub/made; echo $HOME";

        var first = await scene.RunAsync("run", "--cmd", "sh", "-c", script);

        first.ExitCode.ShouldBe(0, first.ToString());
        first.Output.ShouldStartWith("0\n0\n");
        foreach (var set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        {
            first.Output.ShouldContain($"{set}:\t0000000000000000");
        }
        first.Output.ShouldContain("NoNewPrivs:\t1");
        first.Output.ShouldEndWith("/home/coder\n");
        first.Error.ShouldContain("looks root-owned");

        // Codex itself, in the same box: nothing more is said, and all that was written is the person's.
        var codex = await scene.RunAsync("run", "--", "exec", "write hello.txt");
        codex.ExitCode.ShouldBe(0, codex.ToString());
        codex.Output.ShouldBe("Done: hello.txt written.\n");
        codex.Error.ShouldNotContain("root-owned");
        Directory.EnumerateFileSystemEntries(scene.Work).Select(Path.GetFileName).ShouldBe(["sub", "hello.txt"], ignoreOrder: true);
        foreach (var path in (string[])["sub", "sub/made", "hello.txt"])
        {
            scene.AsPerson("stat", "-c", "%u", Path.Combine(scene.Work, path)).Output.ShouldBe($"{Machine.MacId}\n", path);
        }
        scene.AsPerson("rm", "-r", Path.Combine(scene.Work, "sub")).ExitCode.ShouldBe(0);

        // su-exec has root's powers in the machine, and gives the person's files to nobody else.
        await using var held = await scene.HoldAsync();
        var root = await scene.RunAsync("su-exec", "sh", "-c", "id -u; echo y > by-root; echo z > /usr/local/bin/mark && echo installed");
        root.Output.ShouldBe("0\ninstalled\n", root.ToString());
        scene.AsPerson("stat", "-c", "%u", Path.Combine(scene.Work, "by-root")).Output.ShouldBe($"{Machine.MacId}\n");
    }

    [Fact]
    public async Task An_image_is_built_when_it_is_missing_and_the_builder_is_stopped_after()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        scene.Emulate("IMAGES", Machine.BaseImage);
        scene.Emulate("BUILD_NETWORK", "host");

        var outcome = await scene.RunAsync(new Call("run", "--cmd", "codex", "--version") { Limit = TimeSpan.FromMinutes(9) });

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Error.ShouldContain("image codex: done");
        outcome.Output.ShouldStartWith("codex-cli ");
        var rows = (await scene.RunAsync("ls", "--json")).Output;
        JsonNode.Parse(rows)!.AsArray().Single(row => (string?)row!["name"] == "buildkit")!["state"]!
            .GetValue<string>()
            .ShouldBe("stopped");
    }

    [Fact]
    public async Task The_demo_works()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);

        var outcome = await scene.RunAsync(new Call("demo", "--json") { Limit = TimeSpan.FromMinutes(2) });

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task Line_feeds_of_a_full_screen_program_stay_line_feeds()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        var terminal = scene.OpenTerminal();
        var before = terminal.Shell("stty -a").Output;
        // A program that has made its terminal raw: a line feed goes down and not to the left.
        var run = terminal.Begin("codexctl run --cmd bash -c 'stty raw; sleep 3; printf \"first\\nsecond\"; sleep 2; stty sane'");
        terminal.WaitFor("second");

        terminal.WaitFor(screen => screen.Split('\n').Any(line => line.StartsWith("     second", StringComparison.Ordinal)), "a staircase");

        terminal.Ended(run).ExitCode.ShouldBe(0);
        terminal.Shell("stty -a").Output.ShouldBe(before);
    }

    [Fact]
    public async Task Someone_elses_pipe_is_not_left_non_blocking()
    {
        await using var scene = await Scene.CreateAsync(Engine.Apple);
        var terminal = scene.OpenTerminal();

        // Both commands share one end of the pipe, and the second sees what the first left. O_NONBLOCK is 04000.
        var read = terminal.Shell("(sleep 6; echo late) | (codexctl run --cmd true; grep flags /proc/self/fdinfo/0)");

        read.Output.ShouldNotContain("04000");
        read.Output.ShouldContain("flags:");
    }

    private static string Name(Scene scene) => $"codex-{Path.GetFileName(scene.Work)}";
}
