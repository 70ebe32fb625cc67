using System.Text;
using Codexctl.Commands;

namespace Codexctl.Tests.Commands;

public sealed class ExamplesTests : IDisposable
{
    private readonly Tree _tree = new();

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void Every_command_that_can_be_seen_has_an_example_of_itself()
    {
        var all = Reference.Walk(_tree.Root, "codexctl").ToList();

        all.Count.ShouldBeGreaterThan(40);
        foreach (var (path, command) in all)
        {
            var examples = Examples.Of(command);
            examples.Count.ShouldBeGreaterThan(0, path);
            examples.ShouldAllBe(example => example.What.Length > 0 && !example.What.EndsWith('.'), path);
            if (command.Action is not null)
            {
                examples.ShouldContain(example => example.Line.Contains(path, StringComparison.Ordinal), path);
            }
        }
    }

    [Fact]
    public void Every_example_of_codexctl_is_a_command_line_that_it_takes()
    {
        foreach (var (path, command) in Reference.Walk(_tree.Root, "codexctl"))
        {
            foreach (var line in Examples.Of(command).SelectMany(example => Commands(example.Line)))
            {
                var parsed = _tree.Parse([.. Words(line).Skip(1)]);

                parsed.Errors.Select(error => error.Message).ShouldBeEmpty($"{path}: {line}");
                parsed.UnmatchedTokens.ShouldBeEmpty($"{path}: {line}");
            }
        }
    }

    [Fact]
    public void Help_ends_with_the_examples()
    {
        var output = new StringWriter();
        _tree.Parse("models", "pull", "--help").Invoke(new System.CommandLine.InvocationConfiguration { Output = output });

        output.ToString().TrimEnd().ShouldContain("Examples:\n  codexctl models pull gpt-oss:20b\n      Get a model");
    }

    [Theory]
    [InlineData("codexctl run -- exec \"find it\"", new[] { "codexctl", "run", "--", "exec", "find it" })]
    [InlineData("codexctl completion zsh > file", new[] { "codexctl", "completion", "zsh" })]
    public void Words_are_cut_as_a_shell_does(string line, string[] words) => Words(line).ShouldBe(words);

    /// <summary>The commands of codexctl in a line, which may hand on to another or be in a `&lt;(…)`.</summary>
    private static IEnumerable<string> Commands(string line) =>
        line.Split(["&&", "<("], StringSplitOptions.TrimEntries)
            .Select(part => part.TrimEnd(')'))
            .Where(part => part == "codexctl" || part.StartsWith("codexctl ", StringComparison.Ordinal));

    private static List<string> Words(string line)
    {
        List<string> words = [];
        var word = new StringBuilder();
        var quoted = false;
        foreach (var letter in line + " ")
        {
            if (letter == '"')
            {
                quoted = !quoted;
            }
            else if (quoted || letter is not (' ' or '>' or '<' or '|'))
            {
                word.Append(letter);
            }
            else
            {
                if (word.Length > 0)
                {
                    words.Add(word.ToString());
                    word.Clear();
                }
                if (letter != ' ')
                {
                    break;
                }
            }
        }
        return words;
    }
}
