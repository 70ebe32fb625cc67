using System.Formats.Tar;
using System.Text;
using Codexctl.Engines;
using Codexctl.Sessions;

namespace Codexctl.Tests.Sessions;

/// <summary>What an agent could have put into the files of its container.</summary>
public class CodexHomeArchiveTests
{
    private const string Day = "home/coder/.codex/sessions/2026/01/02/";

    private static MemoryStream Tar(params (string Name, TarEntryType Type, string Text)[] entries)
    {
        var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, leaveOpen: true))
        {
            foreach (var (name, type, text) in entries)
            {
                var entry = new PaxTarEntry(type, name);
                if (type == TarEntryType.RegularFile)
                {
                    entry.DataStream = new MemoryStream(Encoding.UTF8.GetBytes(text));
                }
                else if (type is TarEntryType.SymbolicLink or TarEntryType.HardLink)
                {
                    entry.LinkName = text;
                }
                writer.WriteEntry(entry);
            }
        }
        tar.Position = 0;
        return tar;
    }

    private static List<HomeFile> Files(params (string Name, TarEntryType Type, string Text)[] entries) =>
        [.. CodexHomeArchive.Files(Tar(entries), _ => { })];

    [Theory]
    [InlineData("home/coder/.codex/auth.json")]
    [InlineData("home/coder/.codex/config.toml")]
    [InlineData("home/coder/.codex/sessions/2026/01/02/../../../../auth.json")]
    [InlineData("home/coder/.codex/sessions/2026/01/02/run.sh")]
    [InlineData("home/coder/.codex/sessions/2026/01/02/rollout-a\n.jsonl")]
    [InlineData("home/coder/.codex/../.ssh/rollout-a.jsonl")]
    [InlineData("etc/passwd")]
    public void Nothing_but_sessions_and_history_is_taken(string name) => Files((name, TarEntryType.RegularFile, "x")).ShouldBeEmpty();

    [Fact]
    public void Links_are_not_taken() =>
        Files(
                (Day + "rollout-a.jsonl", TarEntryType.SymbolicLink, "/etc/shadow"),
                (Day + "rollout-b.jsonl", TarEntryType.HardLink, "home/coder/.codex/auth.json"),
                ("home/coder/.codex/history.jsonl", TarEntryType.SymbolicLink, "/etc/shadow")
            )
            .ShouldBeEmpty();

    [Theory]
    [InlineData("{\"type\":\"session_meta\",\"payload\":{\"model_provider\":\"myollama\"}}\nrest\n", Box.LocalCodexHome, "\"codexctl\"")]
    [InlineData("{\"type\":\"session_meta\",\"payload\":{}}", Box.LocalCodexHome, "\"codexctl\"")]
    [InlineData("{\"type\":\"session_meta\",\"payload\":{\"model_provider\":\"openai\"}}\nrest\n", Box.OnlineCodexHome, "\"openai\"")]
    [InlineData("no JSON\nrest\n", Box.LocalCodexHome, "no JSON")]
    [InlineData("[1]", Box.LocalCodexHome, "[1]")]
    [InlineData("", Box.LocalCodexHome, "")]
    public void A_session_goes_to_the_home_of_its_provider_under_the_name_that_it_has_there(string text, string home, string holds)
    {
        var file = Files(($"./{Day}rollout-a.jsonl", TarEntryType.RegularFile, text)).ShouldHaveSingleItem();
        file.Home.ShouldBe(home);
        file.Name.ShouldBe("sessions/2026/01/02/rollout-a.jsonl");
        var taken = Encoding.UTF8.GetString(file.Content);
        taken.ShouldContain(holds);
        taken.EndsWith("\nrest\n", StringComparison.Ordinal).ShouldBe(text.EndsWith("\nrest\n", StringComparison.Ordinal));
    }

    [Fact]
    public void The_login_is_only_that_file_and_not_a_huge_one()
    {
        var tar = Tar(("home/coder/.codex/auth.json", TarEntryType.RegularFile, "{\"secret\":1}"));
        CodexHomeArchive.Login(tar, 100).ShouldNotBeNull();
        tar.Position = 0;
        CodexHomeArchive.Login(tar, 5).ShouldBeNull();
        CodexHomeArchive.Login(Tar(("home/coder/.codex/auth.json", TarEntryType.SymbolicLink, "/etc/shadow")), 100).ShouldBeNull();
    }
}
