using Codexctl.Processes;
using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>What a person at a terminal can count on.</summary>
internal static class TerminalPromises
{
    private const string Group = "Terminal";

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "terminal", "On a terminal the command has one of its own: its size, its kind, job control", HasOneAsync),
        new(Group, "no-terminal", "Without one the command has none", HasNoneAsync),
        new(Group, "window-size", "A change of the window's size reaches the command", ResizeAsync),
        new(Group, "ctrl-c", "Ctrl-C is the command's; codexctl and its container stay", InterruptAsync),
        new(Group, "closed-window", "A window that is closed ends its command and stops the container", ClosedAsync),
        new(Group, "left-as-it-was", "The terminal is afterwards as it was before, also when the command left it raw", LeftAsync),
        new(Group, "line-ends", "Lines end in carriage return and line feed on the terminal, and as they are in raw mode", LineEndsAsync),
    ];

    private static readonly TerminalSize _size = new(101, 33);

    /// <summary>In a script: until the size has arrived. Clients tell it a moment after the command began.</summary>
    private const string AwaitSize = "for i in $(seq 300); do [ \"$(stty size)\" = '33 101' ] && break; sleep 0.1; done;";

    private static async Task HasOneAsync(Trial trial)
    {
        using var terminal = await OnTerminalAsync(
            trial,
            $"tty >/dev/null && echo a-terminal; {AwaitSize} stty size; echo kind $TERM; (sleep 0.2; echo job) & wait; echo end"
        );
        Expect(await terminal.EndAsync() == 0, $"exit code; {terminal.Shown}");
        await terminal.ShowsAsync("end");
        foreach (var word in (string[])["a-terminal", "33 101", "kind xterm-256color", "job", "end"])
        {
            Expect(terminal.Shown.Contains(word, StringComparison.Ordinal), $"{word} is missing: {terminal.Shown}");
        }
    }

    private static async Task HasNoneAsync(Trial trial) =>
        Expect(
            await trial.LookAsync("for i in 0 1 2; do [ -t $i ] && echo \"$i is a terminal\"; done; echo end"),
            s => s.Output == "end\n",
            "the three streams"
        );

    private static async Task ResizeAsync(Trial trial)
    {
        // The first size may come as a change too, and a client may not listen yet in the moment after it: so the window is dragged on.
        using var terminal = await OnTerminalAsync(
            trial,
            $"trap 'size=$(stty size); echo \"told $size\"; [ \"$size\" = \"22 64\" ] && exit 5' WINCH; {AwaitSize} echo ready; while :; do sleep 0.05; done"
        );
        await terminal.ShowsAsync("ready");
        for (var i = 0; i < 20 && !terminal.Process.Exited.IsCompleted; i++)
        {
            terminal.Resize(new TerminalSize(63, 22));
            terminal.Resize(new TerminalSize(64, 22));
            await Task.WhenAny(terminal.Process.Exited, Task.Delay(TimeSpan.FromSeconds(1)));
        }
        await terminal.ShowsAsync("told 22 64");
        Expect(await terminal.EndAsync() == 5, $"exit code; {terminal.Shown}");
    }

    private static async Task InterruptAsync(Trial trial)
    {
        using var terminal = await OnTerminalAsync(
            trial,
            // Waits in small steps: Ctrl-C may come between two programs, where only the shell hears it.
            "trap 'echo interrupted; heard=1' INT; echo ready; until [ -n \"$heard\" ]; do sleep 0.1; done; trap - INT; echo go on; read -r line; echo \"read $line\"; exit 6"
        );
        await terminal.ShowsAsync("ready");
        terminal.Type("\x03");
        await terminal.ShowsAsync("go on");
        Expect(terminal.Shown.Contains("interrupted", StringComparison.Ordinal), $"the command did not see Ctrl-C: {terminal.Shown}");
        terminal.Type("typed\r");
        await terminal.ShowsAsync("read typed");
        Expect(await terminal.EndAsync() == 6, $"exit code; {terminal.Shown}");
        Expect(await trial.LookAsync("echo still here"), s => s.Output == "still here\n", "the container after Ctrl-C");
    }

    private static async Task ClosedAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        using var terminal = trial.OnTerminal(folder, _size, "run", "--cmd", "sh", "-c", "echo the-window-is-open; exec sleep 600");
        await terminal.ShowsAsync("the-window-is-open");
        terminal.Close();
        await terminal.EndAsync();
        await trial.EventuallyAsync(async () => (await trial.ContainerAsync(folder)).State == "stopped", "the container is stopped");
    }

    private static async Task LeftAsync(Trial trial)
    {
        using var terminal = await OnTerminalAsync(trial, "stty raw -echo; echo raw; exit 3");
        Expect(await terminal.EndAsync() == 3, $"exit code; {terminal.Shown}");
        Expect(terminal.IsAsBefore, "its settings are others now");
    }

    private static async Task LineEndsAsync(Trial trial)
    {
        using var terminal = await OnTerminalAsync(trial, "printf 'one\\ntwo\\n'; stty -opost; printf 'three\\nfour\\n.'; stty opost");
        Expect(await terminal.EndAsync() == 0, $"exit code; {terminal.Shown}");
        await terminal.ShowsAsync("four\n.");
        Expect(terminal.Shown.Contains("one\r\ntwo\r\n", StringComparison.Ordinal), $"ordinary lines: {Show(terminal)}");
        Expect(terminal.Shown.Contains("three\nfour\n", StringComparison.Ordinal), $"lines without output processing: {Show(terminal)}");

        static string Show(TerminalProgram terminal) => terminal.Shown.Replace("\r", "\\r").Replace("\n", "\\n");
    }

    /// <summary>A script in the standing box, on a terminal of its own.</summary>
    private static async Task<TerminalProgram> OnTerminalAsync(Trial trial, string script) =>
        trial.OnTerminal(await trial.StandingAsync(), _size, "exec", "bash", "-c", script);
}
