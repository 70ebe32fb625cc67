namespace Codexctl.Engines.Bubblewrap;

/// <summary>From what bwrap said to what a person can do. Pure but for the settings, which are handed in.</summary>
internal static class BwrapTrouble
{
    private static readonly string[] NamespacesForbidden =
    [
        "No permissions to create new namespace",
        "No permissions to creating new namespace",
        "setting up uid map",
        "Creating new namespace failed",
        "Unable to create a new namespace",
        "loopback: Failed RTM_NEWADDR",
    ];

    /// <summary>Whether a plainer kind of isolation may work where this one did not.</summary>
    public static bool IsAboutUserNamespaces(string said) =>
        NamespacesForbidden.Any(text => said.Contains(text, StringComparison.Ordinal))
        || IsTooOld(said)
        || said.Contains("user namespace", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether this bwrap does not know an option that only seals the namespace.</summary>
    public static bool IsTooOld(string said) => said.Contains("Unknown option --disable-userns", StringComparison.Ordinal);

    /// <param name="said">What bwrap wrote to its standard error.</param>
    /// <param name="setting">The text of a file in /proc/sys; null when this kernel has none.</param>
    public static UserError Explain(string said, Func<string, string?> setting)
    {
        const string what = "bubblewrap cannot make a box on this machine.";
        const string other = "or install Docker and use `--engine docker`";
        if (!IsAboutUserNamespaces(said))
        {
            return new UserError("bubblewrap could not start the box.", said.Trim());
        }
        if (setting("kernel/apparmor_restrict_unprivileged_userns") is "1")
        {
            return new UserError(
                what,
                "AppArmor forbids user namespaces to ordinary programs (kernel.apparmor_restrict_unprivileged_userns = 1).",
                $"Install Ubuntu's own bubblewrap with its AppArmor profile (`sudo apt install bubblewrap apparmor-profiles`), or allow them: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, {other}."
            );
        }
        if (setting("kernel/unprivileged_userns_clone") is "0")
        {
            return new UserError(
                what,
                "This kernel forbids user namespaces to ordinary users (kernel.unprivileged_userns_clone = 0).",
                $"`sudo sysctl kernel.unprivileged_userns_clone=1`, {other}."
            );
        }
        if (setting("user/max_user_namespaces") is "0")
        {
            return new UserError(
                what,
                "User namespaces are switched off (user.max_user_namespaces = 0).",
                $"`sudo sysctl user.max_user_namespaces=15000`, {other}."
            );
        }
        return new UserError(
            what,
            $"It may not make user namespaces, perhaps because this is a container itself: {said.Trim()}",
            $"Allow user namespaces here (for a Docker container: `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`), {other}."
        );
    }

    /// <summary>A setting of this machine's kernel.</summary>
    public static string? ReadSetting(string name)
    {
        try
        {
            return File.ReadAllText($"/proc/sys/{name}").Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
