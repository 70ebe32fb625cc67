using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;
using Codexctl.Tests.Docs;

namespace Codexctl.EndToEnd.Docs;

/// <summary>
/// Every command line of README.md and docs/*.md, typed as it stands there. A line that cannot run in a test is in
/// <see cref="DocExceptions"/>, with the reason; all others must work.
/// </summary>
[Collection("192.168.64.1")] // As PlainImageTests.
public sealed class DocCommandsTests(DocScene machine) : IClassFixture<DocScene>
{
    /// <summary>Lines that end with another code than 0, and why that is right.</summary>
    private static readonly Dictionary<string, (int Code, string Why)> _codes = new(StringComparer.Ordinal)
    {
        ["codexctl codex rollback"] = (1, "no other Codex was chosen before"),
        ["codexctl uninstall --purge"] = (1, "it asks, and nobody is there"),
        ["codexctl su-exec apk add graphviz"] = (127, "the test's image is of Debian, which has no apk"),
    };

    /// <summary>Lines that go on until Ctrl-C, and what they say before.</summary>
    private static readonly (string Command, string Text)[] _endless =
    [
        ("log -f", "say hello"),
        ("log --web", "http://127.0.0.1:"),
        ("log replay", "http://127.0.0.1:"),
        ("proxy", "192.168.64.1"),
        ("proxy", "codexctl"),
    ];

    public static IEnumerable<TheoryDataRow<string>> Lines =>
        DocCommands
            .All.Where(command => DocExceptions.Why(command.Line) is null && !IsScreen(command.Typed))
            .Select(command => command.Typed)
            .Distinct(StringComparer.Ordinal)
            .Select(line => new TheoryDataRow<string>(line));

    /// <summary>Whether a line brings up Codex's own screen.</summary>
    internal static bool IsScreen(string line) =>
        line.Contains("codexctl run", StringComparison.Ordinal)
        && !((string[])["--cmd ", "--shell", "-- exec "]).Any(option => line.Contains(option, StringComparison.Ordinal));

    [Theory, MemberData(nameof(Lines))]
    public async Task A_line_of_the_docs_works_as_it_stands_there(string line)
    {
        await Machine.NeedAsync(DocScene.EngineOf(line));
        var (online, folder) = await machine.ReadyAsync(line);
        await using var other = line.Contains("http://127.0.0.1:11500 ", StringComparison.Ordinal)
            ? await FakeOllama.StartAsync(11500)
            : null;

        if (
            _endless.FirstOrDefault(one => DocScene.Is(line, one.Command) && (one.Text != "192.168.64.1" || line.Contains(one.Text))) is
            { Text: { } text }
        )
        {
            var shown = await DocScene.TypeUntilAsync(online.Scene, folder, line, text);
            shown.ExitCode.ShouldBeOneOf(0, 130);
            shown.Output.ShouldContain(text);
            return;
        }
        var outcome = await DocScene.TypeAsync(online.Scene, folder, line);

        outcome.ExitCode.ShouldBe(_codes.TryGetValue(line, out var code) ? code.Code : 0, outcome.ToString());
    }
}

/// <summary>The lines that bring up Codex's screen, typed on a terminal.</summary>
public sealed class DocScreensTests(DocScene machine) : IClassFixture<DocScene>
{
    public static IEnumerable<TheoryDataRow<string>> Lines =>
        DocCommands
            .All.Where(command => DocExceptions.Why(command.Line) is null && DocCommandsTests.IsScreen(command.Typed))
            .Select(command => command.Typed)
            .Distinct(StringComparer.Ordinal)
            .Select(line => new TheoryDataRow<string>(line));

    [Theory, MemberData(nameof(Lines))]
    public async Task A_line_of_the_docs_brings_up_codex(string line)
    {
        await Machine.NeedAsync(DocScene.EngineOf(line));
        var (online, folder) = await machine.ReadyAsync(line);
        using var terminal = online.Scene.OpenTerminal(folder: folder);

        var run = terminal.Begin(line);
        if (line.EndsWith("-- resume", StringComparison.Ordinal))
        {
            // Codex's list of sessions, which is empty in a new folder: Esc begins one.
            terminal.WaitFor("Resume a previous session", seconds: 60);
            terminal.WaitForQuiet();
            terminal.Press("Escape");
        }
        terminal.WaitFor("Ask Codex to do anything", seconds: 60);
        terminal.Ask("/quit");

        var ended = terminal.Ended(run, seconds: 60);
        ended.ExitCode.ShouldBe(0, ended.Output);
    }
}
