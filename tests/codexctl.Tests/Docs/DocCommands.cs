using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Codexctl.Tests.Docs;

/// <summary>A command line that the documentation shows, and where (the first place of several).</summary>
public sealed record DocCommand(string Line, string Where)
{
    /// <summary>The line as a person types it: without what is optional, with a thing of the scene for each placeholder.</summary>
    public string Typed
    {
        get
        {
            var line = DocCommands.Optional().Replace(Line, "");
            foreach (var (placeholder, value) in DocCommands.Placeholders)
            {
                line = line.Replace(placeholder, value, StringComparison.Ordinal);
            }
            return line.Trim();
        }
    }

    public bool IsOurs => Line.StartsWith("codexctl ", StringComparison.Ordinal);

    public override string ToString() => $"{Where}: {Line}";
}

/// <summary>
/// The command lines of README.md and docs/*.md. In a block without a language (or indented) every line is one, but for what
/// codexctl says (`codexctl: …`); in the running text what stands between backquotes and begins with the name of a program.
/// </summary>
public static partial class DocCommands
{
    /// <summary>What stands for a thing of the reader's, and what a scene has for it.</summary>
    internal static readonly (string Placeholder, string Value)[] Placeholders =
    [
        ("store-from-container NAME", "store-from-container codex-demo"),
        ("load-to-container NAME", "load-to-container codex-demo"),
        ("pull NAME", "pull gpt-oss:20b"),
        ("use NAME", "use qwen3-coder:30b"),
        ("HOST…", "api.example.com"),
        ("SHELL", "bash"),
        ("SESSION", "codex-recorded"),
        ("FILE.jsonl", "exchanges.jsonl"),
        ("log FILE", "log exchanges.jsonl"),
        ("--record FILE", "--record exchanges.jsonl"),
    ];

    /// <summary>The programs whose command lines are recognised in the running text.</summary>
    private const string Programs =
        "codexctl|\\./codexctl|\\./test|docker|podman|container|ollama|llama-server|brew|sudo|apt|apt-get|sh|dotnet|npm|git|socat|secret-tool|packaging/make|bench/run|docs/record-demo|ln|source|cd";

    public static string Root { get; } = FindRoot();

    public static IEnumerable<string> Pages =>
        Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md").Order(StringComparer.Ordinal).Prepend(Path.Combine(Root, "README.md"));

    public static IReadOnlyList<DocCommand> All { get; } = [.. Pages.SelectMany(Of).DistinctBy(command => command.Line)];

    /// <summary>The command lines of one page, in its order.</summary>
    public static IEnumerable<DocCommand> Of(string page) => In(Path.GetRelativePath(Root, page), File.ReadLines(page));

    internal static IEnumerable<DocCommand> In(string page, IEnumerable<string> lines)
    {
        string? fence = null;
        var number = 0;
        foreach (var line in lines)
        {
            var where = $"{page}:{++number}";
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal))
            {
                fence = fence is null ? line.Trim()[3..] : null;
            }
            else if (fence is not null ? fence.Length == 0 : line.StartsWith("    ", StringComparison.Ordinal))
            {
                var command = Comment().Replace(line, "").Trim();
                if (command.Length > 0 && !command.StartsWith("codexctl: ", StringComparison.Ordinal) && !Synopsis().IsMatch(command))
                {
                    yield return new DocCommand(command, where);
                }
            }
            else if (fence is null)
            {
                // Bold code is a message, quoted.
                foreach (Match span in Inline().Matches(Bold().Replace(line, "")))
                {
                    // With dots at the end it is the name of a command, not a line to type.
                    if (!span.Value.EndsWith(" …`", StringComparison.Ordinal))
                    {
                        yield return new DocCommand(span.Groups["line"].Value.Trim(), where);
                    }
                }
            }
        }
    }

    [GeneratedRegex(@"\s+#\s.*$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Comment();

    /// <summary>The generated reference shows what a command takes; that is no line to type.</summary>
    [GeneratedRegex(
        @"^codexctl\b.*(\[OPTIONS\]|\bCOMMAND$| COMMAND \[)|^codexctl( [a-z-]+)+ (NAME|SHELL|CONTAINER|URL)$",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture
    )]
    private static partial Regex Synopsis();

    [GeneratedRegex(@"\*\*[^*]+\*\*", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Bold();

    [GeneratedRegex(@"`(?<line>([A-Z_]+=[^ `]+ )?(" + Programs + @") [^`]+)`", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Inline();

    [GeneratedRegex(@"\s*\[(?:[A-Z-]|--|-f)[^\]]*\]", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    internal static partial Regex Optional();

    private static string FindRoot([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../.."));
}
