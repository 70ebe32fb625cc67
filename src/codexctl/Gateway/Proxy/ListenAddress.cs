using System.Globalization;
using System.Net;

namespace Codexctl.Gateway.Proxy;

/// <summary>Reads what is typed after --listen: ADDRESS:PORT, [IPV6]:PORT, localhost:PORT, or a port alone (on loopback).</summary>
public static class ListenAddress
{
    /// <exception cref="UserError">It is no address to listen on.</exception>
    public static IPEndPoint Parse(string text)
    {
        var trimmed = text.Trim();
        var colon = trimmed.LastIndexOf(':');
        var (host, port) = colon < 0 ? ("127.0.0.1", trimmed) : (trimmed[..colon], trimmed[(colon + 1)..]);
        return int.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= IPEndPoint.MaxPort
            ? new IPEndPoint(Address(host, text), number)
            : throw Wrong(text);
    }

    private static IPAddress Address(string host, string text)
    {
        if (host is "localhost")
        {
            return IPAddress.Loopback;
        }
        var bracketed = host.StartsWith('[') && host.EndsWith(']');
        // An IPv6 address without brackets would take a part of itself for the port; and 1.2 is not to mean 1.0.0.2.
        return
            IPAddress.TryParse(bracketed ? host[1..^1] : host, out var address)
            && (bracketed ? host.Contains(':') : host.Count(c => c == '.') == 3 && !host.Contains(':'))
            ? address
            : throw Wrong(text);
    }

    private static UserError Wrong(string text) =>
        new(
            $"\"{text}\" is no address to listen on.",
            "It takes an IP address of this computer and a port.",
            "Write it as in 127.0.0.1:8080 or 192.168.64.1:11434; for every address of this computer: 0.0.0.0:8080",
            ExitCodes.Usage
        );
}
