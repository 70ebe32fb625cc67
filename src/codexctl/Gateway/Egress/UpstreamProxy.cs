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

    // A record would print it.
    public override string ToString() => $"{Host}:{Port}";
}
