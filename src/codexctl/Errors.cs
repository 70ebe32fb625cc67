namespace Codexctl;

/// <summary>The exit codes that codexctl itself gives; every other code is the child's own.</summary>
public static class ExitCodes
{
    public const int Ok = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int SignInNeeded = 4;

    /// <summary>codexctl failed before the command of `run` or `exec` ran (docker's convention).</summary>
    public const int BeforeCommand = 125;
    public const int NotExecutable = 126;
    public const int NotFound = 127;
    public const int Interrupted = 130;
}

/// <summary>
/// An expected failure, told in three parts: what happened, why, and what to type. Never carries a secret.
/// Printed without a stack trace.
/// </summary>
public sealed class UserError : Exception
{
    public UserError(string what, string? why = null, string? mend = null, int? exitCode = null)
        : base(what)
    {
        Why = why;
        Mend = mend;
        ExitCode = exitCode;
    }

    /// <summary>The cause, in a sentence; null where the message says it all.</summary>
    public string? Why { get; }

    /// <summary>What the person can type or set to go on.</summary>
    public string? Mend { get; }

    /// <summary>Overrides the exit code that the command gives for its failures.</summary>
    public int? ExitCode { get; }
}

/// <summary>A child process that failed: its (redacted) command line and the tail of what it said.</summary>
public sealed class ProcessError : Exception
{
    public ProcessError(Processes.CommandLine command, Processes.ProcessResult result)
        : base($"`{command.Verb}` failed with exit code {result.ExitCode}.")
    {
        Command = command;
        Result = result;
    }

    public Processes.CommandLine Command { get; }

    public Processes.ProcessResult Result { get; }

    /// <summary>The last lines of standard error (of standard output where that is empty).</summary>
    public string Tail
    {
        get
        {
            var text = string.IsNullOrWhiteSpace(Result.Error) ? Result.Output : Result.Error;
            var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return string.Join('\n', lines.TakeLast(12));
        }
    }
}
