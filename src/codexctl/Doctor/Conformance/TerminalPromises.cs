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
        new(Group, "left-as-it-was", "The terminal is afterwards as it was before, also when the command left it raw", LeftAsync),
        new(Group, "line-ends", "Lines end in carriage return and line feed on the terminal, and as they are in raw mode", LineEndsAsync),
    ];

    private static readonly TerminalSize _size = new(101, 33);

    private static async Task HasOneAsync(Trial trial)
    {
        // Docker's client tells the size a moment after the command began.
        using var terminal = await OnTerminalAsync(
            trial,
            "tty >/dev/null && echo a-terminal; for i in $(seq 50); do [ \"$(stty size)\" != '0 0' ] && break; sleep 0.1; done; stty size; echo kind $TERM; (sleep 0.2; echo job) & wait; ps -o tty= $$ >/dev/null 2>&1; echo end"
        );
        Expect(await terminal.EndAsync() == 0, $"exit code; {terminal.Shown}");
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
        using var terminal = await OnTerminalAsync(trial, "trap 'stty size; exit 5' WINCH; echo ready; while :; do sleep 0.05; done");
        await terminal.ShowsAsync("ready");
        terminal.Resize(new TerminalSize(64, 22));
        await terminal.ShowsAsync("22 64");
        Expect(await terminal.EndAsync() == 5, $"exit code; {terminal.Shown}");
    }

    private static async Task InterruptAsync(Trial trial)
    {
        using var terminal = await OnTerminalAsync(
            trial,
            "trap 'echo interrupted' INT; echo ready; sleep 30; trap - INT; echo go on; read -r line; echo \"read $line\"; exit 6"
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

    private static async Task LeftAsync(Trial trial)
    {
        using var terminal = await OnTerminalAsync(trial, "stty raw -echo; echo raw; exit 3");
        Expect(await terminal.EndAsync() == 3, $"exit code; {terminal.Shown}");
        Expect(terminal.IsAsBefore, "its settings are others now");
    }

    private static async Task LineEndsAsync(Trial trial)
    {
        using var terminal = await OnTerminalAsync(trial, "printf 'one\\ntwo\\n'; stty -opost; printf 'three\\nfour\\n'; stty opost");
        Expect(await terminal.EndAsync() == 0, $"exit code; {terminal.Shown}");
        Expect(terminal.Shown.Contains("one\r\ntwo\r\n", StringComparison.Ordinal), $"ordinary lines: {Show(terminal)}");
        Expect(terminal.Shown.Contains("three\nfour\n", StringComparison.Ordinal), $"lines without output processing: {Show(terminal)}");

        static string Show(TerminalProgram terminal) => terminal.Shown.Replace("\r", "\\r").Replace("\n", "\\n");
    }

    /// <summary>A script in the standing box, on a terminal of its own.</summary>
    private static async Task<TerminalProgram> OnTerminalAsync(Trial trial, string script) =>
        trial.OnTerminal(await trial.StandingAsync(), _size, "exec", "bash", "-c", script);
}
