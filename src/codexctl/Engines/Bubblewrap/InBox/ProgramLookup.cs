namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>Finds a program as a shell does, with a shell's words and exit codes where there is none.</summary>
internal static class ProgramLookup
{
    public readonly record struct Found(string? Path, string? Problem, int ExitCode);

    public static Found Find(string program, string searchPath, string workingDirectory)
    {
        if (program.Contains('/', StringComparison.Ordinal))
        {
            var path = Path.Combine(workingDirectory, program);
            return !Path.Exists(path) ? Missing("No such file or directory")
                : Directory.Exists(path) ? Refused("Is a directory")
                : IsExecutable(path) ? new Found(path, null, 0)
                : Refused("Permission denied");
        }
        var refused = false;
        foreach (var folder in searchPath.Split(':'))
        {
            var path = Path.Combine(workingDirectory, folder, program);
            if (program.Length > 0 && File.Exists(path))
            {
                if (IsExecutable(path))
                {
                    return new Found(path, null, 0);
                }
                refused = true;
            }
        }
        return refused ? Refused("Permission denied") : Missing("command not found");
    }

    private static Found Missing(string problem) => new(null, problem, ExitCodes.NotFound);

    private static Found Refused(string problem) => new(null, problem, ExitCodes.NotExecutable);

    private static bool IsExecutable(string path)
    {
        const UnixFileMode execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & execute) != UnixFileMode.None;
    }
}
