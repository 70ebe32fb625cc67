using System.Text;

namespace Codexctl.Processes;

/// <summary>A program and its arguments as a list, never a shell string.</summary>
public sealed record CommandLine(string File, IReadOnlyList<string> Arguments)
{
    /// <summary>Added to the inherited environment; a null value removes the variable.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>(StringComparer.Ordinal);

    public string? WorkingDirectory { get; init; }

    /// <summary>
    /// The program leaves others behind (podman its monitors) that hand on what they inherit for as long as they live: what we
    /// share with children, a run's lease, is held by a parent of it instead.
    /// </summary>
    public bool LeavesProcesses { get; init; }

    /// <summary>The program and the words before its first option: what was tried, in a glance.</summary>
    public string Verb => string.Join(' ', [Path.GetFileName(File), .. Arguments.TakeWhile(word => !word.StartsWith('-')).Take(2)]);

    /// <summary>For messages: quoted where needed. Secrets are never arguments, so nothing is hidden here.</summary>
    public string Display
    {
        get
        {
            var text = new StringBuilder(Path.GetFileName(File));
            foreach (var argument in Arguments)
            {
                text.Append(' ');
                text.Append(
                    argument.Length > 0 && argument.All(IsPlain)
                        ? argument
                        : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'"
                );
            }
            return text.ToString();
        }
    }

    private static bool IsPlain(char c) => char.IsAsciiLetterOrDigit(c) || "-_./:=,@%+".Contains(c, StringComparison.Ordinal);
}

/// <summary>What a finished process said. Output and Error are UTF-8, invalid bytes replaced, cut at 64 MB.</summary>
public sealed record ProcessResult(int ExitCode, string Output, string Error);
