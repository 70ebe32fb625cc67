using System.Text.Json.Nodes;
using Codexctl.Terminal;

namespace Codexctl.Tests;

public class VisibleTextTests
{
    // OSC 52 writes the clipboard, OSC 0 the title; then a CSI in one character, a return, a turn of direction.
    private const string Evil = "a\x1b]52;c;ZXZpbA==\a\x1b]0;t\x1b\\\u009b31m\rb\u202ec\u2066d\u061ce";

    [Fact]
    public void Nothing_that_a_terminal_obeys_is_left()
    {
        var clean = VisibleText.Clean(Evil);
        clean.Where(c => char.IsControl(c) || char.GetUnicodeCategory(c) == System.Globalization.UnicodeCategory.Format).ShouldBeEmpty();
        clean.ShouldStartWith("a␛]52;c;ZXZpbA==␇");
        VisibleText.Clean("two\nlines, ünïcode, 🙂👩‍👩‍👧").ShouldBe("two\nlines, ünïcode, 🙂👩‍👩‍👧");
        VisibleText.Line("two\nlines").ShouldBe("two␊lines");
    }

    [Fact]
    public void Json_means_the_same_afterwards()
    {
        var json = new JsonObject { ["text"] = Evil }.ToJsonString(Codexctl.Gateway.Recording.RecordLine.Relaxed);
        var clean = VisibleText.Json(json);
        clean.ShouldNotContain('\u202e');
        ((string)JsonNode.Parse(clean)!["text"]!).ShouldBe(Evil);
    }

    [Theory, InlineData(true), InlineData(false)]
    public void Sentences_errors_and_cells_of_tables_are_cleaned(bool quiet)
    {
        var (output, error) = (new StringWriter(), new StringWriter());
        var terminal = new Codexctl.Terminal.Terminal(output, error, isInteractive: false, talksToPerson: false) { Quiet = quiet };
        terminal.Say(Evil);
        terminal.Fail(Evil, Evil, Evil);
        Table.Write(
            terminal,
            drawn: false,
            ["A", "B"],
            [
                [Evil + "\n\t", "b"],
            ]
        );
        (output.ToString() + error.ToString()).Where(c => char.IsControl(c) && c is not ('\n' or '\t')).ShouldBeEmpty();
        output.ToString().Split('\n').Length.ShouldBe(2, "a row is a line");
        output.ToString().Count(c => c == '\t').ShouldBe(1, "a cell is a cell");
    }
}
