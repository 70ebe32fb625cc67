using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>The same promises on podman, as root and as an ordinary user; the details are docker's, whose dialect it is.</summary>
public class PodmanTests
{
    [Theory, InlineData(Person.Self), InlineData(Person.Ordinary)]
    public Task Codex_writes_a_file_that_belongs_to_the_person(Person person) =>
        new CodexRunTests().A_tool_call_writes_a_file_that_belongs_to_the_person_and_only_the_answer_is_on_standard_output(
            Engine.Podman,
            person
        );

    [Theory, InlineData(Person.Self), InlineData(Person.Ordinary)]
    public async Task The_box_is_closed_and_its_commands_have_no_privileges(Person person)
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman, person);
        const string Script = """
            tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sed 's/^/interface /'
            grep -E '^(Cap|NoNewPrivs)' /proc/self/status
            touch /run/codexctl/door/x /etc/codex/x 2>/dev/null && echo "wrote"
            timeout 5 bash -c 'exec 3<>/dev/tcp/192.0.2.2/22' 2>/dev/null && echo reached
            echo "user $(id -u) secret=$HOST_SECRET"
            """;

        var outcome = await scene.RunAsync("run", "--cmd", "bash", "-c", Script);

        outcome.Output.ShouldStartWith("interface lo\nCap", customMessage: outcome.ToString());
        foreach (var set in (string[])["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        {
            outcome.Output.ShouldContain($"{set}:\t0000000000000000\n");
        }
        outcome.Output.ShouldContain("NoNewPrivs:\t1\n");
        var id = person == Person.Ordinary ? Machine.OrdinaryId : Machine.Run("id", "-u").Output.Trim();
        outcome.Output.ShouldEndWith($"user {id} secret=\n");
        outcome.Output.ShouldNotContain("wrote");
        outcome.Output.ShouldNotContain("reached");
    }

    [Theory, InlineData(Person.Self), InlineData(Person.Ordinary)]
    public async Task A_container_is_started_used_stopped_and_removed(Person person)
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman, person);
        (await scene.RunAsync("run", "--cmd", "sh", "-c", "exit 7")).ExitCode.ShouldBe(7);
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);

        (await scene.RunAsync("start")).ExitCode.ShouldBe(0);
        (await scene.RunAsync(new Call("exec", "cat") { Text = "through the pipe" })).Output.ShouldBe("through the pipe");
        (await scene.RunAsync("exec", "no-such-program")).ExitCode.ShouldBe(127);
        (await scene.RunAsync("exec", "/etc/passwd")).ExitCode.ShouldBe(126);
        var root = await scene.RunAsync("su-exec", "sh", "-c", "id -u; touch /usr/local/bin/made");
        root.Output.ShouldBe("0\n", root.ToString());
        (await scene.StatesAsync()).Values.ShouldBe(["running"]);
        (await scene.RunAsync("stop")).ExitCode.ShouldBe(0);
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        (await scene.RunAsync("exec", "true")).ExitCode.ShouldBe(125);
        (await scene.RunAsync("rm")).ExitCode.ShouldBe(0);
        (await scene.ContainersAsync()).ShouldBeEmpty();
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left: " + string.Join('\n', scene.Background()));
    }

    [Theory, InlineData(Person.Self), InlineData(Person.Ordinary)]
    public async Task A_killed_front_end_leaves_nothing_running(Person person)
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman, person);
        var holding = await scene.HoldAsync();
        holding.Signal();
        await Scene.EventuallyAsync(async () => (await scene.StatesAsync()).Values.All(state => state == "stopped"), "the container stops");
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
    }

    [Theory, InlineData(Person.Self), InlineData(Person.Ordinary)]
    public async Task The_demo_works(Person person)
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman, person);
        var demo = await scene.RunAsync("demo");
        demo.ExitCode.ShouldBe(0, demo.ToString());
        demo.Output.ShouldContain("test passed");
    }

    [Fact]
    public async Task Calls_of_the_engine_are_as_few_as_with_docker()
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman);
        await EngineCallTests.CountAsync(scene);
    }

    [Fact]
    public async Task Limits_that_podman_cannot_keep_for_an_ordinary_user_are_refused()
    {
        await using var scene = await Scene.CreateAsync(Engine.Podman, Person.Ordinary);
        var info = scene.RunEngine("info", "--format", "{{.Host.CgroupsVersion}} {{.Host.CgroupControllers}}").Output;
        var limited = await scene.RunAsync("run", "--mem", "1G", "--cmd", "true");
        if (info.StartsWith("v2", StringComparison.Ordinal) && info.Contains("memory", StringComparison.Ordinal))
        {
            limited.ExitCode.ShouldBe(0, limited.ToString());
            return;
        }
        limited.ExitCode.ShouldBe(125, limited.ToString());
        limited.Error.ShouldContain("cannot limit processors or memory");
        (await scene.ContainersAsync()).ShouldBeEmpty();
    }
}
