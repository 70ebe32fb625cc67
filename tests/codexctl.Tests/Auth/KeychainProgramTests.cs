using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Codexctl.Auth;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Tests.Auth;

/// <summary>The Keychain's code with a program: the strict emulator of `security`. Never run on a Mac yet.</summary>
public sealed partial class KeychainProgramTests : IDisposable
{
    private readonly Emulator _security = new();

    private Keychain Store => new(_security);

    public void Dispose() => _security.Dispose();

    [Fact]
    public async Task A_login_is_stored_read_replaced_and_deleted()
    {
        (await Store.ReadAsync()).ShouldBeNull();
        (await Store.RemoveAsync()).ShouldBeFalse();

        foreach (var login in (AuthDocument[])[Logins.ChatGpt("rt_first"), Logins.ChatGpt("rt_second"), AuthDocument.ForApiKey("sk-key")])
        {
            await Store.WriteAsync(login.Bytes);
            (await Store.ReadAsync()).ShouldBe(login.Bytes.ToArray());
        }

        (await Store.RemoveAsync()).ShouldBeTrue();
        _security.Items.ShouldBeEmpty();
        (await Store.ReadAsync()).ShouldBeNull();
    }

    [Theory]
    [InlineData(1900, 1)]
    [InlineData(5000, 4)]
    public async Task What_a_line_cannot_hold_is_in_several_items_and_none_of_the_old_ones_stays(int size, int items)
    {
        var (first, second) = (Value(size, 'a'), Value(size, 'b'));

        await Store.WriteAsync(first);
        (await Store.ReadAsync()).ShouldBe(first);
        await Store.WriteAsync(second);

        (await Store.ReadAsync()).ShouldBe(second);
        _security.Items.Count.ShouldBe(items);
        await Store.WriteAsync(Value(100, 'c'));
        _security.Items.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("{\"OPENAI_API_KEY\":\"sk-1\"}")]
    [InlineData("{\n  \"OPENAI_API_KEY\": \"sk-1\",\n  \"name\": \"é\"\n}\n")]
    public async Task The_login_that_earlier_scripts_stored_is_found_and_replaced(string text)
    {
        _security.Seed(text);
        (await Store.ReadAsync()).ShouldBe(Encoding.UTF8.GetBytes(text));

        await Store.WriteAsync(Value(5000, 'n'));

        (await Store.ReadAsync()).ShouldBe(Value(5000, 'n'));
    }

    [Fact]
    public async Task A_long_login_that_earlier_scripts_stored_in_one_item_is_found()
    {
        var text = Encoding.ASCII.GetString(Value(6000, 's')).ReplaceLineEndings("");
        _security.Seed(text);

        (await Store.ReadAsync()).ShouldBe(Encoding.ASCII.GetBytes(text));
    }

    [Fact]
    public async Task No_argument_is_anything_but_a_name()
    {
        await Store.WriteAsync(Logins.ChatGpt().Bytes);
        await Store.WriteAsync(Value(5000, 'x'));
        await Store.ReadAsync();
        await Store.RemoveAsync();

        var calls = _security.Calls;
        calls.Count.ShouldBeGreaterThan(15);
        calls.ShouldAllBe(call => Harmless().IsMatch(call));
    }

    [Theory]
    [InlineData("locked", "is locked")]
    [InlineData("denied", "denied access")]
    [InlineData("cancelled", "denied access")]
    public async Task A_keychain_that_says_no_keeps_the_old_login(string fault, string words)
    {
        var old = Value(5000, 'o');
        await Store.WriteAsync(old);
        var before = _security.Items;
        _security.Fault = fault;

        foreach (var what in (Func<Task>[])[() => Store.ReadAsync(), () => Store.WriteAsync(Value(5000, 'n')), () => Store.RemoveAsync()])
        {
            var error = await Should.ThrowAsync<UserError>(what);
            error.Message.ShouldContain(words);
            error.Mend.ShouldNotBeNullOrEmpty();
        }

        _security.Items.ShouldBe(before);
        _security.Fault = null;
        (await Store.ReadAsync()).ShouldBe(old);
    }

    [Fact]
    public async Task One_that_says_no_in_the_middle_of_a_writing_keeps_the_old_login()
    {
        var old = Value(2500, 'o');
        await Store.WriteAsync(old);
        var before = _security.Items;
        var next = Value(2500, 'n');

        // A read of what is there, then three times a writing and its reading back; what follows takes the old parts away.
        for (var calls = 1; calls <= 6; calls++)
        {
            _security.FaultAfter(calls, "denied", times: 1);
            await Should.ThrowAsync<UserError>(() => Store.WriteAsync(next));
            _security.Fault = null;
            if (calls < 6)
            {
                (await Store.ReadAsync()).ShouldBe(old, $"after {calls} calls");
                // Nor is a part of the new one left, where the keychain opens again.
                _security.Items.ShouldBe(before, $"after {calls} calls");
            }
        }

        // The last step came through, and only its reading back failed: nothing is lost either way.
        (await Store.ReadAsync()).ShouldBe(next);
    }

    [Fact]
    public async Task One_that_asks_somewhere_and_waits_for_ever_is_an_error_in_time()
    {
        var old = Value(500, 'o');
        await Store.WriteAsync(old);
        _security.Fault = "hang";
        var watch = Stopwatch.StartNew();

        var error = await Should.ThrowAsync<UserError>(() => new Keychain(_security, TimeSpan.FromSeconds(2)).WriteAsync(Value(500, 'n')));

        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
        error.Message.ShouldBe("The macOS Keychain did not answer.");
        error.Why!.ShouldContain("asking for a password");
        _security.Fault = null;
        (await Store.ReadAsync()).ShouldBe(old);
    }

    [Fact]
    public async Task Where_there_is_no_such_program_another_store_is_named()
    {
        var processes = new ProcessRunner(new HostEnvironment(new Dictionary<string, string> { ["PATH"] = "/nonexistent" }));

        if (!OperatingSystem.IsMacOS())
        {
            var error = await Should.ThrowAsync<UserError>(() => new Keychain(processes).ReadAsync());
            error.Message.ShouldBe("The macOS Keychain is not on this machine.");
            error.Mend!.ShouldContain("CODEXCTL_AUTH_STORE=file");
        }
    }

    // With a line break, as Codex writes it: such a value is printed in hexadecimal.
    private static byte[] Value(int size, char filling) => Encoding.ASCII.GetBytes("{\n" + new string(filling, size - 4) + "\n}");

    [GeneratedRegex(
        """^(-i|(find|delete)-generic-password -s codex-OpenAI-auth -a device-auth-openAI(\.[0-9a-f]{8}\.[0-9]{1,3})?( -w)?)$""",
        RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Harmless();

    /// <summary>The emulator in the place of the system's program, with a keychain of its own.</summary>
    private sealed class Emulator : IProcesses, IDisposable
    {
        private static readonly string _program = Path.Combine(AppContext.BaseDirectory, "security");

        private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("fake-security-");
        private readonly ProcessRunner _processes = new(new HostEnvironment(new Dictionary<string, string>()));
        private (int Calls, string Fault, int Times)? _later;

        /// <summary>locked, denied, cancelled, hang; null when all is well.</summary>
        public string? Fault { get; set; }

        /// <summary>Account and value in hexadecimal of each item.</summary>
        public List<string> Items =>
            File.Exists(In("keychain.json"))
                ?
                [
                    .. JsonNode
                        .Parse(File.ReadAllText(In("keychain.json")))!
                        .AsArray()
                        .Select(item => $"{item!["account"]} {item["password"]}")
                        .Order(StringComparer.Ordinal),
                ]
                : [];

        public List<string> Calls =>
            [
                .. File.ReadLines(In("calls.log"))
                    .Select(line => string.Join(' ', JsonNode.Parse(line)!["argv"]!.AsArray().Select(word => (string?)word))),
            ];

        /// <summary>So many calls go well, the next ones fail, and then all is well again.</summary>
        public void FaultAfter(int calls, string fault, int times) => _later = (calls, fault, times);

        /// <summary>As the earlier scripts stored it: the value an argument.</summary>
        public void Seed(string value)
        {
            using var process = Process.Start(
                new ProcessStartInfo(
                    _program,
                    ["add-generic-password", "-U", "-s", "codex-OpenAI-auth", "-a", "device-auth-openAI", "-w", value]
                )
                {
                    Environment = { ["FAKE_SECURITY_HOME"] = _home.FullName },
                }
            )!;
            process.WaitForExit();
            process.ExitCode.ShouldBe(0);
        }

        public string? Find(string program) => _program;

        public Task<ProcessResult> CaptureAsync(
            CommandLine command,
            TimeSpan limit,
            string? input = null,
            CancellationToken cancel = default
        )
        {
            var fault = Fault;
            if (_later is { } later)
            {
                fault = later.Calls <= 0 && later.Times > 0 ? later.Fault : null;
                _later = later.Calls > 0 ? later with { Calls = later.Calls - 1 } : later with { Times = later.Times - 1 };
            }
            var environment = new Dictionary<string, string?> { ["FAKE_SECURITY_HOME"] = _home.FullName, ["FAKE_SECURITY_FAULT"] = fault };
            return _processes.CaptureAsync(command with { File = _program, Environment = environment }, limit, input, cancel);
        }

        public Task<int> StreamAsync(CommandLine command, Action<string> onLine, CancellationToken cancel = default) =>
            throw new NotSupportedException();

        public Task<int> AttachAsync(CommandLine command) => throw new NotSupportedException();

        public Task<(int ProcessId, string Ready)> DetachAsync(
            CommandLine command,
            string log,
            TimeSpan limit,
            CancellationToken cancel = default
        ) => throw new NotSupportedException();

        public void Dispose() => _home.Delete(recursive: true);

        private string In(string file) => Path.Combine(_home.FullName, file);
    }
}
