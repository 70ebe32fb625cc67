using System.Text;
using Codexctl.Processes;

namespace Codexctl.EndToEnd.Bubblewrap;

public class TerminalTests
{
    [Theory]
    [InlineData(Person.Self)]
    [InlineData(Person.Ordinary)]
    public void The_terminals_size_passes_and_follows(Person person)
    {
        using var box = BoxHarness.Started(person);
        using var screen = new Screen(
            box,
            "sh",
            "-c",
            "stty size; tty; trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.1; done"
        );

        screen.WaitFor("33 101");
        screen.WaitFor("/dev/pts/");
        screen.WaitFor("ready");
        screen.Terminal.Resize(new TerminalSize(55, 44));
        screen.WaitFor("44 55");
        screen.ExitCode().ShouldBe(3);
    }

    [Fact]
    public void Ctrl_C_acts_in_the_box()
    {
        using var box = BoxHarness.Started();
        using var screen = new Screen(box, "sh", "-c", "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.1; done");
        screen.WaitFor("ready");

        screen.Type("\u0003");

        screen.WaitFor("interrupted");
        screen.ExitCode().ShouldBe(5);
    }

    [Fact]
    public void A_shell_has_job_control()
    {
        using var box = BoxHarness.Started();
        using var screen = new Screen(box, "bash", "--norc", "-i");
        screen.Type("sleep 1000\r");
        BoxHarness.Eventually(() => BoxHarness.ProcessesWith("sleep\01000").Count > 0, "the job runs");

        screen.Type("\u001a");
        screen.WaitFor("Stopped");
        screen.Type("exit 9\rexit 9\r");

        screen.ExitCode().ShouldBe(9);
    }

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("kill -9 $$", 137)]
    public void The_terminal_is_as_before_afterwards(string script, int expected)
    {
        using var box = BoxHarness.Started();
        using var screen = new Screen(box, "sh", "-c", $"printf '\\033[?1049h'; {script}");
        var before = screen.Settings();

        screen.ExitCode().ShouldBe(expected);

        screen.Settings().ShouldBe(before);
        if (expected > 128)
        {
            screen.WaitFor("\u001b[?1049l");
        }
    }

    [Fact]
    public void A_terminal_that_is_closed_ends_the_command()
    {
        using var box = BoxHarness.Started();
        var mark = $"9{Random.Shared.Next(100000, 999999)}";
        var screen = new Screen(box, "sh", "-c", $"echo ready; exec sleep {mark}");
        screen.WaitFor("ready");

        screen.Dispose();

        BoxHarness.Eventually(() => BoxHarness.ProcessesWith(mark).Count == 0, "the command and its front end end");
    }

    /// <summary>A front end on a terminal of its own.</summary>
    private sealed class Screen : IDisposable
    {
        private readonly SpawnedProcess _process;
        private readonly StringBuilder _seen = new();

        public Screen(BoxHarness box, params string[] command)
        {
            Terminal = Pty.Open(new TerminalSize(101, 33));
            var (file, arguments, environment) = box.Command(["tty", "box", .. command]);
            _process = Terminal.Start(new SpawnRequest(file, arguments) { Environment = environment });
            new Thread(Read) { IsBackground = true }.Start();
        }

        public Pty Terminal { get; }

        public byte[] Settings()
        {
            var settings = new byte[256];
            Libc.GetTerminalAttributes(Terminal.Descriptor, settings).ShouldBe(0);
            return settings;
        }

        public void Type(string text) => Libc.WriteAll(Terminal.Descriptor, Encoding.UTF8.GetBytes(text)).ShouldBe(0);

        public void WaitFor(string text) =>
            BoxHarness.Eventually(
                () =>
                {
                    lock (_seen)
                    {
                        return _seen.ToString().Contains(text, StringComparison.Ordinal);
                    }
                },
                $"'{text}' on the screen"
            );

        public int ExitCode()
        {
            _process.Exited.Wait(TimeSpan.FromSeconds(20)).ShouldBeTrue();
            return _process.Exited.Result;
        }

        public void Dispose() => Terminal.Dispose();

        private void Read()
        {
            var buffer = new byte[4096];
            while (!Terminal.Master.IsClosed)
            {
                Span<Libc.PollDescriptor> one = [new(Terminal.Descriptor, Libc.PollIn)];
                if (Libc.Poll(one, 50) == 0)
                {
                    continue;
                }
                var count = Libc.Read(Terminal.Descriptor, buffer);
                if (count <= 0)
                {
                    return;
                }
                lock (_seen)
                {
                    _seen.Append(Encoding.UTF8.GetString(buffer, 0, count));
                }
            }
        }
    }
}
