namespace Codexctl.AppleContainer;

/// <summary>A failure in the original's words: `Error: ` and the message on standard error, exit code 1 (64 for some of build's).</summary>
public sealed class ContainerException(string message, int exitCode = 1) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
