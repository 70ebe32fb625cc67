using System.Buffers;

namespace Codexctl.Gateway.Egress;

/// <summary>What the first bytes of a connection say about who should serve it.</summary>
public enum Sniff
{
    /// <summary>Not enough bytes yet.</summary>
    NeedMore,

    /// <summary>A proxy request: CONNECT, or a target that is a whole address.</summary>
    Egress,

    /// <summary>Anything else, nonsense too: the HTTP server's.</summary>
    Http,
}

/// <summary>Tells proxy requests from plain ones by the first request line, as early as it can be told. Pure.</summary>
public static class EgressSniffer
{
    private const int LongestMethod = 32;

    /// <summary>
    /// A plain request's target begins with `/` (or is `*`); a proxy request's with a letter. CONNECT is always a proxy request.
    /// At most 34 bytes are looked at.
    /// </summary>
    public static Sniff Look(in ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        Span<byte> method = stackalloc byte[LongestMethod];
        for (var length = 0; reader.TryRead(out var next); length++)
        {
            if (next == ' ')
            {
                return length == 0 ? Sniff.Http
                    : method[..length].SequenceEqual("CONNECT"u8) ? Sniff.Egress
                    : !reader.TryPeek(out var target) ? Sniff.NeedMore
                    : char.IsAsciiLetter((char)target) ? Sniff.Egress
                    : Sniff.Http;
            }
            if (length == LongestMethod || !HeadParser.IsTokenByte(next))
            {
                return Sniff.Http;
            }
            method[length] = next;
        }
        return Sniff.NeedMore;
    }
}
