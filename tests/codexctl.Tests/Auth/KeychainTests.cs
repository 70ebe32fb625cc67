using System.Text;
using Codexctl.Auth;
using Codexctl.Processes;

namespace Codexctl.Tests.Auth;

/// <summary>Against a fake of `security`; never run on a Mac yet.</summary>
public class KeychainTests
{
    private readonly FakeSecurity _security = new();

    private Keychain Store => new(_security);

    [Fact]
    public async Task The_login_that_the_seed_stored_is_found()
    {
        _security.Items["device-auth-openAI"] = Encoding.UTF8.GetBytes(Logins.ChatGptText());

        (await Store.ReadAsync()).ShouldBe(Encoding.UTF8.GetBytes(Logins.ChatGptText()));
    }

    [Theory]
    [InlineData("{\"a\":1}\n", "{\"a\":1}")]
    [InlineData("7b7d0a\n", "{}\n")]
    [InlineData("abc\n", "abc")]
    [InlineData("", "")]
    public void Hex_is_decoded_and_nothing_else(string printed, string value) =>
        Encoding.UTF8.GetString(Keychain.Decode(printed)).ShouldBe(value);

    [Theory, InlineData(10), InlineData(1900), InlineData(1901), InlineData(5000), InlineData(60_000)]
    public async Task Logins_of_every_size_are_stored_whole(int size)
    {
        var value = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"é\n", size / 4 + 1))[..size]);

        await Store.WriteAsync(value);
        await Store.WriteAsync(value);

        (await Store.ReadAsync()).ShouldBe(value);
        // What the second writing replaced is gone.
        _security.Items.Count.ShouldBe(
            value.Length <= Keychain.LongestPart ? 1 : 1 + (value.Length + Keychain.LongestPart - 1) / Keychain.LongestPart
        );
        (await Store.RemoveAsync()).ShouldBeTrue();
        _security.Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_secret_is_never_an_argument()
    {
        var value = Encoding.UTF8.GetBytes(Logins.ChatGptText());

        await Store.WriteAsync(value);
        await Store.ReadAsync();

        var arguments = string.Join(' ', _security.Arguments);
        arguments.ShouldNotContain("rt_1");
        arguments.ShouldNotContain(Convert.ToHexStringLower("rt_1"u8));
        arguments.ShouldNotContain(Convert.ToHexStringLower(value.AsSpan(0, 20)));
    }

    [Theory, InlineData(36), InlineData(51), InlineData(128), InlineData(1)]
    public async Task A_locked_or_denied_keychain_is_an_error_and_not_an_empty_one(int code)
    {
        _security.Items["device-auth-openAI"] = [1, 2, 3];
        _security.Fails = code;

        await Should.ThrowAsync<UserError>(() => Store.ReadAsync());
        await Should.ThrowAsync<UserError>(() => Store.WriteAsync(new byte[] { 9 }));
        await Should.ThrowAsync<UserError>(() => Store.RemoveAsync());

        _security.Items["device-auth-openAI"].ShouldBe([1, 2, 3]);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public async Task A_writing_that_breaks_off_leaves_the_old_login(int writings)
    {
        var old = Encoding.UTF8.GetBytes(new string('o', 5000));
        await Store.WriteAsync(old);
        _security.WritesLeft = writings;

        await Should.ThrowAsync<UserError>(() => Store.WriteAsync(Encoding.UTF8.GetBytes(new string('n', 7000))));

        (await Store.ReadAsync()).ShouldBe(old);
    }

    [Fact]
    public async Task Nothing_stored_is_told_as_nothing()
    {
        (await Store.ReadAsync()).ShouldBeNull();
        (await Store.RemoveAsync()).ShouldBeFalse();
    }

    /// <summary>As strict as the real one where it matters: lines of 4095 bytes, hex on output, its exit codes.</summary>
    private sealed class FakeSecurity : IProcesses
    {
        public Dictionary<string, byte[]> Items { get; } = [];
        public List<string> Arguments { get; } = [];
        public int Fails { get; set; }
        public int WritesLeft { get; set; } = int.MaxValue;

        public string? Find(string program) => "/usr/bin/security";

        public Task<ProcessResult> CaptureAsync(
            CommandLine command,
            TimeSpan limit,
            string? input = null,
            CancellationToken cancel = default
        )
        {
            Arguments.AddRange(command.Arguments);
            if (Fails != 0)
            {
                return Task.FromResult(new ProcessResult(Fails, "", "security: it fails"));
            }
            if (command.Arguments is ["-i"])
            {
                foreach (var line in input!.TrimEnd('\n').Split('\n'))
                {
                    line.Length.ShouldBeLessThan(4096);
                    if (WritesLeft-- <= 0)
                    {
                        // Its interactive mode tells a failure only in words.
                        return Task.FromResult(new ProcessResult(0, "", "security: User interaction is not allowed."));
                    }
                    var words = line.Split(' ');
                    words[..6].ShouldBe(["add-generic-password", "-U", "-s", "codex-OpenAI-auth", "-a", words[5]]);
                    words[6].ShouldBe("-X");
                    Items[words[5]] = Convert.FromHexString(words[7]);
                }
                return Task.FromResult(new ProcessResult(0, "", ""));
            }
            var account = command.Arguments[4];
            command.Arguments.Take(4).ShouldBe([command.Arguments[0], "-s", "codex-OpenAI-auth", "-a"]);
            if (!Items.TryGetValue(account, out var value))
            {
                return Task.FromResult(new ProcessResult(44, "", "The specified item could not be found in the keychain."));
            }
            switch (command.Arguments[0])
            {
                case "find-generic-password":
                    command.Arguments[5].ShouldBe("-w");
                    var plain = value.All(b => b is >= 0x20 and < 0x7f);
                    return Task.FromResult(
                        new ProcessResult(0, (plain ? Encoding.ASCII.GetString(value) : Convert.ToHexStringLower(value)) + "\n", "")
                    );
                case "delete-generic-password":
                    Items.Remove(account);
                    return Task.FromResult(new ProcessResult(0, "", ""));
                default:
                    throw new InvalidOperationException(command.Arguments[0]);
            }
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
    }
}
