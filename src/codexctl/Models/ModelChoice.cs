using Codexctl.Settings;

namespace Codexctl.Models;

/// <summary>Which model on which server a run uses.</summary>
/// <param name="Url">Without a trailing /v1.</param>
/// <param name="Server">The server's name in the settings; null for an address that was given as such.</param>
/// <param name="ApiKeyVariable">The variable of the host that holds the server's key; null when it needs none.</param>
public sealed record ModelChoice(Uri Url, string Model, ProfileSettings Profile, string? Server = null, string? ApiKeyVariable = null)
{
    /// <summary>What the server is, where the settings say so; else it is found out by asking.</summary>
    public ModelServerKind? Kind { get; init; }

    /// <exception cref="UserError">The variable with the server's key is not set.</exception>
    public ModelServerProbe Probe(HostEnvironment environment, TimeProvider clock) =>
        new(clock, ModelOverview.Authorization(environment, ApiKeyVariable), Kind);

    /// <summary>Puts flags and settings together: an address wins over a server's name, flags over the profile, that over the settings.</summary>
    /// <exception cref="UserError">There is no such profile or server.</exception>
    public static ModelChoice From(
        CodexctlSettings settings,
        HostEnvironment environment,
        string? profile = null,
        string? model = null,
        string? url = null,
        string? server = null
    )
    {
        var chosen = ProfileNamed(settings, profile);
        var name = model ?? (profile is null ? null : chosen.Model) ?? settings.ModelName ?? chosen.Model ?? CodexctlSettings.GptOss.Model!;
        if (url is not null)
        {
            return new ModelChoice(ModelServerAddress.FromModelUrl(url), name, chosen);
        }
        if ((server ?? chosen.Server) is null && settings.ModelUrl is { } address)
        {
            return new ModelChoice(ModelServerAddress.FromModelUrl(address.AbsoluteUri), name, chosen);
        }
        var (known, at, key) = ServerNamed(settings, environment, server ?? chosen.Server ?? settings.ModelServer);
        return new ModelChoice(at, name, chosen, known, key)
        {
            Kind = ModelServerKinds.Parse(settings.Servers.GetValueOrDefault(known)?.Kind),
        };
    }

    /// <summary>Every server with an address: the person's, and the usual ones that the person did not name.</summary>
    public static IReadOnlyList<(string Name, Uri Url, string? ApiKeyVariable)> Servers(
        CodexctlSettings settings,
        HostEnvironment environment
    ) =>
        [
            .. settings
                .Servers.Values.Where(server => server.Url is not null)
                .Select(server => server.Name)
                .Concat(SettingsTable.UsualServers.Keys)
                .Distinct(StringComparer.Ordinal)
                .Select(name => ServerNamed(settings, environment, name)),
        ];

    private static (string Name, Uri Url, string? ApiKeyVariable) ServerNamed(
        CodexctlSettings settings,
        HostEnvironment environment,
        string name
    )
    {
        var own = settings.Servers.GetValueOrDefault(name);
        if (own?.Url is { } url)
        {
            return (name, ModelServerAddress.FromModelUrl(url.AbsoluteUri), own.ApiKeyVariable);
        }
        if (name == "ollama" && environment["OLLAMA_HOST"] is { } host)
        {
            return (name, ModelServerAddress.FromOllamaHost(host), own?.ApiKeyVariable);
        }
        if (SettingsTable.UsualServers.TryGetValue(name, out var usual))
        {
            return (name, new Uri(usual), own?.ApiKeyVariable);
        }
        throw new UserError(
            $"There is no model server named {Shown.Text(name)}.",
            $"Known are: {string.Join(", ", settings.Servers.Keys.Concat(SettingsTable.UsualServers.Keys).Distinct(StringComparer.Ordinal))}.",
            $"Name it in the settings: codexctl config set servers.{(SettingsTable.IsName(name) ? name : "NAME")}.url http://127.0.0.1:8080"
        );
    }

    private static ProfileSettings ProfileNamed(CodexctlSettings settings, string? asked)
    {
        var name = asked ?? settings.DefaultCodexProfile;
        var profiles = settings.Profiles;
        if (profiles.TryGetValue(name, out var profile))
        {
            return profile;
        }
        var near = Nearest.Of(name, profiles.Keys);
        throw new UserError(
            $"There is no profile {Shown.Text(name)}.{(near is null ? "" : $" Did you mean {near}?")}",
            $"Known are: {string.Join(", ", profiles.Keys.Order(StringComparer.Ordinal))}.",
            $"Make it: codexctl config set profiles.{(SettingsTable.IsName(name) ? name : "NAME")}.model MODEL"
        );
    }
}
