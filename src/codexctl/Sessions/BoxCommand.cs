namespace Codexctl.Sessions;

/// <summary>Makes the command lines that run in the box. Pure.</summary>
public static class BoxCommand
{
    public const string DefaultProfile = "gpt-oss";

    /// <summary>The model of that profile.</summary>
    public const string DefaultModel = "gpt-oss:20b";

    /// <summary>Codex on the local model: `codex --profile gpt-oss …`.</summary>
    /// <param name="model">`--model`; null for the profile's own.</param>
    /// <param name="arguments">What the person gave after `--`.</param>
    /// <param name="online">With OpenAI's models: no profile.</param>
    public static IReadOnlyList<string> Codex(string? model, IReadOnlyList<string> arguments, bool online = false)
    {
        List<string> command = ["codex"];
        if (
            !online
            && !arguments.Any(argument => argument is "--profile" or "-p" || argument.StartsWith("--profile=", StringComparison.Ordinal))
        )
        {
            command.AddRange(["--profile", DefaultProfile]);
        }
        if (model is not null)
        {
            command.AddRange(["--model", model]);
        }
        command.AddRange(arguments);
        // Codex refuses `exec` outside a git repository; here the box is the guard, and /workdir is the person's choice.
        var exec = command.FindIndex(word => word is "exec" or "e");
        if (exec > 0 && !command.Contains("--skip-git-repo-check"))
        {
            command.Insert(exec + 1, "--skip-git-repo-check");
        }
        return command;
    }

    /// <summary>A command as typed; a single word with a space in it is a line for the shell, as in the seed.</summary>
    public static IReadOnlyList<string> Typed(IReadOnlyList<string> words, string shell) =>
        words.Count == 1 && words[0].Contains(' ', StringComparison.Ordinal) ? [shell, "-lc", words[0]] : words;

    /// <summary>The login shell.</summary>
    public static IReadOnlyList<string> Shell(string shell) => [shell, "-l"];
}
