using Codexctl.Gateway.Egress;
using Codexctl.Settings;

namespace Codexctl.Doctor;

/// <summary>Settings files, the project's file, and the proxy variables.</summary>
public static class SettingsChecks
{
    private const UnixFileMode Others = UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    public static Check Settings(SettingsLoader loader, Paths paths, string folder) =>
        Check.Of("settings", () => Look(loader, paths, folder));

    public static Check Proxy(HostEnvironment environment) => Check.Of("proxy", () => [Look(environment)]);

    private static IEnumerable<Finding> Look(SettingsLoader loader, Paths paths, string folder)
    {
        var file = paths.ConfigFile;
        if (File.Exists(file) && (File.GetUnixFileMode(file) & Others) != UnixFileMode.None)
        {
            yield return new Finding(
                "settings",
                Level.Problem,
                $"Others can write {file}.",
                "Whoever writes your settings decides what a box may do.",
                $"chmod 600 {file}",
                _ =>
                {
                    File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
                    return Task.CompletedTask;
                }
            );
        }
        CodexctlSettings settings;
        UserError? wrong = null;
        try
        {
            settings = loader.Load(folder);
        }
        catch (UserError error)
        {
            (settings, wrong) = (null!, error);
        }
        if (wrong is not null)
        {
            yield return Finding.From("settings", Level.Problem, wrong);
            yield break;
        }
        if (settings.Project.Problem is { } problem)
        {
            yield return Finding.From("settings", Level.Problem, problem);
        }
        else if (settings.Project.Notice is { } notice)
        {
            yield return new Finding("settings", Level.Warning, notice, null, "codexctl trust, after a look at what it shows");
        }
        var set = settings.Values.Values.Count(value => value.Origin.Kind != OriginKind.Default);
        yield return Finding.Ok("settings", set == 0 ? "no settings but the defaults" : $"{set} set; codexctl config list shows them");
    }

    private static Finding Look(HostEnvironment environment)
    {
        string[] names = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"];
        if (names.FirstOrDefault(name => environment[name] is not null) is not { } variable)
        {
            return Finding.Ok("proxy", "no proxy variables");
        }
        try
        {
            // Printed without what may stand before the host: a password.
            return Finding.Ok("proxy", $"{variable} sends what boxes may reach through {UpstreamProxy.Parse(environment[variable]!)}");
        }
        catch (UserError error)
        {
            return Finding.From("proxy", Level.Problem, error) with { What = $"{variable}: {error.Message}" };
        }
    }
}
