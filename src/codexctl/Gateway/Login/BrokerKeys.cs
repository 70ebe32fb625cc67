using System.Security.Cryptography;
using System.Text;

namespace Codexctl.Gateway.Login;

/// <summary>What requests to the broker must carry: a key a run, good for as long as the run is on.</summary>
internal sealed class BrokerKeys
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, byte[]> _keys = new(StringComparer.Ordinal);

    public void Add(string session, string key)
    {
        lock (_gate)
        {
            _keys[session] = Encoding.UTF8.GetBytes(key);
        }
    }

    public void Remove(string session)
    {
        lock (_gate)
        {
            _keys.Remove(session);
        }
    }

    /// <param name="authorization">The header as it came: `Bearer KEY`.</param>
    public bool Knows(string? authorization)
    {
        const string Scheme = "Bearer ";
        if (authorization is null || !authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }
        var given = Encoding.UTF8.GetBytes(authorization[Scheme.Length..].Trim());
        lock (_gate)
        {
            return _keys.Values.Any(key => CryptographicOperations.FixedTimeEquals(key, given));
        }
    }
}
