using System.Globalization;

namespace Codexctl.Gateway.Egress;

/// <summary>Where a proxy request wants to go: the host as it was written, the port, and what to ask there.</summary>
internal sealed record Target(string Host, int Port, string PathAndQuery)
{
    /// <summary>`host:port` of CONNECT. The port is not optional there.</summary>
    public static Target ParseAuthority(string text)
    {
        var (host, port) = Split(text);
        return new Target(host, port ?? throw new MalformedMessageException("CONNECT needs a port"), "");
    }

    /// <summary>`http://host[:port]/path`. Everything else that is a whole address has its own words.</summary>
    public static Target ParseAbsolute(string text, string method)
    {
        const string http = "http://";
        if (text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            throw new MalformedMessageException("https goes through this proxy by CONNECT");
        }
        if (!text.StartsWith(http, StringComparison.OrdinalIgnoreCase))
        {
            throw new MalformedMessageException("this proxy takes http:// addresses and CONNECT");
        }
        var rest = text[http.Length..];
        if (rest.Contains('#'))
        {
            throw new MalformedMessageException("the address has a fragment");
        }
        var end = rest.IndexOfAny(['/', '?']);
        var (host, port) = Split(end < 0 ? rest : rest[..end]);
        var path = end < 0 ? "" : rest[end..];
        return new Target(
            host,
            port ?? 80,
            path switch
            {
                "" => method is "OPTIONS" ? "*" : "/",
                ['?', ..] => "/" + path,
                _ => path,
            }
        );
    }

    private static (string Host, int? Port) Split(string authority)
    {
        if (authority.Contains('@'))
        {
            throw new MalformedMessageException("the address has a user name in it");
        }
        var colon = authority.LastIndexOf(':');
        // Of a bracketed IPv6 address the last colon may be inside.
        if (colon < 0 || (authority.StartsWith('[') && authority.EndsWith(']')))
        {
            return (NotEmpty(authority), null);
        }
        return
            authority.Length - colon <= 6
            && int.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= 65535
            ? (NotEmpty(authority[..colon]), port)
            : throw new MalformedMessageException("the port is not a number from 1 to 65535");
    }

    private static string NotEmpty(string host) =>
        host.Length is > 0 and <= 1024 ? host : throw new MalformedMessageException("the address has no host");
}
