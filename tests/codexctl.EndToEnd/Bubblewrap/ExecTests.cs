using System.Globalization;
using System.Security.Cryptography;
using Codexctl.EndToEnd.Harness;
using Codexctl.Processes;

namespace Codexctl.EndToEnd.Bubblewrap;

public class ExecTests
{
    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 7", 7)]
    [InlineData("kill -TERM $$", 143)]
    [InlineData("kill -KILL $$", 137)]
    public void The_exit_code_is_the_commands_own(string script, int expected)
    {
        using var box = BoxHarness.Started();

        box.Sh(script).ExitCode.ShouldBe(expected);
    }

    [Fact]
    public void A_program_that_cannot_run_fails_as_in_a_shell()
    {
        using var box = BoxHarness.Started();
        box.Sh("printf 'echo from a script' > plain; chmod +x plain; touch closed; mkdir folder");

        box.Run("exec", "box", "no-such-program").ShouldBe((127, "", "codexctl: no-such-program: command not found\n"));
        box.Run("exec", "box", "/no/such").ShouldBe((127, "", "codexctl: /no/such: No such file or directory\n"));
        box.Run("exec", "box", "./closed").ShouldBe((126, "", "codexctl: ./closed: Permission denied\n"));
        box.Run("exec", "box", "./folder").ShouldBe((126, "", "codexctl: ./folder: Is a directory\n"));
        box.Run("exec", "box", "./plain").ShouldBe((0, "from a script\n", ""));
    }

    [Fact]
    public void Outputs_stay_apart_and_input_arrives()
    {
        using var box = BoxHarness.Started();

        box.RunWith("in", "exec", "box", "sh", "-c", "cat; echo err >&2").ShouldBe((0, "in", "err\n"));
    }

    [Fact]
    public void A_closed_or_empty_input_is_at_its_end()
    {
        using var box = BoxHarness.Started();
        var (file, arguments, environment) = box.Command("exec", "box", "cat");
        var variables = string.Join(' ', environment.Select(pair => $"{pair.Key}='{pair.Value}'"));
        var command = $"{variables} {file} {string.Join(' ', arguments)}";

        BoxHarness.Shell($"{command} <&-; echo $?").ShouldBe("0\n");
        BoxHarness.Shell($"{command} </dev/null; echo $?").ShouldBe("0\n");
        BoxHarness.Shell($"{command} </dev/null >&-; echo $?").ShouldBe("0\n");
    }

    [Theory]
    [InlineData(Person.Self)]
    [InlineData(Person.Ordinary)]
    public async Task Fifty_megabytes_pass_whole_both_ways(Person person)
    {
        using var box = BoxHarness.Started(person);
        var bytes = new byte[50_000_000];
        new Random(1).NextBytes(bytes);
        using var process = box.Start("exec", "box", "cat");

        var hash = SHA256.HashDataAsync(process.StandardOutput.BaseStream, TestContext.Current.CancellationToken).AsTask();
        await process.StandardInput.BaseStream.WriteAsync(bytes, TestContext.Current.CancellationToken);
        process.StandardInput.Close();

        (await hash).ShouldBe(SHA256.HashData(bytes));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(0);
    }

    [Fact]
    public void A_reader_that_has_enough_ends_the_command()
    {
        using var box = BoxHarness.Started();
        var mark = $"9{Random.Shared.Next(100000, 999999)}";
        using var process = box.Start("exec", "box", "sh", "-c", $"yes; exec sleep {mark}");

        process.StandardOutput.ReadLine().ShouldBe("y");
        process.StandardOutput.Close();

        process.WaitForExit(TimeSpan.FromSeconds(10)).ShouldBeTrue();
        process.StandardError.ReadToEnd().ShouldBe("");
        BoxHarness.Eventually(() => BoxHarness.ProcessesWith(mark).Count == 0, "the command ends");
    }

    [Fact]
    public async Task Twenty_commands_at_once_do_not_mix()
    {
        using var box = BoxHarness.Started();

        var runs = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(i => Task.Run(() => box.Sh($"for n in $(seq 500); do echo {i}; done; exit {i}")))
        );

        for (var i = 0; i < runs.Length; i++)
        {
            runs[i].ExitCode.ShouldBe(i);
            runs[i].Output.ShouldBe(string.Concat(Enumerable.Repeat($"{i}\n", 500)));
        }
    }

    [Theory]
    [InlineData(Libc.SigInt, 130)]
    [InlineData(Libc.SigTerm, 143)]
    [InlineData(Libc.SigHup, 129)]
    public void Signals_reach_the_command(int signal, int expected)
    {
        using var box = BoxHarness.Started();
        using var process = box.Start("exec", "box", "sh", "-c", "echo ready; exec sleep 1000");
        process.StandardOutput.ReadLine().ShouldBe("ready");

        _ = Libc.Kill(process.Id, signal);

        process.WaitForExit(TimeSpan.FromSeconds(10)).ShouldBeTrue();
        process.ExitCode.ShouldBe(expected);
    }

    [Fact]
    public void A_signal_does_not_wait_behind_input_that_nobody_reads()
    {
        using var box = BoxHarness.Started();
        using var process = box.Start("exec", "box", "sh", "-c", "echo ready; exec sleep 1000");
        process.StandardOutput.ReadLine().ShouldBe("ready");
        _ = process.StandardInput.BaseStream.WriteAsync(new byte[10_000_000], TestContext.Current.CancellationToken).AsTask();
        Thread.Sleep(200);

        _ = Libc.Kill(process.Id, Libc.SigInt);

        process.WaitForExit(TimeSpan.FromSeconds(10)).ShouldBeTrue();
        process.ExitCode.ShouldBe(130);
    }

    [Fact]
    public void A_process_left_in_the_background_does_not_hold_up_the_end()
    {
        using var box = BoxHarness.Started();

        box.Sh("sleep 1000 & echo done").ShouldBe((0, "done\n", ""));
    }

    [Fact]
    public async Task The_real_Codex_runs_in_the_box()
    {
        using var box = BoxHarness.Started(release: (await Machine.CodexAsync()).Root);

        box.Run("exec", "box", "codex", "--version").Output.ShouldStartWith("codex-cli ");
        box.Sh("rg --version").Output.ShouldStartWith("ripgrep ");
        box.Sh("stat -c %a $CODEX_HOME").Output.Trim().ShouldBe("700");
    }

    [Fact]
    public void A_command_of_many_long_arguments_arrives_whole()
    {
        using var box = BoxHarness.Started();
        var words = Enumerable.Range(0, 12).Select(i => new string((char)('a' + i), 100_000)).ToArray();

        box.Run(["exec", "box", "sh", "-c", "echo $# ${#1} ${#12}", "sh", .. words])
            .Output.ShouldBe(string.Create(CultureInfo.InvariantCulture, $"12 100000 100000\n"));
    }
}
