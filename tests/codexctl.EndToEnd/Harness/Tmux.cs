using System.Diagnostics;
using System.Globalization;

namespace Codexctl.EndToEnd.Harness;

/// <summary>A terminal with a person in front of it: a shell in tmux, on a socket of its own.</summary>
public sealed class Tmux : IDisposable
{
    private readonly string _socket;
    private int _marks;

    internal Tmux(Scene scene, IReadOnlyDictionary<string, string> environment, string folder, int columns, int rows)
    {
        _socket = Path.Combine(scene.Root, $"tmux-{Guid.NewGuid().ToString("N")[..6]}");
        // The shell gets the scene's variables and nothing of ours; codexctl is found first in its PATH.
        var program = $"{scene.Root}/bin";
        Directory.CreateDirectory(program);
        File.WriteAllText($"{program}/codexctl", $"#!/bin/sh\nexec {string.Join(' ', scene.CommandLine())} \"$@\"\n");
        File.SetUnixFileMode($"{program}/codexctl", (UnixFileMode)0b111_101_101);
        List<string> variables =
        [
            "-i",
            .. environment.Where(pair => pair.Key is not ("PATH" or "TERM")).Select(pair => $"{pair.Key}={pair.Value}"),
        ];
        variables.AddRange([$"PATH={program}:{environment["PATH"]}", "TERM=screen-256color", "PS1=$ ", "PS2="]);
        Call([
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            Text(columns),
            "-y",
            Text(rows),
            "-c",
            folder,
            "env",
            .. variables,
            "bash",
            "--norc",
            "--noprofile",
            "-i",
        ]);
        WaitFor("$");
    }

    /// <summary>What is on the screen.</summary>
    public string Screen() => Call(["capture-pane", "-p"]);

    /// <summary>The screen and what scrolled away above it.</summary>
    public string History() => Call(["capture-pane", "-p", "-S", "-2000"]);

    /// <summary>Types letters as they are.</summary>
    public void Write(string text) => Call(["send-keys", "-l", "--", text]);

    /// <summary>Presses a key by its name in tmux: Enter, C-c, C-z, Escape, Up.</summary>
    public void Press(params string[] keys) => Call(["send-keys", .. keys]);

    /// <summary>A line for the shell, or whatever reads.</summary>
    public void Type(string line)
    {
        Write(line);
        Press("Enter");
    }

    /// <summary>A prompt for a full-screen program, which takes a burst of letters with the return key for a paste.</summary>
    public void Ask(string prompt)
    {
        Write(prompt);
        WaitFor(prompt);
        Thread.Sleep(150);
        Press("Enter");
    }

    /// <summary>Types a line until its answer is on the screen: for what changes a moment later.</summary>
    public void WaitForShell(string line, string text)
    {
        for (var i = 0; ; i++)
        {
            Type($"clear; {line}");
            Thread.Sleep(200);
            if (Screen().Contains(text, StringComparison.Ordinal))
            {
                return;
            }
            i.ShouldBeLessThan(50, Screen());
        }
    }

    /// <summary>Waits until the screen has not changed for a moment.</summary>
    public void WaitForQuiet()
    {
        var last = "";
        while (Screen() is var screen && screen != last)
        {
            last = screen;
            Thread.Sleep(300);
        }
    }

    public void Resize(int columns, int rows) => Call(["resize-window", "-x", Text(columns), "-y", Text(rows)]);

    /// <summary>Waits until a text is on the screen; returns the screen.</summary>
    public string WaitFor(string text, int seconds = 30) =>
        WaitFor(screen => screen.Contains(text, StringComparison.Ordinal), text, seconds);

    public string WaitFor(Func<string, bool> holds, string what, int seconds = 30)
    {
        var watch = Stopwatch.StartNew();
        while (true)
        {
            var screen = Screen();
            if (holds(screen))
            {
                return screen;
            }
            watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(seconds), $"waiting for: {what}\nThe screen:\n{screen.TrimEnd()}\n");
            Thread.Sleep(50);
        }
    }

    /// <summary>Runs a line in the shell to its end; returns its exit code and what it printed.</summary>
    public (int ExitCode, string Output) Shell(string line, int seconds = 30)
    {
        Type($"clear; {line}; {Mark(out var mark)}");
        return Ended(mark, seconds);
    }

    /// <summary>Types a line whose end <see cref="Ended"/> can wait for.</summary>
    public string Begin(string line)
    {
        Type($"clear; {line}; {Mark(out var mark)}");
        return mark;
    }

    /// <summary>Waits for the end of what <see cref="Begin"/> began.</summary>
    public (int ExitCode, string Output) Ended(string mark, int seconds = 30)
    {
        var screen = WaitFor(text => text.Contains($"{mark}=", StringComparison.Ordinal), $"the end of the line ({mark})", seconds);
        var at = screen.LastIndexOf($"{mark}=", StringComparison.Ordinal);
        var code = new string([.. screen[(at + mark.Length + 1)..].TakeWhile(char.IsAsciiDigit)]);
        return (int.Parse(code, CultureInfo.InvariantCulture), screen[..at]);
    }

    /// <summary>Whether a program has switched to the second screen.</summary>
    public bool AlternateScreen => Call(["display-message", "-p", "#{alternate_on}"]).Trim() == "1";

    /// <summary>Whether the terminal reports the mouse (three kinds) and hides its cursor: 0000 is sane.</summary>
    public string Modes =>
        Call(["display-message", "-p", "#{mouse_standard_flag}#{mouse_button_flag}#{mouse_any_flag}#{?cursor_flag,0,1}"]).Trim();

    public void Dispose() => Machine.Run("tmux", "-S", _socket, "kill-server");

    // Written so that the line as typed does not hold the mark as printed.
    private string Mark(out string mark)
    {
        var number = ++_marks;
        mark = $"END{number}";
        return $"echo \"EN\"\"D{number}=$?.\"";
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private string Call(IEnumerable<string> arguments)
    {
        var (code, output, error) = Machine.Run("tmux", ["-S", _socket, .. arguments]);
        code.ShouldBe(0, error);
        return output;
    }
}
