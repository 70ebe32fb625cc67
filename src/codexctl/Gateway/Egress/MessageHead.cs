using System.Globalization;
using System.Text;

namespace Codexctl.Gateway.Egress;

/// <summary>A message that breaks the rules of HTTP/1.1 framing; the words go to the peer.</summary>
internal sealed class MalformedMessageException(string reason) : Exception(reason);

/// <summary>How a message's body ends.</summary>
internal enum Framing
{
    None,
    Length,
    Chunked,

    /// <summary>Responses only: the end of the connection.</summary>
    UntilClose,
}

/// <summary>The start line, split in three, and the headers of an HTTP/1 message, in their order.</summary>
internal sealed record MessageHead(string First, string Second, string Third, IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    // What belongs to one connection and not to the message (RFC 9110, 7.6.1), and what is said to proxies.
    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "Connection",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
        "HTTP2-Settings",
    };

    private static readonly string[] NeverHopByHop = ["Host", "Content-Length", "Transfer-Encoding", "Content-Encoding", "Content-Type"];

    public IEnumerable<string> Values(string name) =>
        Headers.Where(header => string.Equals(header.Key, name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value);

    public bool Has(string name) => Values(name).Any();

    /// <summary>The comma-separated elements of a list header, trimmed.</summary>
    public IEnumerable<string> Elements(string name) =>
        Values(name).SelectMany(value => value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    /// <summary>
    /// The body's framing as the headers tell it. Whatever two parsers could read in two ways is malformed: both kinds at once,
    /// a length twice (even the same one), a coding other than exactly "chunked".
    /// </summary>
    public (Framing Framing, long Length) Body(bool http11)
    {
        var lengths = Values("Content-Length").ToList();
        var codings = Values("Transfer-Encoding").ToList();
        if (lengths.Count + codings.Count > 1)
        {
            throw new MalformedMessageException("more than one header says how long the body is");
        }
        if (codings is [var coding])
        {
            if (!http11 || !string.Equals(coding, "chunked", StringComparison.OrdinalIgnoreCase))
            {
                throw new MalformedMessageException("the transfer coding is not chunked");
            }
            return (Framing.Chunked, 0);
        }
        if (lengths is [var length])
        {
            if (length.Length is 0 or > 18 || !length.All(char.IsAsciiDigit))
            {
                throw new MalformedMessageException("the content length is not a number");
            }
            return (Framing.Length, long.Parse(length, CultureInfo.InvariantCulture));
        }
        return (Framing.None, 0);
    }

    /// <summary>The headers that travel on: without hop-by-hop ones, those that Connection names, and the peer's talk with its proxy.</summary>
    public IEnumerable<KeyValuePair<string, string>> EndToEnd(params string[] without)
    {
        var named = new HashSet<string>(Elements("Connection"), StringComparer.OrdinalIgnoreCase);
        if (NeverHopByHop.Any(named.Contains))
        {
            // Taking such a header away would change what the message means: a known way to smuggle.
            throw new MalformedMessageException("the Connection header names a header that belongs to the message");
        }
        return Headers.Where(header =>
            !HopByHop.Contains(header.Key)
            && !named.Contains(header.Key)
            && !header.Key.StartsWith("Proxy-", StringComparison.OrdinalIgnoreCase)
            && !without.Contains(header.Key, StringComparer.OrdinalIgnoreCase)
        );
    }

    /// <summary>Header bytes are kept as they came: one char a byte, both ways.</summary>
    public static byte[] Write(string startLine, IEnumerable<KeyValuePair<string, string>> headers)
    {
        var text = new StringBuilder(startLine).Append("\r\n");
        foreach (var (name, value) in headers)
        {
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        }
        return Encoding.Latin1.GetBytes(text.Append("\r\n").ToString());
    }
}
