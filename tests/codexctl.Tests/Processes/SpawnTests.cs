using System.Text;
using Codexctl.Processes;

namespace Codexctl.Tests.Processes;

public sealed class SpawnTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-").FullName;

    private string Log => Path.Combine(_folder, "log");

    private static CommandLine Sh(string script) => new("/bin/sh", ["-c", script]);

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 9", 9)]
    [InlineData("kill -9 $$", 137)]
    public async Task The_exit_code_is_told(string script, int expected)
    {
        var process = Spawn.Start(new SpawnRequest("/bin/sh", ["-c", script]));

        (await process.Exited.WaitAsync(Limit, TestContext.Current.CancellationToken)).ShouldBe(expected);
    }

    [Fact]
    public void A_missing_program_is_an_error_at_once() =>
        Should.Throw<SpawnException>(() => Spawn.Start(new SpawnRequest("/no/such", []))).Error.ShouldBe(Libc.ErrorNoEntry);

    [Fact]
    public async Task A_detached_process_says_when_it_is_ready_and_lives_on()
    {
        var (id, ready) = await Detached.StartAsync(
            Sh("echo to the log; echo error >&2; echo up >&3; exec 3>&-; exec sleep 100"),
            Log,
            Limit,
            TestContext.Current.CancellationToken
        );

        ready.ShouldBe("up\n");
        File.ReadAllText(Log).ShouldBe("to the log\nerror\n");
        if (OperatingSystem.IsLinux())
        {
            File.GetUnixFileMode(Log).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            var fields = File.ReadAllText($"/proc/{id}/stat").Split(' ');
            fields[5].ShouldBe($"{id}", "it leads a session of its own");
        }
        Libc.Kill(id, Libc.SigKill).ShouldBe(0);
    }

    [Fact]
    public async Task A_detached_process_that_dies_without_a_word_leaves_its_words_in_the_log()
    {
        await Detached.StartAsync(Sh("echo first"), Log, Limit, TestContext.Current.CancellationToken);
        var (_, ready) = await Detached.StartAsync(Sh("echo why; exit 3"), Log, Limit, TestContext.Current.CancellationToken);

        ready.ShouldBe("");
        File.ReadAllText(Log).ShouldBe("first\nwhy\n");
    }

    [Fact]
    public async Task A_detached_process_that_is_never_ready_is_ended()
    {
        var error = await Should.ThrowAsync<UserError>(
            Detached.StartAsync(Sh("echo $$; exec sleep 100"), Log, TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken)
        );

        error.Message.ShouldContain("not ready");
    }

    [Fact]
    public async Task A_detached_process_has_four_descriptors_and_the_environment_it_was_given()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Looks into /proc.");
        // Without a pipe: the shell itself would hold an end of it for a moment.
        var command = Sh("ls /proc/$$/fd; cat; echo \"$HOME $EXTRA\"; pwd") with
        {
            Environment = new Dictionary<string, string?> { ["EXTRA"] = "more", ["HOME"] = null },
            WorkingDirectory = "/usr",
        };

        await Detached.StartAsync(command, Log, Limit, TestContext.Current.CancellationToken);

        File.ReadAllText(Log).ShouldBe("0\n1\n2\n3\n more\n/usr\n");
    }

    [Fact]
    public async Task Descriptors_may_change_places()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Opens /proc.");
        var (a, b) = (Path.Combine(_folder, "a"), Path.Combine(_folder, "b"));
        using var first = File.OpenHandle(a, FileMode.Create, FileAccess.Write);
        using var second = File.OpenHandle(b, FileMode.Create, FileAccess.Write);
        var (one, two) = ((int)first.DangerousGetHandle(), (int)second.DangerousGetHandle());

        var process = Spawn.Start(
            new SpawnRequest("/bin/sh", ["-c", $"echo one > /proc/self/fd/{two}; echo two > /proc/self/fd/{one}"])
            {
                Descriptors = [(one, two), (two, one)],
            }
        );

        (await process.Exited.WaitAsync(Limit, TestContext.Current.CancellationToken)).ShouldBe(0);
        File.ReadAllText(a).ShouldBe("one\n");
        File.ReadAllText(b).ShouldBe("two\n");
    }

    [Fact]
    public async Task A_terminal_controls_its_process_and_tells_its_size()
    {
        using var terminal = Pty.Open(new TerminalSize(99, 11));
        var process = terminal.Start(
            new SpawnRequest("/bin/sh", ["-c", "trap 'echo caught; exit 4' INT; stty size; while :; do sleep 0.05; done"])
            {
                Environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" },
            }
        );
        var seen = new StringBuilder();

        ReadUntil(terminal, seen, "11 99");
        terminal.ForegroundGroup.ShouldBe(process.Id);
        Libc.WriteAll(terminal.Descriptor, "\u0003"u8).ShouldBe(0);
        ReadUntil(terminal, seen, "caught");

        (await process.Exited.WaitAsync(Limit, TestContext.Current.CancellationToken)).ShouldBe(4);
    }

    [Fact]
    public async Task A_lock_that_another_holds_is_waited_for()
    {
        var path = Path.Combine(_folder, "lock");
        var held = FileLock.Take(path);
        FileLock.TryTake(path).ShouldBeNull();
        var waiting = FileLock.TakeAsync(path);
        waiting.IsCompleted.ShouldBeFalse();

        held.Dispose();

        (await waiting.WaitAsync(Limit, TestContext.Current.CancellationToken)).Dispose();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static void ReadUntil(Pty terminal, StringBuilder seen, string text)
    {
        var buffer = new byte[1024];
        while (!seen.ToString().Contains(text, StringComparison.Ordinal))
        {
            var count = Libc.Read(terminal.Descriptor, buffer);
            count.ShouldBeGreaterThan(0);
            seen.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
    }
}
