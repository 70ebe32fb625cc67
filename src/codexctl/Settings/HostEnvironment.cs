using System.Collections;

namespace Codexctl.Settings;

/// <summary>The only reader of the process environment, so that tests can give one and nobody is surprised.</summary>
public sealed class HostEnvironment
{
    private readonly IReadOnlyDictionary<string, string> _variables;

    public HostEnvironment(IReadOnlyDictionary<string, string> variables) => _variables = variables;

    /// <summary>A variable's value; null when unset or empty.</summary>
    public string? this[string name] => _variables.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    public IReadOnlyDictionary<string, string> All => _variables;

    /// <summary>The home directory of the person; falls back to the account's when HOME is unset.</summary>
    public string Home => this["HOME"] ?? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    /// <summary>The proxy by which this machine reaches the web; null when none is named. It may hold a password.</summary>
    public string? WebProxy => this["https_proxy"] ?? this["HTTPS_PROXY"] ?? this["http_proxy"] ?? this["HTTP_PROXY"];

    public static HostEnvironment FromProcess()
    {
        var variables = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            variables[(string)entry.Key] = (string?)entry.Value ?? "";
        }
        return new HostEnvironment(variables);
    }

    /// <summary>
    /// For processes that only carry bytes, before their first socket: what comes in is handled by the thread that saw it, not
    /// handed to another one, which halves the time that a piece takes. The runtime has no other switch for this than its own variable.
    /// Nothing in such a process may wait on a socket's thread.
    /// </summary>
    public static void HandleSocketsInline() => Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
}
