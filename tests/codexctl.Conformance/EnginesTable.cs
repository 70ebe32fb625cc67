using System.Runtime.CompilerServices;
using System.Text;
using Codexctl.Doctor.Conformance;

namespace Codexctl.Conformance;

/// <summary>Writes the table of docs/engines.md from what the engines showed.</summary>
internal static class EnginesTable
{
    private const string Begin = "<!-- promises: written by tests/codexctl.Conformance -->";
    private const string End = "<!-- /promises -->";

    private static readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>Columns, in this order.</summary>
    private static readonly string[] _engines = ["apple", "docker", "podman", "bubblewrap"];

    public static string File { get; } = Find();

    /// <summary>Puts one engine's column into the table; the others stay as they are.</summary>
    public static async Task AddAsync(ConformanceReport report)
    {
        await _gate.WaitAsync();
        try
        {
            var text = await System.IO.File.ReadAllTextAsync(File);
            var changed = With(text, report);
            if (changed != text)
            {
                await System.IO.File.WriteAllTextAsync(File, changed);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    internal static string With(string text, ConformanceReport report)
    {
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 || end < begin)
        {
            throw new InvalidOperationException($"{File} has lost the marks around its table.");
        }
        var known = Read(text[(begin + Begin.Length)..end]);
        foreach (var result in report.Results)
        {
            known[(result.Id, report.Engine)] = Cell(report.Engine, result);
        }
        var table = new StringBuilder($"{Begin}\n");
        foreach (var group in Promises.All.GroupBy(promise => promise.Group))
        {
            table.Append(
                $"\n### {group.Key}\n\n| promise | {string.Join(" | ", _engines)} |\n|---|{string.Concat(_engines.Select(_ => "---|"))}\n"
            );
            foreach (var promise in group)
            {
                var cells = _engines.Select(engine => known.GetValueOrDefault((promise.Id, engine), "not tried"));
                table.Append($"| {promise.Text} (`{promise.Id}`) | {string.Join(" | ", cells)} |\n");
            }
        }
        return $"{text[..begin]}{table}\n{text[end..]}";
    }

    private static Dictionary<(string Id, string Engine), string> Read(string table)
    {
        var known = new Dictionary<(string, string), string>();
        foreach (var line in table.Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal)))
        {
            var cells = line.Trim('|', ' ').Split(" | ");
            var open = cells[0].LastIndexOf("(`", StringComparison.Ordinal);
            if (open < 0 || cells.Length != _engines.Length + 1)
            {
                continue;
            }
            for (var i = 0; i < _engines.Length; i++)
            {
                known[(cells[0][(open + 2)..].TrimEnd('`', ')'), _engines[i])] = cells[i + 1];
            }
        }
        return known;
    }

    private static string Cell(string engine, PromiseResult result) =>
        result.Verdict switch
        {
            Verdict.Held when engine == "apple" => "held by the emulator, not yet run on a Mac",
            Verdict.NotPossible => $"not possible: {result.Detail}",
            // What was seen belongs into the test's message; it differs from run to run.
            Verdict.Broken => "broken",
            _ => "held",
        };

    private static string Find([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../docs/engines.md"));
}
