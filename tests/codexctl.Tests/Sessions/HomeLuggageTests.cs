using System.Formats.Tar;
using System.Security.Cryptography;
using System.Text;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Sessions;

/// <summary>What goes along from one container to the next; an agent wrote it. Unpacked by the shell that a box would use.</summary>
public sealed class HomeLuggageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly string _home;

    public HomeLuggageTests() => _home = Directory.CreateDirectory(Path.Combine(_folder, "home")).FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Luggage => Path.Combine(_folder, "homes.tar");

    private static TarEntry Plain(string name, byte[] content, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite) =>
        new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = new MemoryStream(content), Mode = mode };

    private static TarEntry Plain(string name, string text) => Plain(name, Encoding.UTF8.GetBytes(text));

    private static TarEntry Link(TarEntryType type, string name, string to) => new PaxTarEntry(type, name) { LinkName = to };

    private void Pack(params TarEntry[] entries)
    {
        var export = Path.Combine(_folder, "export.tar");
        using (var writer = new TarWriter(File.Create(export), TarEntryFormat.Pax))
        {
            foreach (var entry in entries)
            {
                writer.WriteEntry(entry);
            }
        }
        HomeLuggage.Pack(export, Luggage);
    }

    private async Task<ProcessResult> UnpackAsync()
    {
        var result = await HomeLuggage.UnpackAsync(
            (command, input) =>
                new ProcessRunner(new HostEnvironment(new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" })).CaptureAsync(
                    new CommandLine(command[0], [.. command.Skip(1)]),
                    TimeSpan.FromSeconds(60),
                    input
                ),
            _home,
            Luggage,
            TestContext.Current.CancellationToken
        );
        return result;
    }

    private string[] Unpacked() =>
        [
            .. Directory
                .EnumerateFiles(_home, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
                .Select(path => Path.GetRelativePath(_home, path))
                .Order(StringComparer.Ordinal),
        ];

    private string Read(string name) => File.ReadAllText(Path.Combine(_home, name));

    [Theory, InlineData(""), InlineData("./"), InlineData("/")]
    public async Task Files_and_links_of_both_homes_go_along(string root)
    {
        var longName = $".codex-local/sessions/{new string('d', 120)}/{new string('f', 200)}.jsonl";
        Pack(
            Plain($"{root}home/coder/.codex-local/sessions/one", "said"),
            Plain($"{root}home/coder/{longName}", "long"),
            Plain($"{root}home/coder/.codex-local/with 'a\" name\n.md", "odd"),
            Plain(
                $"{root}home/coder/.codex/skills/run",
                "#!/bin/sh"u8.ToArray(),
                UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            ),
            Link(TarEntryType.SymbolicLink, $"{root}home/coder/.codex-local/skill", "/workdir/skill"),
            Link(TarEntryType.HardLink, $"{root}home/coder/.codex-local/again", $"{root}home/coder/.codex-local/sessions/one"),
            Plain($"{root}home/coder/.bashrc", "not this"),
            Plain($"{root}home/coder/.codex-local.old/file", "nor this"),
            Plain($"{root}etc/passwd", "nor this")
        );

        (await UnpackAsync()).ExitCode.ShouldBe(0);

        Unpacked()
            .ShouldBe(
                [
                    ".codex-local/again",
                    longName,
                    ".codex-local/sessions/one",
                    ".codex-local/skill",
                    ".codex-local/with 'a\" name\n.md",
                    ".codex/skills/run",
                ],
                ignoreOrder: true
            );
        Read(".codex-local/sessions/one").ShouldBe("said");
        Read(".codex-local/again").ShouldBe("said");
        Read(longName).ShouldBe("long");
        new FileInfo(Path.Combine(_home, ".codex-local/skill")).LinkTarget.ShouldBe("/workdir/skill");
        File.GetUnixFileMode(Path.Combine(_home, ".codex/skills/run")).HasFlag(UnixFileMode.UserExecute).ShouldBeTrue();
        File.GetUnixFileMode(Luggage).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Theory]
    [InlineData("home/coder/.codex/auth.json")]
    [InlineData("home/coder/.codex/auth.json.tmp")]
    [InlineData("home/coder/.codex-local/../.bashrc")]
    [InlineData("home/coder/../../etc/cron.d/job")]
    public async Task A_login_stays_and_so_does_what_leads_out_of_the_homes(string name)
    {
        Pack(Plain(name, "x"), Plain("home/coder/.codex-local/kept", "y"));

        (await UnpackAsync()).ExitCode.ShouldBe(0);

        Unpacked().ShouldBe([".codex-local/kept"]);
    }

    [Fact]
    public async Task A_second_name_of_a_login_stays_too()
    {
        Pack(
            Plain("home/coder/.codex/auth.json", "secret"),
            Link(TarEntryType.HardLink, "home/coder/.codex/copy", "home/coder/.codex/auth.json"),
            Link(TarEntryType.HardLink, "home/coder/.codex/passwd", "etc/passwd")
        );

        (await UnpackAsync()).ExitCode.ShouldBe(0);

        Unpacked().ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_there_already_stays_and_a_second_time_adds_nothing()
    {
        Pack(Plain("home/coder/.codex-local/history.jsonl", "old"), Plain("home/coder/.codex-local/sessions/one", "said"));
        Directory.CreateDirectory(Path.Combine(_home, ".codex-local"));
        File.WriteAllText(Path.Combine(_home, ".codex-local/history.jsonl"), "new");

        (await UnpackAsync()).ExitCode.ShouldBe(0);
        (await UnpackAsync()).ExitCode.ShouldBe(0);

        Read(".codex-local/history.jsonl").ShouldBe("new");
        Read(".codex-local/sessions/one").ShouldBe("said");
        Unpacked().Length.ShouldBe(2);
    }

    [Fact]
    public async Task Large_ones_go_in_pieces()
    {
        var content = RandomNumberGenerator.GetBytes(10_000_001);
        Pack(Plain("home/coder/.codex-local/state.sqlite", content));
        // What was begun before and killed is forgotten.
        Directory.CreateDirectory(Path.Combine(_home, ".codexctl-luggage"));
        File.WriteAllText(Path.Combine(_home, ".codexctl-luggage/.tar"), "half");

        (await UnpackAsync()).ExitCode.ShouldBe(0);

        File.ReadAllBytes(Path.Combine(_home, ".codex-local/state.sqlite")).ShouldBe(content);
    }

    [Fact]
    public async Task One_that_does_not_fit_is_told()
    {
        Pack(Plain("home/coder/.codex-local/sessions/one", "said"));
        File.WriteAllText(Path.Combine(_home, ".codex-local"), "a file where the home should be");

        var said = await UnpackAsync();

        said.ExitCode.ShouldNotBe(0);
        said.Error.ShouldNotBeEmpty();
    }
}
