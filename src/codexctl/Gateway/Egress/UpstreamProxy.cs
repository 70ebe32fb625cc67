using System.Text;

namespace Codexctl.Gateway.Egress;

/// <summary>
/// The proxy that the host itself must use (a company's). Everything allowed is then sent through it, by name: it looks the
/// names up, so the addresses behind them cannot be checked here. Names of this machine and its network, and addresses, stay refused.
/// </summary>
/// <param name="Authorization">The value of Proxy-Authorization; null for none. A secret.</param>
public sealed record UpstreamProxy(string Host, int Port, string? Authorization)
{
    /// <summary>Reads the value of HTTPS_PROXY or HTTP_PROXY: `[http://][USER:PASSWORD@]HOST[:PORT]`.</summary>
    public static UpstreamProxy Parse(string text)
    {
        var whole = text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text;
        if (
            !Uri.TryCreate(whole, UriKind.Absolute, out var uri)
            || !string.Equals(uri.Scheme, "http", StringComparison.Ordinal)
            || uri.Host.Length == 0
        )
        {
            // The text may hold a password: it is not repeated.
            throw new UserError(
                "The proxy that HTTPS_PROXY or HTTP_PROXY names cannot be used.",
                "It must be an http:// address.",
                "Set it to http://HOST:PORT, or unset it for codexctl."
            );
        }
        var authorization =
            uri.UserInfo.Length == 0
                ? null
                : "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(Uri.UnescapeDataString(uri.UserInfo)));
        return new UpstreamProxy(uri.IdnHost, uri.Port, authorization);
    }

    /// <summary>NO_PROXY: hosts that the host reaches without the proxy. Their addresses are checked as without any.</summary>
    public IReadOnlyList<string> Except { get; init; } = [];

    /// <summary>Whether a host is reached without the proxy: by its name, a domain above it (with or without a leading dot), or `*`.</summary>
    public bool Spares(string host, int port) =>
        Except.Any(entry =>
        {
            var text = entry.Trim().ToLowerInvariant();
            var colon = text.LastIndexOf(':');
            if (colon > 0 && text[(colon + 1)..] != port.ToString(System.Globalization.CultureInfo.InvariantCulture))
            {
                return false;
            }
            var name = (colon > 0 ? text[..colon] : text).TrimStart('*').TrimStart('.');
            return text is "*" || (name.Length > 0 && (host == name || host.EndsWith("." + name, StringComparison.Ordinal)));
        });

    // A record would print it.
    public override string ToString() => $"{Host}:{Port}";
}
