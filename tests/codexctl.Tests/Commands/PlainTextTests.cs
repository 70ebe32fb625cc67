using Codexctl.Terminal;

namespace Codexctl.Tests.Commands;

public class PlainTextTests
{
    [Theory]
    [InlineData("a\u001b]0;x\u0007b\u009bc", "a\\u001B]0;x\\u0007b\\u009Bc")]
    [InlineData("evil\u202Etxt.exe\u200B", "evil\\u202Etxt.exe\\u200B")]
    [InlineData("tag\U000E0041", "tag\\uE0041")]
    [InlineData("one\r\ntwo\tthree ü 🙂", "one\ntwo\tthree ü 🙂")]
    public void Nothing_that_is_said_commands_the_terminal(string text, string plain)
    {
        Codexctl.Terminal.Terminal.Plain(text).ShouldBe(plain);
        var said = new StringWriter();
        var terminal = new Codexctl.Terminal.Terminal(new StringWriter(), said, isInteractive: false, talksToPerson: true);
        terminal.Say(text);
        terminal.Fail(text, null, null);
        said.ToString().ShouldBe($"codexctl: {plain}\ncodexctl: {plain}\n");
    }

    [Fact]
    public void A_cell_of_a_table_is_one_line()
    {
        var written = new StringWriter();
        Table.Write(
            new Codexctl.Terminal.Terminal(written, new StringWriter(), isInteractive: false, talksToPerson: false),
            drawn: false,
            ["FOLDER"],
            [
                ["/a\tb\nfake\u001b[2J", "x"],
            ]
        );
        written.ToString().ShouldBe("/a\\tb\\nfake\\u001B[2J\tx\n");
    }
}
