using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Faults;

/// <summary>The agent in the box tries what it can.</summary>
public class HostileBoxTests
{
    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task The_doors_folder_cannot_be_changed_and_the_control_socket_not_be_found(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);

        var outcome = await scene.RunAsync(
            "run",
            "--cmd",
            "bash",
            "-c",
            "rm -f /run/codexctl/door/door.sock; touch /run/codexctl/door/x; mv /run/codexctl/door /run/codexctl/d; "
                + "ls -A /run/codexctl/door; grep -c control.sock /proc/net/unix; grep -o '/[^ ]*control' /proc/self/mountinfo; true"
        );

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldBe("door.sock\n0\n", outcome.ToString());
        await scene.NextRunIsCleanAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Connections_that_are_held_garbage_and_endless_heads_do_not_close_the_door_for_others(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var attacker = scene.Start(
            "run",
            "--cmd",
            "bash",
            "-c",
            """
            for i in $(seq 60); do exec {fd}<>/dev/tcp/127.0.0.1/3128; exec {fd}<>/dev/tcp/127.0.0.1/11434; done
            for i in $(seq 20); do (head -c 100000 /dev/urandom >/dev/tcp/127.0.0.1/3128) 2>/dev/null; done
            (printf 'GET / HTTP/1.1\r\nX: '; head -c 3000000 /dev/zero | tr '\0' a) 2>/dev/null >/dev/tcp/127.0.0.1/11434
            (printf 'CONNECT '; head -c 3000000 /dev/zero | tr '\0' a) 2>/dev/null >/dev/tcp/127.0.0.1/3128
            touch /workdir/up; sleep 4601
            """
        );
        await Scene.EventuallyAsync(() => File.Exists(Path.Combine(scene.Work, "up")), "the attack does not end");

        var other = await scene.RunAsync(
            "run",
            "--cmd",
            "bash",
            "-c",
            "exec 3<>/dev/tcp/127.0.0.1/11434; printf 'GET /api/version HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&3; head -1 <&3"
        );

        other.Output.ShouldStartWith("HTTP/1.1 200", Case.Sensitive, other.ToString());
        attacker.Signal("TERM");
        (await attacker.EndAsync()).Error.ShouldNotContain("incomplete");
        await scene.NothingIsLeftAsync();
    }

    [Theory, InlineData(Engine.Docker), InlineData(Engine.Bubblewrap)]
    public async Task Nothing_that_lies_in_the_folder_is_read_by_the_programs_on_the_host(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        if (Machine.Run("sh", "-c", "command -v strace").ExitCode != 0)
        {
            Assert.Skip("strace is missing.");
        }
        foreach (
            var name in (string[])
                [
                    "appsettings.json",
                    "appsettings.Production.json",
                    "codexctl.runtimeconfig.json",
                    ".env",
                    "bunfig.toml",
                    ".npmrc",
                    "docker",
                    "bwrap",
                    ".git",
                ]
        )
        {
            await File.WriteAllTextAsync(Path.Combine(scene.Work, name), "not to be read", TestContext.Current.CancellationToken);
            File.SetUnixFileMode(Path.Combine(scene.Work, name), (UnixFileMode)0b111_101_101);
        }
        var log = Path.Combine(scene.Root, "trace");
        var variables = scene.Environment.Select(pair => $"{pair.Key}={pair.Value}").ToArray();

        // The gateway and docker's client too; of the box only bwrap, which is the same program on the host.
        var traced = Machine.Run(
            "env",
            [
                "-i",
                "-C",
                scene.Work,
                .. variables,
                $"PATH=.:{scene.Environment["PATH"]}",
                "strace",
                "-f",
                "-qq",
                "-e",
                "trace=open,openat,execve,readlink",
                "-o",
                log,
                Machine.Program,
                "run",
                "--cmd",
                "true",
            ]
        );

        traced.ExitCode.ShouldBe(0, traced.Error);
        var touched = File.ReadLines(log)
            .Where(line =>
                line.Contains($"\"{scene.Work}/", StringComparison.Ordinal)
                || line.Contains("\"./", StringComparison.Ordinal)
                || line.Contains("AT_FDCWD, \"appsettings", StringComparison.Ordinal)
                || line.Contains("AT_FDCWD, \".", StringComparison.Ordinal)
            )
            .Where(line => !line.Contains("\".\"", StringComparison.Ordinal) && !line.Contains("\"..\"", StringComparison.Ordinal))
            // The project's settings, which are read once, by rules of their own.
            .Where(line =>
                !(line.Contains("/.codexctl.toml\"", StringComparison.Ordinal) && line.Contains("O_NOFOLLOW", StringComparison.Ordinal))
            )
            .ToList();
        touched.ShouldBeEmpty();
        await scene.NothingIsLeftAsync();
    }
}
