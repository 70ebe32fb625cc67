using Codexctl.Commands;

namespace Codexctl.Tests.Commands;

public class PassthroughTests
{
    private static Passthrough Split(string line) => Passthrough.Split(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    [Theory]
    [InlineData("run", "run", RestKind.None, "")]
    [InlineData("run --name x --temp", "run --name x --temp", RestKind.None, "")]
    [InlineData("run --cmd bash -c ls --name y", "run", RestKind.Cmd, "bash -c ls --name y")]
    [InlineData("run --temp --cmd", "run --temp", RestKind.Cmd, "")]
    [InlineData("run --cmd=bash -x", "run", RestKind.Cmd, "bash -x")]
    [InlineData("run --name x -- exec hello --cmd", "run --name x", RestKind.DoubleDash, "exec hello --cmd")]
    [InlineData("run --cmd -- x", "run", RestKind.Cmd, "-- x")]
    [InlineData("exec", "exec", RestKind.None, "")]
    [InlineData("exec ls -la --name z", "exec", RestKind.Words, "ls -la --name z")]
    [InlineData("exec --name x ls", "exec --name x", RestKind.Words, "ls")]
    [InlineData("exec --name=x ls", "exec --name=x", RestKind.Words, "ls")]
    [InlineData("exec --engine docker --workdir /a -- ls -l", "exec --engine docker --workdir /a", RestKind.DoubleDash, "ls -l")]
    [InlineData("su-exec apk add x", "su-exec", RestKind.Words, "apk add x")]
    [InlineData("exec --bogus ls", "exec --bogus", RestKind.Words, "ls")]
    [InlineData("ls --json", "ls --json", RestKind.None, "")]
    [InlineData("rm -- x", "rm -- x", RestKind.None, "")]
    public void What_belongs_to_the_box_is_cut_off(string line, string parsed, RestKind kind, string rest)
    {
        var split = Split(line);
        string.Join(' ', split.Parsed).ShouldBe(parsed);
        split.Kind.ShouldBe(kind);
        string.Join(' ', split.Rest).ShouldBe(rest);
    }

    [Fact]
    public void Nothing_typed_is_nothing_cut() => Passthrough.Split([]).Kind.ShouldBe(RestKind.None);
}
