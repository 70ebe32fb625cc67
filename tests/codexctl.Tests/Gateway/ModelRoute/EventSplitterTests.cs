using System.Text;
using Codexctl.Gateway.ModelRoute;
using CsCheck;

namespace Codexctl.Tests.Gateway.ModelRoute;

public class EventSplitterTests
{
    [Fact]
    public void Nothing_is_lost_or_changed_at_any_cut()
    {
        var piece = Gen.Int[0, 5]
            .Select(i => (string[])["data: a", "\n", "\n\n", "\r\n", "\r\n\r\n", "event: long" + new string('x', 9000)])
            .SelectMany(words => Gen.Int[0, 5].Select(i => words[i]));
        Gen.Select(piece.Array[0, 30], Gen.Int[1, 5000])
            .Sample(
                (pieces, size) =>
                {
                    var all = Encoding.UTF8.GetBytes(string.Concat(pieces));
                    using var splitter = new EventSplitter();
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
                    var joined = string.Concat(events) + Encoding.UTF8.GetString(splitter.Rest.Span);
                    return joined == Encoding.UTF8.GetString(all)
                        && events.All(one =>
                            one.EndsWith('\n') && !one.TrimEnd('\r', '\n').Replace("\r\n", "\n", StringComparison.Ordinal).Contains("\n\n")
                        );
                },
                iter: 500
            );
    }
}
