using Codexctl.Tests.Commands;

namespace Codexctl.Tests.Docs;

/// <summary>What the documentation tells to type; the end-to-end tests run it.</summary>
public sealed class DocCommandsTests : IDisposable
{
    private readonly Tree _tree = new();

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void Every_command_line_of_codexctl_in_the_docs_is_one_that_it_takes()
    {
        var lines = DocCommands.All.Where(command => ShellLine.Commands(command.Typed).Any()).ToList();

        lines.Count.ShouldBeGreaterThan(100);
        foreach (var command in lines)
        {
            foreach (var words in ShellLine.Commands(command.Typed))
            {
                var parsed = _tree.Parse([.. words.Skip(1)]);

                parsed.Errors.Select(error => error.Message).ShouldBeEmpty(command.ToString());
                parsed.UnmatchedTokens.ShouldBeEmpty(command.ToString());
            }
        }
    }

    [Fact]
    public void No_exception_is_left_over()
    {
        foreach (var pattern in DocExceptions.Patterns)
        {
            DocCommands.All.ShouldContain(
                command => DocExceptions.Fits(command.Line, pattern),
                $"No line of the docs needs the exception {pattern} any more."
            );
        }
    }

    [Fact]
    public void Lines_are_found_in_blocks_and_in_the_text()
    {
        string[] page =
        [
            "Type `codexctl run --shell` or `docker ps`, not **`codexctl refuses …`** nor `codexctl` alone.",
            "",
            "    codexctl models pull NAME [--server X]   # a comment",
            "    codexctl: what it says",
            "```toml",
            "engine = \"docker\"",
            "```",
            "```",
            "frobnicate --now",
            "```",
        ];

        DocCommands
            .In("page", page)
            .Select(command => command.Typed)
            .ShouldBe(["codexctl run --shell", "docker ps", "codexctl models pull gpt-oss:20b", "frobnicate --now"]);
    }
}
