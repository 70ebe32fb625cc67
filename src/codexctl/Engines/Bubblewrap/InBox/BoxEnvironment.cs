using System.Text.RegularExpressions;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>What a command in the box finds around it: what `codexctl-enter` does in images.</summary>
internal static partial class BoxEnvironment
{
    public const string Path =
        $"{BoxArguments.CodexFolder}/bin:{BoxArguments.CodexFolder}/codex-path:{Box.Home}/.local/bin:"
        + "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>The person's variables over the box's own.</summary>
    public static Dictionary<string, string> Complete(IReadOnlyDictionary<string, string> named, bool terminal)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["HOME"] = Box.Home,
            ["USER"] = "coder",
            ["LOGNAME"] = "coder",
            ["SHELL"] = "/bin/bash",
            ["PATH"] = Path,
            ["LANG"] = "C.UTF-8",
        };
        if (terminal)
        {
            environment["TERM"] = "xterm-256color";
        }
        foreach (var (name, value) in named)
        {
            environment[name] = value;
        }
        return environment;
    }

    /// <summary>A login in the home of local runs, which would be taken along to whatever provider it names; null where all is well.</summary>
    public static string? StrayLogin(IReadOnlyDictionary<string, string> environment)
    {
        var path = System.IO.Path.Combine(Box.LocalCodexHome, "auth.json");
        return environment.GetValueOrDefault("CODEX_HOME") == Box.LocalCodexHome && System.IO.Path.Exists(path)
            ? $"{path} holds a login, and local runs need none: signed in, Codex may choose another provider. "
                + $"Remove it: codexctl run --cmd rm -r {path}"
            : null;
    }

    /// <summary>Whether a command starts Codex, by a shell perhaps.</summary>
    public static bool IsCodex(IReadOnlyList<string> command) => CodexWord().IsMatch(string.Join(' ', command));

    [GeneratedRegex("(?<![A-Za-z0-9_.-])codex(?![A-Za-z0-9_./-])", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodexWord();

    /// <summary>Makes $CODEX_HOME, which Codex wants to exist, and lays the profiles into it, which it reads only there.</summary>
    public static void PrepareCodexHome(IReadOnlyDictionary<string, string> environment)
    {
        if (!environment.TryGetValue("CODEX_HOME", out var home) || !home.StartsWith('/') || OperatingSystem.IsWindows())
        {
            return;
        }
        try
        {
            Directory.CreateDirectory(home, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var profiles = System.IO.Path.Combine(Box.CodexConfig, "profiles");
            if (!Directory.Exists(profiles))
            {
                return;
            }
            foreach (var profile in Directory.EnumerateFiles(profiles, "*.config.toml"))
            {
                var target = System.IO.Path.Combine(home, System.IO.Path.GetFileName(profile));
                var temporary = $"{target}.{Guid.NewGuid():N}";
                File.Copy(profile, temporary);
                File.Move(temporary, target, overwrite: true);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The agent may have put something in the way: Codex says itself what it misses, other commands do not need it.
            _ = Processes.Libc.WriteAll(2, System.Text.Encoding.UTF8.GetBytes($"exec: CODEX_HOME: {error.Message}\n"));
        }
    }
}
