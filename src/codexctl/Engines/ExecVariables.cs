namespace Codexctl.Engines;

/// <summary>
/// How a command's variables pass an engine's client. By name, so that no argument list ever shows a value: the client finds it in
/// its own environment. But what stands there changes what the client itself does. It looks for its settings, contexts and (podman)
/// its whole store by HOME, and goes to its engine through HTTPS_PROXY: those that a client goes by are told with their values.
/// All of these are codexctl's own, the same for every box, and no secrets.
/// </summary>
internal static class ExecVariables
{
    private static readonly HashSet<string> _public = ["HOME", "USER", "LOGNAME", "SHELL", "LANG", "SSL_CERT_FILE", .. Box.ProxyVariables];

    /// <summary>The options of the client.</summary>
    public static IEnumerable<string> Options(ExecSpec spec)
    {
        foreach (var name in ForClient(spec).Keys.Order(StringComparer.Ordinal))
        {
            yield return "--env";
            yield return name;
        }
        foreach (var (name, value) in spec.Environment.Where(IsPublic).OrderBy(variable => variable.Key, StringComparer.Ordinal))
        {
            yield return "--env";
            yield return $"{name}={value}";
        }
    }

    /// <summary>What the client's own process gets in its environment, to hand it on by name.</summary>
    public static Dictionary<string, string?> ForClient(ExecSpec spec)
    {
        var environment = spec
            .Environment.Where(variable => !IsPublic(variable))
            .ToDictionary(variable => variable.Key, variable => (string?)variable.Value, StringComparer.Ordinal);
        if (spec.Root)
        {
            environment[Box.RootVariable] = "1";
        }
        return environment;
    }

    private static bool IsPublic(KeyValuePair<string, string> variable) => _public.Contains(variable.Key);
}
