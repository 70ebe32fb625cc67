using System.Globalization;

namespace Codexctl.Models;

/// <summary>What the scripted model does next: runs a command, or speaks and ends the turn.</summary>
/// <param name="CallId">Names the step; comes back with the command's output.</param>
public sealed record DemoStep(string? CallId, string? Command, string? Say);

/// <summary>
/// The scripted model's mind: reads the program, mends it, runs its test, and tells what came of it. Every step looks at what the
/// tool before it said, so that a box in which something does not work ends in words about that, not in a success.
/// </summary>
public static class DemoScript
{
    private const string Read = "call_read";
    private const string Write = "call_write";
    private const string Test = "call_test";

    /// <param name="canRun">Whether Codex offers its tool for commands.</param>
    /// <param name="lastCall">The step whose output came last; null at the start of a turn.</param>
    /// <param name="output">What the tool said: "Process exited with code N", then the output.</param>
    public static DemoStep Next(bool canRun, string? lastCall, string? output)
    {
        if (!canRun)
        {
            return Speak("I have no tool to run commands with, so I cannot do anything here.");
        }
        var said = output ?? "";
        var code = ExitCode(said);
        return lastCall switch
        {
            null => Run(Read, "cat greet.sh"),
            Read when code != 0 => Speak($"I could not read greet.sh: {Tail(said)}"),
            Read when said.Contains(DemoProject.Mend, StringComparison.Ordinal) => Run(Test, "sh ./test.sh"),
            Read when !said.Contains(DemoProject.Fault, StringComparison.Ordinal) => Speak(
                $"greet.sh is not the program I know how to mend; I left it alone. It says: {Tail(said)}"
            ),
            Read => Run(Write, $"cat > greet.sh <<'EOF'\n#!/bin/sh\n# Greets the person who is named.\n{DemoProject.Mend}\nEOF"),
            Write when code != 0 => Speak(
                $"I found the fault in greet.sh ($2 where $1 belongs) but could not write the file: {Tail(said)}"
            ),
            Write => Run(Test, "sh ./test.sh"),
            Test when code != 0 || !said.Contains("test passed", StringComparison.Ordinal) => Speak($"The test still fails: {Tail(said)}"),
            Test => Speak("greet.sh is mended: it greeted its second argument instead of its first. I ran ./test.sh, and it passes."),
            _ => Speak("I am a script of a few lines and do not know how to go on from here."),
        };
    }

    internal static int? ExitCode(string output)
    {
        const string Words = "Process exited with code ";
        var at = output.IndexOf(Words, StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }
        var digits = new string([.. output[(at + Words.Length)..].TakeWhile(c => char.IsAsciiDigit(c) || c == '-')]);
        return int.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var code) ? code : null;
    }

    private static DemoStep Run(string callId, string command) => new(callId, command, null);

    private static DemoStep Speak(string text) => new(null, null, text);

    // The last lines of the output, without Codex's own heading.
    private static string Tail(string output)
    {
        var heading = output.IndexOf("Output:\n", StringComparison.Ordinal);
        var text = (heading < 0 ? output : output[(heading + "Output:\n".Length)..]).Trim();
        return text.Length switch
        {
            0 => "(it said nothing)",
            > 400 => "…" + text[^400..],
            _ => text,
        };
    }
}
