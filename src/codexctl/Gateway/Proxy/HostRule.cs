using System.Net;

namespace Codexctl.Gateway.Proxy;

/// <summary>
/// Which names clients may use for the proxy. It tells the model server a Host of its own, and with that takes away the server's guard against
/// web pages whose name suddenly leads to this computer (DNS rebinding); so the guard stands here: an address, or a name that nobody can register.
/// </summary>
internal sealed class HostRule(IEnumerable<string> more)
{
    private static readonly string[] _near = [".localhost", ".local", ".internal", ".lan", ".home.arpa"];

    private readonly HashSet<string> _more = new(more.Select(Bare), StringComparer.OrdinalIgnoreCase);

    /// <summary>Null when it may be used; else why not, a sentence.</summary>
    /// <param name="host">The Host header, or :authority; null or empty for none.</param>
    public string? Refuse(string? host)
    {
        if (string.IsNullOrEmpty(host))
        {
            return null;
        }
        var name = Bare(host);
        var fine =
            IPAddress.TryParse(name.Trim('[', ']'), out _)
            || !name.Contains('.')
            || _near.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase))
            || _more.Contains(name);
        return fine
            ? null
            : $"codexctl refuses the host name {name}: a web page with that name could be behind this request. "
                + $"Use this computer's address, or start codexctl proxy with --allow-host {name}";
    }

    private static string Bare(string host)
    {
        var text = host.Trim();
        var colon = text.LastIndexOf(':');
        // The last colon of a bare IPv6 address is none of a port.
        var name = colon > 0 && (text[colon - 1] == ']' || text.IndexOf(':') == colon) ? text[..colon] : text;
        return name.TrimEnd('.').ToLowerInvariant();
    }
}
