namespace Codexctl.Sessions;

/// <summary>Makes the command lines that run in the box. Pure.</summary>
public static class BoxCommand
{
    /// <summary>Codex on the local model: `codex --profile gpt-oss …`.</summary>
    /// <param name="program">Codex with the flags of every run.</param>
    /// <param name="model">Null for the profile's own.</param>
    /// <param name="arguments">What the person gave after `--`.</param>
    public static IReadOnlyList<string> Codex(IReadOnlyList<string> program, string profile, string? model, IReadOnlyList<string> arguments)
    {
        List<string> command = [.. program];
        if (ProfileIn(arguments) is null)
        {
            command.AddRange(["--profile", profile]);
        }
        if (model is not null)
        {
            command.AddRange(["--model", model]);
        }
        command.AddRange(arguments);
        // Codex refuses `exec` outside a git repository; here the box is the guard, and /workdir is the person's choice.
        var exec = command.FindIndex(program.Count, word => word is "exec" or "e");
        if (exec >= program.Count && !command.Contains("--skip-git-repo-check"))
        {
            command.Insert(exec + 1, "--skip-git-repo-check");
        }
        return command;
    }

    /// <summary>The profile that the person named for Codex itself; null when none.</summary>
    public static string? ProfileIn(IReadOnlyList<string> arguments)
    {
        for (var i = 0; i < arguments.Count; i++)
        {
            if (arguments[i] is "--profile" or "-p")
            {
                return i + 1 < arguments.Count ? arguments[i + 1] : "";
            }
            if (arguments[i].StartsWith("--profile=", StringComparison.Ordinal))
            {
                return arguments[i]["--profile=".Length..];
            }
        }
        return null;
    }

    /// <summary>A command as typed; a single word with a space in it is a line for the shell, as in the seed.</summary>
    public static IReadOnlyList<string> Typed(IReadOnlyList<string> words, string shell) =>
        words.Count == 1 && words[0].Contains(' ', StringComparison.Ordinal) ? [shell, "-lc", words[0]] : words;

    /// <summary>The login shell.</summary>
    public static IReadOnlyList<string> Shell(string shell) => [shell, "-l"];
}
