using System.Text;
using Codexctl.Gateway.ModelRoute;
using CsCheck;

namespace Codexctl.Tests.Gateway.ModelRoute;

public class EventSplitterTests
{
    [Fact]
    public void Nothing_is_lost_or_changed_at_any_cut()
    {
        string[] words = ["data: a", "\n", "\n\n", "\r\n", "\r\n\r\n", "\r", "\r\r", "event: long" + new string('x', 9000)];
        var piece = Gen.Int[0, words.Length - 1].Select(i => words[i]);
        Gen.Select(piece.Array[0, 30], Gen.Int[1, 5000])
            .Sample(
                (pieces, size) =>
                {
                    var all = Encoding.UTF8.GetBytes(string.Concat(pieces));
                    var (events, rest) = Split(all, size);
                    var joined = string.Concat(events) + rest;
                    // At a cut between CR and LF, the LF opens the event that follows.
                    return joined == Encoding.UTF8.GetString(all)
                        && events.All(one => (one.EndsWith('\n') || one.EndsWith('\r')) && !Lines(one.Trim('\r', '\n')).Contains(""));
                },
                iter: 500
            );
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public void Every_end_of_line_of_the_standard_ends_an_event_as_soon_as_it_is_there(string end)
    {
        var text = $"event: a{end}data: 1{end}{end}: said nothing{end}{end}data: 2{end}{end}";
        for (var size = 1; size <= text.Length; size++)
        {
            var (events, rest) = Split(Encoding.UTF8.GetBytes(text), size);
            events
                .Select(one => one.Trim('\r', '\n'))
                .ShouldBe([$"event: a{end}data: 1", ": said nothing", "data: 2"], $"in pieces of {size}");
            rest.ShouldBeOneOf("", "\n");
        }
    }

    private static string[] Lines(string text) =>
        text.Length == 0 ? [] : text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n').Split('\n');

    private static (List<string> Events, string Left) Split(byte[] all, int size)
    {
        var splitter = new EventSplitter();
        var events = new List<string>();
        for (var at = 0; at < all.Length; )
        {
            var room = splitter.Room();
            var count = Math.Min(Math.Min(size, room.Length), all.Length - at);
            all.AsMemory(at, count).CopyTo(room);
            splitter.Filled(count);
            at += count;
            while (splitter.TryTake(out var one))
            {
                events.Add(Encoding.UTF8.GetString(one.Span));
            }
        }
        return (events, Encoding.UTF8.GetString(splitter.Rest.Span));
    }
}
