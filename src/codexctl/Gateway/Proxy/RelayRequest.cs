using Codexctl.Gateway.Egress;

namespace Codexctl.Gateway.Proxy;

/// <summary>A request that was found proper, and how it goes to the server.</summary>
internal sealed record RelayRequest(
    string Method,
    bool Http11,
    bool KeepAlive,
    bool Upgrade,
    (Framing Framing, long Length) Body,
    byte[] Head
)
{
    public static RelayRequest From(MessageHead head, Uri target)
    {
        var http11 = head.Third is "HTTP/1.1";
        if (head.Values("Host").Count() is var hosts && (hosts > 1 || (hosts == 0 && http11)))
        {
            throw new MalformedMessageException("there must be one Host header");
        }
        if (head.First is "CONNECT")
        {
            throw new MalformedMessageException("this is a model server's address and no HTTP proxy");
        }
        var body = head.Body(http11);
        var protocols = Protocols(head);
        var named = head.Elements("Connection").ToHashSet(StringComparer.OrdinalIgnoreCase);
        var headers = new List<KeyValuePair<string, string>> { new("Host", target.Authority) };
        headers.AddRange(head.EndToEnd("Host", "Content-Length"));
        headers.AddRange(PlainHttp.FramingHeaders(body));
        headers.AddRange(Trailers(head, body));
        var connection = new List<string>();
        if (head.Elements("TE").Any(element => element.Split(';')[0].Trim().Equals("trailers", StringComparison.OrdinalIgnoreCase)))
        {
            headers.Add(new("TE", "trailers"));
            connection.Add("TE");
        }
        if (protocols.Length > 0)
        {
            headers.Add(new("Upgrade", protocols));
            connection.Add("Upgrade");
        }
        if (connection.Count > 0)
        {
            headers.Add(new("Connection", string.Join(", ", connection)));
        }
        return new RelayRequest(
            head.First,
            http11,
            http11 && !named.Contains("close"),
            protocols.Length > 0,
            body,
            MessageHead.Write($"{head.First} {PathOf(head.Second, target)} HTTP/1.1", headers)
        );
    }

    /// <summary>The names of what may follow a chunked body; the pieces themselves are passed on as they come.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Trailers(MessageHead head, (Framing Framing, long Length) body) =>
        body.Framing == Framing.Chunked
            ? head.Headers.Where(header => header.Key.Equals("Trailer", StringComparison.OrdinalIgnoreCase))
            : [];

    // An offer of h2c needs no answer: whoever makes it goes on with HTTP/1.1.
    private static string Protocols(MessageHead head) =>
        string.Join(", ", head.Elements("Upgrade").Where(protocol => !protocol.Equals("h2c", StringComparison.OrdinalIgnoreCase)));

    private static string PathOf(string asked, Uri target)
    {
        var prefix = target.AbsolutePath.TrimEnd('/');
        if (asked is "*" || asked.StartsWith('/'))
        {
            return asked is "*" ? asked : prefix + asked;
        }
        // A client that takes us for its HTTP proxy writes the whole address; the server is ours to choose.
        var path = asked.IndexOf("://", StringComparison.Ordinal) is var scheme and > 0 ? asked.IndexOfAny(['/', '?'], scheme + 3) : -2;
        return path switch
        {
            -2 => throw new MalformedMessageException("the target is neither a path nor an address"),
            -1 => prefix + "/",
            _ => prefix + (asked[path] == '?' ? "/" : "") + asked[path..],
        };
    }
}
