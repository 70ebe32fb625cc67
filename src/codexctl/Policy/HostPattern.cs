using System.Globalization;

namespace Codexctl.Policy;

/// <summary>
/// One entry of the allow list: `HOST[:PORT]`, where HOST may begin with `*.` (every name below it, at any depth, but not
/// the bare name). Without a port it means 443 and 80.
/// </summary>
public sealed record HostPattern
{
    private HostPattern(string host, bool wildcard, int? port)
    {
        Host = host;
        IsWildcard = wildcard;
        Port = port;
    }

    /// <summary>The canonical name; without the `*.` of a wildcard.</summary>
    public string Host { get; }

    public bool IsWildcard { get; }

    /// <summary>The only port; null for the web's two.</summary>
    public int? Port { get; }

    /// <summary>Reads a pattern as people write it; throws a UserError that says what is wrong with it.</summary>
    public static HostPattern Parse(string text)
    {
        var trimmed = text.Trim();
        if (trimmed.Length == 0)
        {
            throw Wrong(text, "It is empty.");
        }
        if (trimmed is "*" or "*.*" or "*.")
        {
            throw new UserError(
                $"{text} is not a host that can be allowed.",
                "It would allow everything.",
                "Name the hosts, or run with --network full."
            );
        }
        if (trimmed.Contains("://", StringComparison.Ordinal) || trimmed.Contains('/'))
        {
            throw new UserError(
                $"{text} is not a host that can be allowed.",
                "It is an address of a page; the allow list holds hosts.",
                Uri.TryCreate(trimmed, UriKind.Absolute, out var uri) && uri.Host.Length > 0
                    ? $"--allow {uri.Host}{(uri.IsDefaultPort ? "" : $":{uri.Port}")}"
                    : "Leave the path away: --allow HOST[:PORT]."
            );
        }
        if (trimmed.Contains('@'))
        {
            throw Wrong(text, "It has a user name in it.");
        }
        var (name, port) = SplitPort(text, trimmed);
        var wildcard = name.StartsWith("*.", StringComparison.Ordinal);
        if (wildcard)
        {
            name = name[2..];
        }
        if (name.Contains('*'))
        {
            throw Wrong(text, "The * stands only at the beginning, as in *.example.com.");
        }
        if (wildcard && !name.TrimEnd('.').Contains('.'))
        {
            throw Wrong(text, "It would allow a whole top-level domain.");
        }
        return HostName.TryNormalize(name, allowUnicode: true, out var host, out var reason)
            ? new HostPattern(host, wildcard, port)
            : throw Wrong(text, char.ToUpperInvariant(reason[0]) + reason[1..] + ".");
    }

    /// <summary>Whether a canonical host name (see <see cref="HostName"/>) and port are covered.</summary>
    public bool Matches(string host, int port) => MatchesPort(port) && MatchesHost(host);

    /// <summary>Whether the name is covered, whatever the port.</summary>
    public bool MatchesHost(string host) =>
        IsWildcard
            ? host.Length > Host.Length + 1 && host.EndsWith(Host, StringComparison.Ordinal) && host[^(Host.Length + 1)] == '.'
            : string.Equals(host, Host, StringComparison.Ordinal);

    /// <summary>Whether some host and port is covered by both.</summary>
    public bool Overlaps(HostPattern other)
    {
        var ports = Port is { } mine ? other.MatchesPort(mine) : other.Port is not { } theirs || MatchesPort(theirs);
        // What a wildcard stands below is itself not covered by it, so that its bare name says nothing about another exact name.
        return ports
            && (
                (IsWildcard == other.IsWildcard && string.Equals(Host, other.Host, StringComparison.Ordinal))
                || (IsWildcard && MatchesHost(other.Host))
                || (other.IsWildcard && other.MatchesHost(Host))
            );
    }

    public override string ToString() => (IsWildcard ? "*." : "") + Host + (Port is { } port ? $":{port}" : "");

    private bool MatchesPort(int port) => Port is { } only ? port == only : port is 443 or 80;

    private static (string Name, int? Port) SplitPort(string text, string trimmed)
    {
        var colon = trimmed.LastIndexOf(':');
        if (colon < 0)
        {
            return (trimmed, null);
        }
        if (trimmed.IndexOf(':') != colon || trimmed.StartsWith('['))
        {
            throw Wrong(text, "It is an IP address; only names can be allowed.");
        }
        return
            int.TryParse(trimmed.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= 65535
            ? (trimmed[..colon], port)
            : throw Wrong(text, "The port is a number from 1 to 65535.");
    }

    private static UserError Wrong(string text, string why) =>
        new(
            $"\"{text}\" is not a host that can be allowed.",
            why,
            $"Write HOST[:PORT], as in registry.npmjs.org or *.example.com:8443, or a preset: {string.Join(", ", Presets.Names)}."
        );
}
