using System.Net;
using System.Net.Sockets;

namespace Codexctl.Policy;

/// <summary>
/// Which addresses a box may reach at all: those of the public internet. Everything else (this machine, its networks,
/// clouds' metadata services, and every way of writing an IPv4 address inside an IPv6 one) never, whatever is allowed by name.
/// </summary>
public static class AddressRules
{
    // IANA's registries of special-purpose addresses, July 2025, as far as they are not plainly public.
    private static readonly (IPNetwork Network, string What)[] Version4 =
    [
        (IPNetwork.Parse("0.0.0.0/8"), "unspecified"),
        (IPNetwork.Parse("10.0.0.0/8"), "private"),
        (IPNetwork.Parse("100.64.0.0/10"), "shared by a carrier (CGNAT)"),
        (IPNetwork.Parse("127.0.0.0/8"), "loopback"),
        (IPNetwork.Parse("169.254.0.0/16"), "link-local"),
        (IPNetwork.Parse("172.16.0.0/12"), "private"),
        (IPNetwork.Parse("192.0.0.0/24"), "reserved for protocols"),
        (IPNetwork.Parse("192.0.2.0/24"), "for documentation"),
        (IPNetwork.Parse("192.88.99.0/24"), "a 6to4 relay"),
        (IPNetwork.Parse("192.168.0.0/16"), "private"),
        (IPNetwork.Parse("198.18.0.0/15"), "for benchmarks"),
        (IPNetwork.Parse("198.51.100.0/24"), "for documentation"),
        (IPNetwork.Parse("203.0.113.0/24"), "for documentation"),
        (IPNetwork.Parse("224.0.0.0/4"), "multicast"),
        (IPNetwork.Parse("255.255.255.255/32"), "broadcast"),
        (IPNetwork.Parse("240.0.0.0/4"), "reserved"),
    ];

    private static readonly (IPNetwork Network, string What)[] Version6 =
    [
        (IPNetwork.Parse("::1/128"), "loopback"),
        (IPNetwork.Parse("::/128"), "unspecified"),
        (IPNetwork.Parse("::/96"), "an IPv4 address in disguise (compatible)"),
        (IPNetwork.Parse("64:ff9b::/96"), "an IPv4 address in disguise (NAT64)"),
        (IPNetwork.Parse("64:ff9b:1::/48"), "an IPv4 address in disguise (NAT64)"),
        (IPNetwork.Parse("fc00::/7"), "private (unique local)"),
        (IPNetwork.Parse("fe80::/10"), "link-local"),
        (IPNetwork.Parse("fec0::/10"), "private (site-local)"),
        (IPNetwork.Parse("ff00::/8"), "multicast"),
        (IPNetwork.Parse("2001::/32"), "a tunnel (Teredo)"),
        (IPNetwork.Parse("2001:2::/48"), "for benchmarks"),
        (IPNetwork.Parse("2001::/23"), "reserved for protocols"),
        (IPNetwork.Parse("2001:db8::/32"), "for documentation"),
        (IPNetwork.Parse("2002::/16"), "a tunnel (6to4)"),
        (IPNetwork.Parse("3fff::/20"), "for documentation"),
    ];

    private static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    /// <summary>What kind of forbidden address it is; null for a public one.</summary>
    public static string? Refuse(IPAddress address)
    {
        // A scope belongs to link-local and multicast addresses only; on any other it is somebody's trick, and it would upset the comparison below.
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && address.ScopeId != 0)
        {
            return address.IsIPv6Multicast ? "multicast"
                : address.IsIPv6LinkLocal ? "link-local"
                : "scoped";
        }
        switch (address.AddressFamily)
        {
            case AddressFamily.InterNetwork:
                return Find(Version4, address);
            case AddressFamily.InterNetworkV6:
                // Asked first: IPNetwork compares a mapped address as the IPv4 address that it hides.
                if (address.IsIPv4MappedToIPv6)
                {
                    return "an IPv4 address in disguise (mapped)";
                }
                // The unlisted rest of IPv6 is not assigned to anybody.
                return Find(Version6, address) ?? (GlobalUnicast.Contains(address) ? null : "reserved");
            default:
                return "of an unknown family";
        }
    }

    private static string? Find((IPNetwork Network, string What)[] table, IPAddress address)
    {
        foreach (var (network, what) in table)
        {
            if (network.Contains(address))
            {
                return what;
            }
        }
        return null;
    }
}
