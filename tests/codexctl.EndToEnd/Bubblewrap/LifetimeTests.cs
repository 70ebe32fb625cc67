using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;
using Codexctl.Processes;

namespace Codexctl.EndToEnd.Bubblewrap;

public class LifetimeTests
{
    [Theory]
    [InlineData(Person.Self)]
    [InlineData(Person.Ordinary)]
    public void A_killed_front_end_leaves_no_process(Person person)
    {
        using var box = BoxHarness.Started(person);
        var mark = $"9{Random.Shared.Next(100000, 999999)}";
        // One in the group, one in the background, one in a session of its own whose parent is gone, one that ignores the hang-up.
        var script =
            $"trap '' HUP; sleep {mark}1 & (setsid sleep {mark}2 &) ; (trap '' HUP TERM; exec setsid sleep {mark}3) & echo ready; sleep {mark}4";
        using var process = box.Start("exec", "box", "sh", "-c", script);
        process.StandardOutput.ReadLine().ShouldBe("ready");
        BoxHarness.Eventually(() => BoxHarness.ProcessesWith($"sleep\0{mark}").Count == 4, "all four run");

        process.Kill();

        BoxHarness.Eventually(() => BoxHarness.ProcessesWith($"sleep\0{mark}").Count == 0, "all four end");
        box.Run("state", "box").Output.Trim().ShouldBe("Running");
    }

    [Theory]
    [InlineData(Person.Self)]
    [InlineData(Person.Ordinary)]
    public void Stopping_takes_less_than_a_second_and_everything_with_it(Person person)
    {
        using var box = BoxHarness.Started(person);
        var mark = $"9{Random.Shared.Next(100000, 999999)}";
        using var session = box.Start(
            "exec",
            "box",
            "sh",
            "-c",
            $"trap '' HUP TERM INT; (setsid sleep {mark}1 &) ; echo ready; sleep {mark}2"
        );
        session.StandardOutput.ReadLine().ShouldBe("ready");

        var watch = Stopwatch.StartNew();
        box.Run("stop", "box").Error.ShouldBe("");

        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(1));
        BoxHarness.ProcessesWith($"sleep\0{mark}").ShouldBeEmpty();
        box.Run("state", "box").Output.Trim().ShouldBe("Stopped");
        session.WaitForExit(TimeSpan.FromSeconds(5)).ShouldBeTrue();
        session.ExitCode.ShouldBe(137);
        box.Run("stop", "box").ExitCode.ShouldBe(0);
    }

    [Fact]
    public void The_home_is_kept_over_a_stop_and_tmp_is_not()
    {
        using var box = BoxHarness.Started();
        box.Sh("echo kept > ~/kept; echo gone > /tmp/gone");
        box.Run("stop", "box");
        box.Run("exec", "box", "true").ShouldBe((125, "", "The container box is not running.\n\nStart it: `codexctl start --name box`.\n"));
        box.Run("start", "box").Error.ShouldBe("");

        box.Sh("cat ~/kept; ls /tmp").Output.ShouldBe("kept\n");
    }

    [Fact]
    public async Task Starting_ten_times_at_once_starts_one_box()
    {
        using var box = new BoxHarness();
        box.Run("create", "box", box.Work);

        var runs = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Task.Run(() => box.Run("start", "box"))));

        runs.ShouldAllBe(run => run.ExitCode == 0);
        BoxHarness.ProcessesWith(box.State).Count.ShouldBe(2, "bwrap outside and bwrap as the box's process 1");
    }

    [Fact]
    public void A_stale_process_file_harms_nobody()
    {
        using var box = BoxHarness.Started();
        box.Run("stop", "box");
        using var stranger = Process.Start(new ProcessStartInfo("sleep", ["1000"]) { UseShellExecute = false })!;
        var stat = File.ReadAllText($"/proc/{stranger.Id}/stat");
        var start = ulong.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19], CultureInfo.InvariantCulture);
        var boot = File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();
        foreach (var (time, name) in ((ulong, string)[])[(start - 1, boot), (start, "another boot")])
        {
            var text = new JsonObject
            {
                ["id"] = stranger.Id,
                ["startTime"] = time,
                ["boot"] = name,
            }.ToJsonString();
            File.WriteAllText(Path.Combine(box.Box, "run.json"), text);

            box.Run("state", "box").Output.Trim().ShouldBe("Stopped");
            box.Run("stop", "box").ExitCode.ShouldBe(0);
            stranger.HasExited.ShouldBeFalse();
        }
        File.WriteAllText(Path.Combine(box.Box, "run.json"), "rubbish");
        box.Run("start", "box").Error.ShouldBe("");
        stranger.Kill();
    }

    [Fact]
    public void A_box_whose_init_was_killed_is_stopped_and_starts_again()
    {
        using var box = BoxHarness.Started();
        box.Sh("kill -9 2");

        BoxHarness.Eventually(() => box.Run("state", "box").Output.Trim() == "Stopped", "it is stopped");
        box.Run("start", "box").Error.ShouldBe("");
        box.Sh("echo back").Output.ShouldBe("back\n");
    }

    [Fact]
    public void A_front_end_killed_at_any_moment_of_the_start_leaves_nothing_unknown()
    {
        using var box = new BoxHarness();
        box.Run("create", "box", box.Work);
        foreach (var milliseconds in (int[])[60, 90, 110, 130, 150, 170, 200, 250])
        {
            using var process = box.Start("start", "box");
            Thread.Sleep(milliseconds);
            process.Kill();
            process.WaitForExit();
            box.Run("stop", "box").Error.ShouldBe("");
            BoxHarness.Eventually(() => BoxHarness.ProcessesWith(box.State).Count == 0, $"nothing is left after {milliseconds} ms");
        }
        box.Run("start", "box").Error.ShouldBe("");
    }

    [Theory]
    [InlineData(Person.Self)]
    [InlineData(Person.Ordinary)]
    public void Whatever_the_agent_leaves_behind_can_be_removed(Person person)
    {
        using var box = BoxHarness.Started(person);
        var outside = Path.Combine(box.Work, "outside");
        File.WriteAllText(outside, "mine");
        box.Sh(
                """
                cd ~; mkdir -p a/b/c && touch a/b/c/f && chmod 000 a/b/c a/b a
                ln -s /workdir w; ln -s /workdir/outside o; mkfifo pipe; mkdir -- -rf; touch -- '--help' "$(printf 'x\ny')" "$(printf '\377\376')"
                python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('s')"
                python3 -c "
                import os
                for i in range(3000): os.mkdir('d'); os.chdir('d')"
                mkdir "$(printf 'q\377')"; touch "$(printf 'q\377')/f"; chmod 555 "$(printf 'q\377')"
                """
            )
            .Error.ShouldBe("");

        box.Run("rm", "box").Error.ShouldBe("");

        box.Run("state", "box").Output.Trim().ShouldBe("none");
        Directory.EnumerateFileSystemEntries(Path.Combine(box.State, "bubblewrap", "box")).Select(Path.GetFileName).ShouldBe(["box.lock"]);
        File.ReadAllText(outside).ShouldBe("mine");
    }

    [Fact]
    public void A_name_is_taken_once()
    {
        using var box = new BoxHarness();
        box.Run("create", "box", box.Work).ExitCode.ShouldBe(0);

        var second = box.Start("create", "box", box.Work);
        second.StandardError.ReadToEnd().ShouldContain("NameTakenException");
    }

    [Fact]
    public async Task The_bundled_bubblewrap_serves_where_the_system_has_none()
    {
        using var box = new BoxHarness(release: (await Machine.CodexAsync()).Root);
        box.Run("create", "box", box.Work);
        var (file, arguments, environment) = box.Command("start", "box");
        environment["WITHOUT_BWRAP"] = "1";
        var process = Spawn.Start(new SpawnRequest(file, arguments) { Environment = environment });

        (await process.Exited.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken)).ShouldBe(0);
        box.Sh("echo up; tr '\\0' '\\n' < /proc/1/cmdline | head -1").Output.ShouldContain("codex-resources/bwrap");
    }
}
