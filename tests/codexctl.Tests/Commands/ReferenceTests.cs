using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Codexctl.Commands;

namespace Codexctl.Tests.Commands;

/// <summary>docs/commands.md, the README's table and the manual pages are what the program can do.</summary>
public sealed partial class ReferenceTests : IDisposable
{
    private readonly Tree _tree = new();

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void The_command_reference_in_the_docs_is_the_program_s()
    {
        var file = Source("docs/commands.md");

        File.ReadAllText(file)
            .TrimEnd()
            .ShouldBe(
                Reference.Markdown(_tree.Root).TrimEnd(),
                "docs/commands.md is stale. Write it anew: codexctl reference > docs/commands.md"
            );
    }

    [Fact]
    public void A_line_that_begins_with_a_command_needs_no_other()
    {
        foreach (var command in _tree.Root.Subcommands)
        {
            Root.Create(_tree.App, [command.Name, "--help"]).Subcommands.ShouldHaveSingleItem().Name.ShouldBe(command.Name);
        }
        Root.Create(_tree.App, ["--version"]).Subcommands.ShouldBeEmpty();
        Root.Create(_tree.App, ["--quiet", "run"]).Subcommands.Count.ShouldBe(_tree.Root.Subcommands.Count);
        Root.Create(_tree.App, ["rum"]).Subcommands.Count.ShouldBe(_tree.Root.Subcommands.Count);
    }

    [Fact]
    public void The_readme_names_every_command_and_links_the_pages()
    {
        var readme = File.ReadAllText(Source("README.md"));
        var words = CodeSpan().Matches(readme).SelectMany(match => match.Value.Trim('`').Split(' ')).ToHashSet(StringComparer.Ordinal);

        foreach (var command in _tree.Root.Subcommands.Where(command => !command.Hidden))
        {
            words.ShouldContain(command.Name);
        }
        foreach (var page in Directory.EnumerateFiles(Source("docs"), "*.md"))
        {
            readme.ShouldContain($"(docs/{Path.GetFileName(page)})");
        }
    }

    [Fact]
    public void Every_command_has_a_manual_page_without_a_mistake()
    {
        var pages = Reference.ManPages(_tree.Root).ToList();

        pages.Select(page => page.Name).ShouldBe(Reference.Walk(_tree.Root, "codexctl").Select(found => found.Path.Replace(' ', '-')));
        foreach (var (name, page) in pages)
        {
            var lines = page.TrimEnd().Split('\n');
            lines[0].ShouldStartWith(".TH ", Case.Sensitive, name);
            lines.ShouldContain(".SH NAME", name);
            lines.ShouldContain(".SH SYNOPSIS", name);
            lines.ShouldContain(".SH EXAMPLES", name);
            lines.ShouldAllBe(line => line.Length > 0, name);
            // A request is one of those that we use; other lines begin with a letter, or with a dot that is taken for text.
            lines.Where(line => line[0] is '.' or '\'').ShouldAllBe(line => Request().IsMatch(line), name);
        }
    }

    [Fact]
    public async Task Groff_has_nothing_to_say_about_the_manual_pages()
    {
        if (!File.Exists("/usr/bin/groff"))
        {
            Assert.Skip("groff is not installed; the test before this one looks at the pages' structure.");
        }
        var start = new ProcessStartInfo("/usr/bin/groff", ["-man", "-ww", "-z", "-Tutf8"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var groff = Process.Start(start)!;
        foreach (var (_, page) in Reference.ManPages(_tree.Root))
        {
            await groff.StandardInput.WriteAsync(page);
        }
        groff.StandardInput.Close();
        var said = await groff.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await groff.WaitForExitAsync(TestContext.Current.CancellationToken);

        said.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(new[] { "rnu" }, "codexctl run")]
    [InlineData(new[] { "uninstal" }, "codexctl uninstall")]
    [InlineData(new[] { "run", "--imge", "x" }, "codexctl run --image")]
    [InlineData(new[] { "ls", "--jsn" }, "codexctl ls --json")]
    [InlineData(new[] { "images", "prnue" }, "codexctl images prune")]
    public void A_mistyped_word_is_answered_with_the_nearest(string[] typed, string meant)
    {
        var wrong = Root.Wrong(_tree.Parse(typed));

        wrong.Mend.ShouldNotBeNull().ShouldStartWith($"Did you mean {meant}?");
        wrong.ExitCode.ShouldBe(ExitCodes.Usage);
    }

    [GeneratedRegex("`[^`\n]+`", RegexOptions.NonBacktracking)]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"^\.(?:TH|SH|TP|B|I|BR)\b", RegexOptions.NonBacktracking)]
    private static partial Regex Request();

    private static string Source(string path, [CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../..", path));
}
