using System.Buffers;
using System.Text;
using Codexctl.Gateway.Egress;
using CsCheck;

namespace Codexctl.Tests.Gateway.Egress;

public class EgressSnifferTests
{
    [Theory]
    [InlineData("", Sniff.NeedMore)]
    [InlineData("C", Sniff.NeedMore)]
    [InlineData("CONNECT", Sniff.NeedMore)]
    [InlineData("CONNECT ", Sniff.Egress)]
    [InlineData("CONNECT a:443 HTTP/1.1\r\n", Sniff.Egress)]
    [InlineData("CONNECT /", Sniff.Egress)]
    [InlineData("CONNECTED /", Sniff.Http)]
    [InlineData("GET", Sniff.NeedMore)]
    [InlineData("GET ", Sniff.NeedMore)]
    [InlineData("GET /", Sniff.Http)]
    [InlineData("GET /v1/models HTTP/1.1\r\n", Sniff.Http)]
    [InlineData("GET http://a/ HTTP/1.1\r\n", Sniff.Egress)]
    [InlineData("GET h", Sniff.Egress)]
    [InlineData("GET HTTP://A/", Sniff.Egress)]
    [InlineData("GET ftp://a/", Sniff.Egress)]
    [InlineData("POST https://a/", Sniff.Egress)]
    [InlineData("OPTIONS *", Sniff.Http)]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Sniff.Http)]
    [InlineData(" ", Sniff.Http)]
    [InlineData("\r\n", Sniff.Http)]
    [InlineData("\u0016\u0003\u0001", Sniff.Http)]
    [InlineData("GET  http://a/", Sniff.Http)]
    [InlineData("GET\thttp://a/", Sniff.Http)]
    [InlineData("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", Sniff.NeedMore)]
    [InlineData("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG", Sniff.Http)]
    public void Tells_proxy_requests_from_plain_ones(string bytes, Sniff expected) =>
        EgressSniffer.Look(new ReadOnlySequence<byte>(Encoding.Latin1.GetBytes(bytes))).ShouldBe(expected);

    [Fact]
    public void Once_decided_more_bytes_change_nothing_and_pieces_do_not_matter() =>
        Gen.OneOf(
                Gen.Byte.Array[0, 60],
                Gen.OneOf(
                    new[] { "CONNECT a:1 HTTP/1.1\r\n", "GET http://a/ HTTP/1.1", "GET / HTTP/1.1", "X " }
                        .Select(text => Gen.Const(Encoding.ASCII.GetBytes(text)))
                        .ToArray()
                )
            )
            .Sample(bytes =>
            {
                var decided = Sniff.NeedMore;
                for (var length = 0; length <= bytes.Length; length++)
                {
                    var now = EgressSniffer.Look(Split(bytes.AsMemory(0, length)));
                    if (decided != Sniff.NeedMore && now != decided)
                    {
                        return false;
                    }
                    decided = now;
                }
                return decided != Sniff.NeedMore || bytes.Length <= 33;
            });

    // Every byte its own segment.
    private static ReadOnlySequence<byte> Split(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return ReadOnlySequence<byte>.Empty;
        }
        var first = new Segment(bytes[..1], 0);
        var last = first;
        for (var at = 1; at < bytes.Length; at++)
        {
            last = last.Append(bytes.Slice(at, 1));
        }
        return new ReadOnlySequence<byte>(first, 0, last, 1);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, long index) => (Memory, RunningIndex) = (memory, index);

        public Segment Append(ReadOnlyMemory<byte> memory)
        {
            var next = new Segment(memory, RunningIndex + 1);
            Next = next;
            return next;
        }
    }
}
