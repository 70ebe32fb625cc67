using Codexctl.AppleSecurity;

namespace Codexctl.AppleContainer.Tests;

/// <summary>The stand-in for the Keychain's program.</summary>
public sealed class SecurityTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("fake-security-");

    public void Dispose() => _home.Delete(recursive: true);

    private CallResult Security(string line, string? input = null, string fault = "none") =>
        Call.Run(
            "security",
            line.Split(' ', StringSplitOptions.RemoveEmptyEntries),
            new Dictionary<string, string> { ["FAKE_SECURITY_HOME"] = _home.FullName, ["FAKE_SECURITY_FAULT"] = fault },
            input
        );

    [Theory]
    [InlineData("""a b""", "a|b")]
    [InlineData("""  a   "b c"  'd "e"' """, "a|b c|d \"e\"")]
    [InlineData("""-w "x\"y\\z" """, "-w|x\"y\\z")]
    [InlineData("""a'b c""", "a'b|c")]
    [InlineData("""a\ b""", "a b")]
    [InlineData(""" "a"b""", "a|b")]
    [InlineData(""" "open end""", "open end")]
    [InlineData(""" "" x""", "|x")]
    public void Words_are_cut_as_the_original_cuts_them(string line, string words) =>
        string.Join('|', CommandLine.Split(line)).ShouldBe(words);

    [Fact]
    public void A_secret_given_on_standard_input_is_stored_and_is_no_argument()
    {
        Security("-i", "add-generic-password -U -s svc -a acct -X 7b2261223a317d\n").ExitCode.ShouldBe(0);
        var found = Security("find-generic-password -s svc -a acct -w");
        found.ShouldBe(new CallResult(0, "{\"a\":1}\n", ""));
        File.ReadAllText(Path.Combine(_home.FullName, "calls.log")).ShouldNotContain("7b22");
    }

    [Fact]
    public void A_value_with_a_line_break_or_beyond_ASCII_is_printed_in_hexadecimal()
    {
        Security("-i", "add-generic-password -s a -a b -X 610a62\nadd-generic-password -s c -a d -w \"é\"\n").ExitCode.ShouldBe(0);
        Security("find-generic-password -s a -w").Output.ShouldBe("610a62\n");
        Security("find-generic-password -s c -w").Output.ShouldBe("c3a9\n");
        Security("find-generic-password -s c -g").Error.ShouldBe("password: 0xC3A9  \"\\303\\251\"\n");
    }

    [Fact]
    public void What_is_missing_or_there_already_has_its_own_exit_code()
    {
        Security("find-generic-password -s no -w").ExitCode.ShouldBe(44);
        Security("delete-generic-password -s no").ExitCode.ShouldBe(44);
        Security("add-generic-password -s x -a y -w one").ExitCode.ShouldBe(0);
        Security("add-generic-password -s x -a y -w two").ExitCode.ShouldBe(45);
        Security("find-generic-password -s x -w").Output.ShouldBe("one\n");
        Security("add-generic-password -U -s x -a y -w two").ExitCode.ShouldBe(0);
        Security("find-generic-password -s x -w").Output.ShouldBe("two\n");
        Security("delete-generic-password -s x -a y").ExitCode.ShouldBe(0);
        Security("find-generic-password -s x -w").ExitCode.ShouldBe(44);
    }

    [Theory]
    [InlineData(4094, 44)]
    [InlineData(4095, 44)]
    [InlineData(4096, 0)]
    [InlineData(4097, 1)]
    public void A_line_that_is_too_long_is_cut_and_its_rest_is_a_command(int length, int exitCode)
    {
        var line = "find-generic-password -s ".PadRight(length - 1, 'x') + "\n";
        Security("-i", line).ExitCode.ShouldBe(exitCode);
    }

    [Fact]
    public void A_long_secret_is_cut_in_silence_where_the_rest_happens_to_succeed()
    {
        var line = "add-generic-password -s s -a a -w ".PadRight(CommandLine.MaximumLine - 1, 'x') + "\n";
        Security("-i", line).ExitCode.ShouldBe(0);
        Security("find-generic-password -s s -w").Output.Length.ShouldBeLessThan(CommandLine.MaximumLine);
    }

    [Fact]
    public void Only_the_last_command_of_an_input_decides_the_exit_code()
    {
        var result = Security("-i", "find-generic-password -s no\nadd-generic-password -s x -a y -w z\n");
        result.ExitCode.ShouldBe(0);
        result.Error.ShouldContain("could not be found");
        Security("-i", "find-generic-password -s no\n").ExitCode.ShouldBe(44);
    }

    [Theory]
    [InlineData("locked", 36)]
    [InlineData("denied", 51)]
    [InlineData("cancelled", 128)]
    public void A_keychain_that_refuses_gives_nothing_away(string fault, int exitCode)
    {
        Security("add-generic-password -s x -a y -w z").ExitCode.ShouldBe(0);
        Security("find-generic-password -s x -w", fault: fault)
            .ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(exitCode), r => r.Output.ShouldBe(""));
        Security("-i", "add-generic-password -U -s x -a y -w new\n", fault).ExitCode.ShouldBe(exitCode);
        Security("find-generic-password -s x -w").Output.ShouldBe("z\n");
    }

    [Fact]
    public void A_bare_w_asks_twice_and_keeps_128_bytes()
    {
        var secret = new string('s', 200);
        Security("add-generic-password -s x -a y -w", $"{secret}\n{secret}\n").ExitCode.ShouldBe(0);
        Security("find-generic-password -s x -w").Output.ShouldBe(secret[..128] + "\n");
        Security("add-generic-password -s e -a y").ExitCode.ShouldBe(0);
        Security("find-generic-password -s e -w").Output.ShouldBe("\n");
    }

    [Theory]
    [InlineData("add-generic-password -s x -w y", 2)]
    [InlineData("add-generic-password -s x -a y -X 123", 2)]
    [InlineData("add-generic-password -s x -a y -w z some.keychain", 2)]
    [InlineData("find-generic-password --service x", 2)]
    [InlineData("list-keychains", 1)]
    public void What_it_does_not_know_it_refuses(string line, int exitCode) => Security(line).ExitCode.ShouldBe(exitCode);
}
