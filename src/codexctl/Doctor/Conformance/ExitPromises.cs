using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>Exit codes, signals, arguments and streams pass through as if the command ran directly.</summary>
internal static class ExitPromises
{
    private const string Group = "Exit codes, signals, streams";
    private const int Terminate = 15;

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "exit-codes", "The command's exit code is codexctl's; 126 and 127 as in a shell, 128+N for signal N", ExitCodesAsync),
        new(
            Group,
            "signals",
            "SIGTERM to codexctl reaches the command, which has two seconds to tidy up; then nothing of it is left",
            TerminateAsync
        ),
        new(
            Group,
            "arguments",
            "Arguments arrive as they were given: empty, with spaces, quotes, line ends, dashes, `=`, other scripts",
            ArgumentsAsync
        ),
        new(Group, "input", "Standard input passes byte for byte, and ends when it ends", InputAsync),
        new(Group, "output", "Both outputs pass byte for byte, apart from each other, to the last byte", OutputAsync),
        new(Group, "no-input", "A command that reads without anybody to type ends at once", NoInputAsync),
    ];

    private static async Task ExitCodesAsync(Trial trial)
    {
        var folder = await trial.StandingAsync();
        foreach (
            var (script, code) in ((string, int)[])
                [("exit 0", 0), ("exit 1", 1), ("exit 42", 42), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)]
        )
        {
            var said = await trial.RunAsync(folder, "exec", "bash", "-c", script);
            Expect(said, s => s.ExitCode == code, $"{script} gave another code than {code.ToString(CultureInfo.InvariantCulture)}");
        }
        Expect(await trial.RunAsync(folder, "exec", "no-such-program-here"), s => s.ExitCode == 127, "a program that does not exist");
        Expect(await trial.RunAsync(folder, "exec", "/etc/passwd"), s => s.ExitCode == 126, "a file that is no program");
        Expect(
            await trial.RunAsync(trial.NewFolder(), "run", "--cmd", "sh", "-c", "exit 7"),
            s => s.ExitCode == 7,
            "run --cmd with exit 7"
        );
    }

    private static async Task TerminateAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var running = trial.Start(
            folder,
            "run",
            "--cmd",
            "bash",
            "-c",
            "trap 'echo >/workdir/tidied; exit 9' TERM; echo ready >/workdir/ready; while :; do sleep 0.1; done"
        );
        await trial.EventuallyAsync(() => File.Exists(Path.Combine(folder, "ready")) || running.HasEnded, "the command is on");
        running.Signal(Terminate);
        var said = await running.EndAsync(TimeSpan.FromSeconds(60));
        // Not every engine's client can tell what the command answered; then it is the client's own end.
        Expect(said, s => s.ExitCode is 9 or 128 + Terminate, "the end of the run");
        await trial.EventuallyAsync(() => File.Exists(Path.Combine(folder, "tidied")), "the command tidied up");
        await trial.EventuallyAsync(async () => (await trial.ContainerAsync(folder)).State == "stopped", "the container is stopped");
    }

    private static async Task ArgumentsAsync(Trial trial)
    {
        string[] words =
        [
            "",
            " ",
            "two  words",
            "-x",
            "--",
            "--name=x",
            "a'b",
            "a\"b",
            "$HOME",
            "`id`",
            "line\nend",
            "tab\there",
            "ünïcödé 漢字",
            "a=b",
            "*",
            "\\",
            "{}",
            "%s",
            "-",
        ];
        var folder = await trial.StandingAsync();
        var said = await trial.RunAsync(folder, ["exec", "bash", "-c", "printf '<%s>\\0' \"$@\"", "sh", .. words]);
        var expected = string.Concat(words.Select(word => $"<{word}>\0"));
        Expect(said, s => s.ExitCode == 0 && s.Output == expected, "the arguments as the command saw them");
    }

    private static async Task InputAsync(Trial trial)
    {
        var bytes = new byte[3_000_000];
        new Random(4711).NextBytes(bytes);
        var folder = await trial.StandingAsync();
        var said = await trial.RunAsync(folder, ["exec", "sha256sum"], bytes);
        var expected = Convert.ToHexStringLower(SHA256.HashData(bytes));
        Expect(said, s => s.ExitCode == 0 && s.Output.StartsWith(expected, StringComparison.Ordinal), $"the hash of the input, {expected}");
    }

    private static async Task OutputAsync(Trial trial)
    {
        var folder = await trial.StandingAsync();
        var said = await trial.RunAsync(
            folder,
            "exec",
            "bash",
            "-c",
            "for i in $(seq 200000); do echo \"line $i of many\"; done; printf 'no line end'; echo 'to error' >&2; exit 3"
        );
        var expected = new StringBuilder();
        for (var i = 1; i <= 200_000; i++)
        {
            expected.Append(CultureInfo.InvariantCulture, $"line {i} of many\n");
        }
        expected.Append("no line end");
        Expect(said.ExitCode == 3, $"exit code {said.ExitCode}");
        Expect(
            said.Output == expected.ToString(),
            $"the output has {said.Output.Length} characters instead of {expected.Length}, or is in disorder"
        );
        Expect(
            said.Error.Contains("to error\n", StringComparison.Ordinal) && !said.Error.Contains("line 1", StringComparison.Ordinal),
            "the error output"
        );
    }

    private static async Task NoInputAsync(Trial trial)
    {
        var folder = await trial.StandingAsync();
        Expect(
            await trial.RunAsync(folder, "exec", "bash", "-c", "cat; echo end"),
            s => s is { ExitCode: 0, Output: "end\n" },
            "cat of nothing"
        );
    }
}
