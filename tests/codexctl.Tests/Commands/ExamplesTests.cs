using Codexctl.Commands;
using Codexctl.Tests.Docs;

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
            foreach (var line in Examples.Of(command).SelectMany(example => ShellLine.Commands(example.Line)))
            {
                var parsed = _tree.Parse([.. line.Skip(1)]);

                parsed.Errors.Select(error => error.Message).ShouldBeEmpty($"{path}: {string.Join(' ', line)}");
                parsed.UnmatchedTokens.ShouldBeEmpty($"{path}: {string.Join(' ', line)}");
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
    [InlineData("codexctl run --allow '*.a.b:1' ''", new[] { "codexctl", "run", "--allow", "*.a.b:1", "" })]
    [InlineData("codexctl completion zsh > file", new[] { "codexctl", "completion", "zsh" })]
    public void Words_are_cut_as_a_shell_does(string line, string[] words) => ShellLine.Words(line).ShouldBe(words);
}
