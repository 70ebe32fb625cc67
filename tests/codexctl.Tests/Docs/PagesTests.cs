using System.Text.RegularExpressions;
using Codexctl.Policy;

namespace Codexctl.Tests.Docs;

/// <summary>What the pages refer to is there: other pages, messages of the program, tests.</summary>
public sealed partial class PagesTests
{
    [Fact]
    public void Every_link_leads_to_a_file_and_a_heading_that_are_there()
    {
        var links = 0;
        foreach (var page in DocCommands.Pages)
        {
            foreach (var target in Link().Matches(Text(page)).Select(match => match.Groups["text"].Value))
            {
                links++;
                if (target.Contains("://", StringComparison.Ordinal))
                {
                    target.ShouldStartWith("https://", Case.Sensitive, page);
                    continue;
                }
                var parts = target.Split('#');
                var file = parts[0].Length == 0 ? page : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(page)!, parts[0]));
                File.Exists(file).ShouldBeTrue($"{page}: {target}");
                if (parts.Length > 1)
                {
                    Anchors(file).ShouldContain(parts[1], $"{page}: {target}");
                }
            }
        }
        links.ShouldBeGreaterThan(50);
    }

    /// <summary>
    /// In bold code the page quotes what the program says, with `…` for what differs. Each piece stands so in the sources, or the whole
    /// fits a text of theirs with something in it.
    /// </summary>
    [Fact]
    public void Troubleshooting_quotes_messages_that_the_program_has()
    {
        var sources = string.Join('\n', SourceFiles().Select(File.ReadAllText));
        // A message that is written over several lines.
        sources = Joined().Replace(sources, "");
        var texts = Literal()
            .Matches(sources)
            .Select(match => Parts(match.Groups["text"].Value))
            .Where(parts => Length(parts) >= 10)
            .ToList();
        var quoted = Quoted().Matches(Text(Page("troubleshooting.md"))).Select(match => match.Groups["text"].Value).ToList();

        quoted.Count.ShouldBeGreaterThan(40);
        foreach (var message in quoted)
        {
            string[] pieces =
            [
                .. message
                    .Split(["…", ". "], StringSplitOptions.None)
                    .Select(piece => piece.Trim(' ', '.', ','))
                    .Where(piece => piece.Length > 0),
            ];
            var whole = message.Replace("…", "/7", StringComparison.Ordinal);
            var known =
                pieces.All(piece => sources.Contains(piece, StringComparison.Ordinal))
                || texts.Any(parts => Length(parts) * 2 >= Length(pieces) && Fits(whole, parts));
            known.ShouldBeTrue($"docs/troubleshooting.md quotes a message that the program does not have: {message}");
        }
    }

    [Fact]
    public void Each_test_that_the_security_page_names_is_there()
    {
        var classes = Directory
            .EnumerateFiles(Path.Combine(DocCommands.Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .ToHashSet(StringComparer.Ordinal);
        var named = TestName().Matches(Text(Page("security.md"))).Select(match => match.Groups["text"].Value).Distinct().ToList();

        named.Count.ShouldBeGreaterThan(20);
        named.ShouldAllBe(name => classes.Contains(name));
    }

    /// <summary>The presets of the networking page are those that `--allow` knows.</summary>
    [Fact]
    public void The_page_on_networking_has_every_preset_with_its_hosts()
    {
        var rows = Row()
            .Matches(Text(Page("networking.md")))
            .ToDictionary(match => match.Groups["name"].Value, match => match.Groups["hosts"].Value.Split(", "));

        rows.Keys.ShouldBe(Presets.All.Select(preset => preset.Name), ignoreOrder: true);
        foreach (var preset in Presets.All)
        {
            rows[preset.Name].ShouldBe(preset.Hosts, ignoreOrder: true, preset.Name);
        }
    }

    private static string Page(string name) => Path.Combine(DocCommands.Root, "docs", name);

    private static string Text(string page) => File.ReadAllText(page);

    private static IEnumerable<string> SourceFiles() =>
        new[] { "src", "images" }
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(DocCommands.Root, folder), "*", SearchOption.AllDirectories))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
            .Append(Path.Combine(DocCommands.Root, "codexctl"));

    /// <summary>As GitHub makes them of headings.</summary>
    private static IEnumerable<string> Anchors(string file) =>
        File.ReadLines(file)
            .Where(line => line.StartsWith('#'))
            .Select(line => NotInAnchor().Replace(line.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-'));

    private static int Length(string[] parts) => parts.Sum(part => part.Trim().Length);

    /// <summary>What stands in a text of the sources around its holes.</summary>
    private static string[] Parts(string literal) => Hole().Split(literal.Replace("\\\"", "\"", StringComparison.Ordinal));

    /// <summary>Whether a message is such a text with something in its holes.</summary>
    private static bool Fits(string message, string[] parts)
    {
        var at = 0;
        foreach (var part in parts)
        {
            at = message.IndexOf(part, at, StringComparison.Ordinal);
            if (at < 0)
            {
                return false;
            }
            at += part.Length;
        }
        return true;
    }

    [GeneratedRegex(@"\]\((?<text>[^)\s]+)\)", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex(@"\*\*[^*`]*`(?<text>[^`]+)`[^*`]*\*\*", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Quoted();

    [GeneratedRegex("\"\\s*\\+\\s*\\$?\"", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Joined();

    [GeneratedRegex("\"(?<text>([^\"\\\\\n]|\\\\.)*)\"", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Literal();

    [GeneratedRegex(@"\{(?:[^{}]|\{[^{}]*\})*\}", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Hole();

    [GeneratedRegex(@"`(?<text>\w+Tests)`", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex TestName();

    [GeneratedRegex(
        @"^\| `(?<name>\w+)` \| [^|]+ \| (?<hosts>[^|]+?) \|$",
        RegexOptions.Multiline | RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Row();

    [GeneratedRegex(@"[^\w\- ]", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex NotInAnchor();
}
