using System.Net;

namespace Codexctl.AppleContainer;

/// <summary>One --network.</summary>
public sealed record NetworkSpec(string Name, string? Mac, int? Mtu);

/// <summary>--network, --publish and --publish-socket.</summary>
public static class Networks
{
    /// <summary>`none` alone gives an empty list; nothing at all the built-in network.</summary>
    public static IReadOnlyList<NetworkSpec> Parse(IReadOnlyList<string> texts)
    {
        if (texts.Count == 0)
        {
            return [new NetworkSpec("default", null, null)];
        }
        var networks = texts.Select(ParseOne).ToList();
        if (networks.Any(network => network.Name == "none"))
        {
            return networks.Count == 1 ? [] : throw new ContainerException("no other networks may be created along with network none");
        }
        return networks;
    }

    private static NetworkSpec ParseOne(string text)
    {
        var parts = text.Split(',');
        string? mac = null;
        int? mtu = null;
        foreach (var part in parts.Skip(1))
        {
            if (part.StartsWith("mac=", StringComparison.Ordinal) && IsMac(part[4..]))
            {
                mac = part[4..];
            }
            else if (
                part.StartsWith("mtu=", StringComparison.Ordinal)
                && int.TryParse(part[4..], out var value)
                && value is >= 1280 and <= 65535
            )
            {
                mtu = value;
            }
            else
            {
                throw new ContainerException($"invalid property format '{part}' in network specification '{text}'");
            }
        }
        return parts[0].Length == 0 ? throw new ContainerException("network name cannot be empty") : new NetworkSpec(parts[0], mac, mtu);
    }

    private static bool IsMac(string text) =>
        text.Split(':') is { Length: 6 } bytes && bytes.All(b => b.Length == 2 && b.All(char.IsAsciiHexDigit));

    /// <summary>[host-ip:]port[-port]:port[-port][/tcp|udp]</summary>
    public static void CheckPublish(IReadOnlyList<string> texts)
    {
        if (texts.Count > 64)
        {
            throw new ContainerException("cannot exceed more than 64 port publish descriptors");
        }
        foreach (var text in texts)
        {
            var slash = text.Split('/');
            var parts = slash[0].Split(':');
            var valid =
                slash.Length <= 2
                && (slash.Length == 1 || slash[1] is "tcp" or "udp")
                && parts.Length is 2 or 3
                && (parts.Length == 2 || IPAddress.TryParse(parts[0], out _))
                && Range(parts[^2]) is { } host
                && Range(parts[^1]) is { } container
                && host == container;
            if (!valid)
            {
                throw new ContainerException($"invalid publish value: {text}");
            }
        }
    }

    public static void CheckPublishSocket(IReadOnlyList<string> texts)
    {
        foreach (var text in texts)
        {
            if (text.Split(':') is not { Length: 2 } parts || parts.Any(part => part.Length == 0))
            {
                throw new ContainerException($"invalid publish-socket format {text}. Expected: host_path:container_path");
            }
        }
    }

    /// <summary>How many ports a range names; null when it is none.</summary>
    private static int? Range(string text)
    {
        var ends = text.Split('-');
        return
            ends.Length is 1 or 2
            && ushort.TryParse(ends[0], out var first)
            && ushort.TryParse(ends[^1], out var last)
            && first is not 0
            && last >= first
            ? last - first + 1
            : null;
    }
}
