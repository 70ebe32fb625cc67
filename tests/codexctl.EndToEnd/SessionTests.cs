using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>Which container a run gets, and what becomes of it.</summary>
public class SessionTests
{
    [Theory, BothEngines]
    public async Task Two_folders_with_one_base_name_have_two_containers(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var name = $"app-{scene.Id}";
        var first = scene.NewFolder($"one/{name}");
        var second = scene.NewFolder($"two/{name}");

        (await scene.RunAsync(new Call("run", "--cmd", "touch", "first") { Folder = first })).ExitCode.ShouldBe(0);
        (await scene.RunAsync(new Call("run", "--cmd", "touch", "second") { Folder = second })).ExitCode.ShouldBe(0);
        (await scene.RunAsync(new Call("run", "--cmd", "touch", "third") { Folder = first })).ExitCode.ShouldBe(0);

        (await scene.StatesAsync()).Keys.ShouldBe([$"codex-{name}", $"codex-{name}-{Paths.Hash(second)}"], ignoreOrder: true);
        Directory.EnumerateFiles(first).Select(Path.GetFileName).ShouldBe(["first", "third"], ignoreOrder: true);
        Directory.EnumerateFiles(second).Select(Path.GetFileName).ShouldBe(["second"]);
    }

    [Theory, BothEngines]
    public async Task Runs_in_one_folder_share_the_container_and_the_last_one_stops_it(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var first = await scene.HoldAsync();
        await using var second = await scene.HoldAsync();

        first.Signal("TERM");
        (await first.EndAsync()).ExitCode.ShouldBe(143);

        (await scene.StatesAsync()).Values.ShouldBe(["running"]);
        (await scene.RunAsync("exec", "echo", "still here")).Output.ShouldBe("still here\n");
        second.Process.HasExited.ShouldBeFalse();

        second.Signal("TERM");
        (await second.EndAsync()).ExitCode.ShouldBe(143);
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left");
    }

    [Theory, BothEngines]
    public async Task Two_runs_that_start_at_the_same_instant_both_work_20_times_over(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        for (var round = 0; round < 20; round++)
        {
            var both = await Task.WhenAll(
                scene.RunAsync("run", "--cmd", "sh", "-c", $"echo first {round} >> /workdir/log"),
                scene.RunAsync("run", "--cmd", "sh", "-c", $"echo second {round} >> /workdir/log")
            );

            both.ShouldAllBe(outcome => outcome.ExitCode == 0, $"round {round}: {both[0]}\n{both[1]}");
            (await scene.StatesAsync()).Values.Single().ShouldBe("stopped", $"round {round}");
        }
        (await File.ReadAllLinesAsync(Path.Combine(scene.Work, "log"))).Length.ShouldBe(40);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left");
    }

    [Theory, BothEngines]
    public async Task A_temporary_container_leaves_nothing(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        (await scene.RunAsync("run", "--temp", "--cmd", "sh", "-c", "exit 4")).ExitCode.ShouldBe(4);
        (await scene.RunAsync("run", "--temp", "--name", $"named-{scene.Id}", "--cmd", "touch", "made")).ExitCode.ShouldBe(0);

        (await scene.ContainersAsync()).ShouldBeEmpty();
        await Scene.EventuallyAsync(() => scene.ContainerFiles().Count == 0, "no file of theirs is left but records and receipts");
        File.Exists(Path.Combine(scene.Work, "made")).ShouldBeTrue();
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left");
    }

    [Theory, BothEngines]
    public async Task A_container_that_was_made_to_stay_cannot_be_temporary(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var name = $"stays-{scene.Id}";
        (await scene.RunAsync("run", "--name", name, "--cmd", "true")).ExitCode.ShouldBe(0);

        var refused = await scene.RunAsync("run", "--name", name, "--temp", "--cmd", "true");

        refused.ExitCode.ShouldBe(125);
        refused.Error.ShouldContain("it cannot be a temporary one");
        (await scene.StatesAsync()).Keys.ShouldBe([name]);
    }

    [Theory, BothEngines]
    public async Task Start_stop_restart_and_rm_do_what_they_say(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        (await scene.RunAsync("run", "--cmd", "sh", "-c", "echo kept > ~/note")).ExitCode.ShouldBe(0);
        var name = (await scene.StatesAsync()).Keys.ShouldHaveSingleItem();

        var exec = await scene.RunAsync("exec", "true");
        exec.ExitCode.ShouldBe(125);
        exec.Error.ShouldContain($"The container {name} is not running.");
        exec.Error.ShouldContain("codexctl start");

        foreach (var verb in (string[])["start", "start", "restart"])
        {
            var done = await scene.RunAsync(verb);
            done.ExitCode.ShouldBe(0, $"{verb}: {done}");
            done.Output.ShouldBe($"{name}\n");
            var note = await scene.RunAsync("exec", "cat", "/home/coder/note");
            note.Output.ShouldBe("kept\n", $"{verb}, then {note}");
        }
        // A run does not stop what the person started.
        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        (await scene.StatesAsync()).Values.ShouldBe(["running"]);

        var refused = await scene.RunAsync("rm");
        refused.ExitCode.ShouldBe(1);
        refused.Error.ShouldContain("is running");
        (await scene.RunAsync("stop")).Output.ShouldBe($"{name}\n");
        (await scene.StatesAsync()).Values.ShouldBe(["stopped"]);
        (await scene.RunAsync("stop")).Error.ShouldContain("was not running");
        (await scene.RunAsync("rm")).Output.ShouldBe($"{name}\n");
        (await scene.ContainersAsync()).ShouldBeEmpty();
        (await scene.RunAsync("rm")).ExitCode.ShouldBe(1);
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left");
    }

    [Theory, BothEngines]
    public async Task Rm_force_ends_a_run_that_is_on(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var holding = await scene.HoldAsync();

        (await scene.RunAsync("rm", "--force")).ExitCode.ShouldBe(0);

        (await holding.EndAsync(TimeSpan.FromSeconds(20))).ExitCode.ShouldNotBe(0);
        (await scene.ContainersAsync()).ShouldBeEmpty();
        await Scene.EventuallyAsync(() => scene.Background().Count == 0, "no process is left");
    }

    [Theory, BothEngines]
    public async Task A_new_home_comes_with_a_new_container(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        (await scene.RunAsync("run", "--cmd", "touch", "/home/coder/note")).ExitCode.ShouldBe(0);
        (await scene.RunAsync("rm")).ExitCode.ShouldBe(0);

        (await scene.RunAsync("run", "--cmd", "test", "-e", "/home/coder/note")).ExitCode.ShouldBe(1);
    }

    [Theory, BothEngines]
    public async Task Exec_joins_as_the_person_and_su_exec_as_root_where_the_engine_can(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        await using var holding = await scene.HoldAsync();

        (await scene.RunAsync("exec", "pwd")).Output.ShouldBe("/workdir\n");
        (await scene.RunAsync("exec", "--", "sh", "-c", "echo $USER")).Output.ShouldBe("coder\n");
        (await scene.RunAsync(new Call("exec", "cat") { Text = "through the pipe" })).Output.ShouldBe("through the pipe");
        (await scene.RunAsync("exec", "echo $((1 + 1))")).Output.ShouldBe("2\n");
        (await scene.RunAsync(new Call("exec") { Text = "echo from a shell\nexit 6\n" })).ShouldSatisfyAllConditions(
            outcome => outcome.Output.ShouldBe("from a shell\n"),
            outcome => outcome.ExitCode.ShouldBe(6)
        );

        var root = await scene.RunAsync("su-exec", "sh", "-c", "id -u; touch /usr/local/bin/made");
        if (engine != Engine.Bubblewrap)
        {
            root.Output.ShouldBe("0\n", root.ToString());
            root.ExitCode.ShouldBe(0);
        }
        else
        {
            root.ExitCode.ShouldBe(125);
            root.Error.ShouldContain("bubblewrap has no root inside its boxes");
            root.Error.ShouldContain("--engine docker");
        }
    }

    [Theory, BothEngines]
    public async Task Ls_shows_name_state_mode_and_folder(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        (await scene.RunAsync("run", "--read-only", "--cmd", "true")).ExitCode.ShouldBe(0);

        var row = (await scene.ContainersAsync()).ShouldHaveSingleItem();
        ((string?)row["state"]).ShouldBe("stopped");
        ((string?)row["image"]).ShouldBe("codex");
        ((string?)row["mode"]).ShouldBe("ro");
        ((string?)row["network"]).ShouldBe("none");
        ((string?)row["workdir"]).ShouldBe(scene.Work);
        var plain = await scene.RunAsync("ls");
        plain.Output.Split('\n').ShouldContain(line => line.Contains((string)row["name"]!) && line.Contains(scene.Work));
    }

    [Theory, BothEngines]
    public async Task The_folder_and_the_name_can_be_given(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var other = scene.NewFolder($"other-{scene.Id}");
        var name = $"given-{scene.Id}";

        (await scene.RunAsync("run", "--workdir", other, "--name", name, "--cmd", "touch", "here")).ExitCode.ShouldBe(0);

        File.Exists(Path.Combine(other, "here")).ShouldBeTrue();
        (await scene.StatesAsync()).Keys.ShouldBe([name]);
        var elsewhere = await scene.RunAsync("run", "--name", name, "--cmd", "true");
        elsewhere.ExitCode.ShouldBe(125);
        elsewhere.Error.ShouldContain($"belongs to another folder: {other}");
        (await scene.RunAsync("rm", "--name", name)).ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task A_container_of_another_program_is_never_touched()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        var name = $"codex-{Path.GetFileName(scene.Work)}";
        Machine.Run("docker", "create", "--name", name, "--entrypoint", "sleep", Machine.BaseImage, "2000").ExitCode.ShouldBe(0);
        scene.Later(() =>
        {
            Machine.Run("docker", "rm", "--force", name);
            return Task.CompletedTask;
        });

        (await scene.RunAsync("run", "--cmd", "true")).ExitCode.ShouldBe(0);
        (await scene.StatesAsync()).Keys.ShouldBe([$"{name}-{Paths.Hash(scene.Work)}"]);

        var run = await scene.RunAsync("run", "--name", name, "--cmd", "true");
        run.ExitCode.ShouldBe(125);
        run.Error.ShouldContain("codexctl did not make it");
        foreach (
            var words in (string[][])
                [
                    ["exec", "--name", name, "true"],
                    ["start", "--name", name],
                    ["stop", "--name", name],
                    ["rm", "--force", "--name", name],
                ]
        )
        {
            var refused = await scene.RunAsync(words);
            refused.ExitCode.ShouldNotBe(0, words[0]);
            refused.Error.ShouldContain("was not made by this codexctl");
        }
        Machine.Run("docker", "inspect", "--format", "{{.State.Status}}", name).Output.ShouldBe("created\n");
    }
}
