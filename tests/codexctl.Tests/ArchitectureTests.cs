using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Codexctl.Tests;

/// <summary>The layers, and what only one of them may do. Read from the sources, because a namespace used by its bare name leaves no reference.</summary>
public partial class ArchitectureTests
{
    private const string All = "*";

    /// <summary>Which folder may use which others; the files beside the folders (errors, paths) are for all.</summary>
    private static readonly Dictionary<string, string> _layers = new(StringComparer.Ordinal)
    {
        [""] = All,
        ["Commands"] = All,
        ["Sessions"] = "Auth Engines Gateway Models Policy Processes Settings",
        ["Gateway"] = "Auth Engines Models Policy Processes Settings",
        ["Auth"] = "Processes Settings",
        ["Images"] = "Engines Processes Settings",
        ["Engines"] = "Processes Settings",
        ["Models"] = "Settings",
        ["Policy"] = "",
        ["Processes"] = "Settings",
        ["Terminal"] = "",
        ["Doctor"] = "Auth Engines Gateway Images Models Policy Processes Settings",
        ["Settings"] = "Policy",
    };

    /// <summary>Files that join the layers by hand, or are the one place for something.</summary>
    private static readonly string[] _composition = ["Program.cs", "App.cs"];

    /// <summary>What may stand only in some places: what it is, how it looks, and where it may.</summary>
    private static readonly (string What, Regex Looks, string[] Where)[] _rules =
    [
        ("starting a process", StartsProcess(), ["Processes/"]),
        ("the console", UsesConsole(), ["Terminal/"]),
        ("the environment", ReadsEnvironment(), ["Settings/"]),
        ("ASP.NET and YARP", UsesAspNet(), ["Gateway/"]),
        ("System.CommandLine", UsesCommandLine(), ["Commands/", "Program.cs"]),
        ("the wall clock", ReadsClock(), []),
        ("system calls", ImportsLibrary(), ["Processes/", "Engines/Bubblewrap/", "Auth/LibSecret.cs"]),
        ("a web server or a proxy of the process's own choosing", ReadsProxySettings(), []),
    ];

    /// <summary>Uses that break a rule of the table for a reason.</summary>
    private static readonly (string File, string What, string Why)[] _exceptions =
    [
        (
            "Engines/Bubblewrap/BoxProcess.cs",
            "the wall clock",
            "a synchronous wait for a process that dies, on kernels that cannot tell when it does"
        ),
    ];

    public static TheoryData<string> Folders => [.. _layers.Keys];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_uses_only_the_folders_below_it(string folder)
    {
        var allowed = _layers[folder];
        if (allowed == All)
        {
            return;
        }
        var wrong = Sources()
            .Where(source => source.Folder == folder)
            .SelectMany(source =>
                Used(source.Code)
                    .Where(used => used != folder && !allowed.Split(' ').Contains(used, StringComparer.Ordinal))
                    .Select(used => $"{source.Path} uses {used}")
            );
        wrong.ShouldBeEmpty($"{folder} may use: {allowed}");
    }

    [Fact]
    public void Every_folder_stands_in_the_table() =>
        Sources().Select(source => source.Folder).Distinct().Where(folder => !_layers.ContainsKey(folder)).ShouldBeEmpty();

    [Fact]
    public void The_files_beside_the_folders_use_only_the_lowest_ones() =>
        Sources()
            .Where(source => source.Folder.Length == 0 && !_composition.Contains(source.Path, StringComparer.Ordinal))
            .SelectMany(source =>
                Used(source.Code).Where(used => used is not ("Processes" or "Settings")).Select(used => $"{source.Path} uses {used}")
            )
            .ShouldBeEmpty();

    [Fact]
    public void No_two_folders_use_each_other() =>
        (
            from pair in _layers
            where pair.Value != All
            from other in pair.Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            where _layers[other].Split(' ').Contains(pair.Key, StringComparer.Ordinal)
            select $"{pair.Key} and {other}"
        ).ShouldBeEmpty();

    [Fact]
    public void A_namespace_is_the_folder_it_lies_in()
    {
        foreach (var source in Sources().Where(source => source.Path != "Program.cs"))
        {
            var folder = Path.GetDirectoryName(source.Path)!.Replace('/', '.');
            var expected = folder.Length == 0 ? "Codexctl" : $"Codexctl.{folder}";
            Namespace().Match(source.Code).Groups["name"].Value.ShouldBe(expected, source.Path);
        }
    }

    [Fact]
    public void What_belongs_to_one_folder_is_used_nowhere_else()
    {
        var wrong =
            from source in Sources()
            from rule in _rules
            where !rule.Where.Any(place => source.Path.StartsWith(place, StringComparison.Ordinal))
            where !_exceptions.Any(exception => exception.File == source.Path && exception.What == rule.What)
            from Match match in rule.Looks.Matches(source.Code)
            select $"{source.Path} uses {rule.What}: {match.Value}";
        wrong.ShouldBeEmpty();
    }

    [Fact]
    public void An_exception_that_is_not_needed_any_more_goes() =>
        _exceptions
            .Where(exception =>
                !Sources()
                    .Any(source =>
                        source.Path == exception.File && _rules.First(rule => rule.What == exception.What).Looks.IsMatch(source.Code)
                    )
            )
            .ShouldBeEmpty();

    private static IEnumerable<string> Used(string code) =>
        Qualified().Matches(code).Select(match => match.Groups["folder"].Value).Where(_layers.ContainsKey).Distinct();

    private static IEnumerable<(string Path, string Folder, string Code)> Sources([CallerFilePath] string here = "")
    {
        var root = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../src/codexctl"));
        foreach (var file in Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories))
        {
            var path = Path.GetRelativePath(root, file);
            if (path.StartsWith("obj/", StringComparison.Ordinal) || path.StartsWith("bin/", StringComparison.Ordinal))
            {
                continue;
            }
            var slash = path.IndexOf('/', StringComparison.Ordinal);
            yield return (path, slash < 0 ? "" : path[..slash], Comments().Replace(Strings().Replace(File.ReadAllText(file), "\"\""), ""));
        }
    }

    // `using Codexctl.X`, `Codexctl.X.Y`, and the short form `X.Y` that C# allows inside the namespace Codexctl; not a property of that name
    // (`app.Terminal.Say`) nor a namespace of another's (`System.Policy.X`).
    [GeneratedRegex(
        @"(?<![\w.])(?:global::)?(?:Codexctl\.)?(?<folder>Auth|Commands|Sessions|Gateway|Images|Engines|Models|Policy|Processes|Terminal|Settings)(?=\.[A-Z]|;)",
        RegexOptions.None,
        1000
    )]
    private static partial Regex Qualified();

    [GeneratedRegex(@"^namespace (?<name>[\w.]+);", RegexOptions.Multiline, 1000)]
    private static partial Regex Namespace();

    [GeneratedRegex(@"\bProcess\.Start\b|\bnew Process\b|\bProcessStartInfo\b", RegexOptions.None, 1000)]
    private static partial Regex StartsProcess();

    [GeneratedRegex(@"(?<![\w.])(?:System\.)?Console\.|\bAnsiConsole\b|\busing Spectre\.Console", RegexOptions.None, 1000)]
    private static partial Regex UsesConsole();

    [GeneratedRegex(
        @"\bEnvironment\.(?:GetEnvironmentVariables?|SetEnvironmentVariable|GetFolderPath|ExpandEnvironmentVariables|UserName|MachineName|CurrentDirectory)\b",
        RegexOptions.None,
        1000
    )]
    private static partial Regex ReadsEnvironment();

    [GeneratedRegex(@"\b(?:Microsoft\.AspNetCore|Microsoft\.Extensions\.(?:Hosting|DependencyInjection)|Yarp)\b", RegexOptions.None, 1000)]
    private static partial Regex UsesAspNet();

    [GeneratedRegex(@"\bSystem\.CommandLine\b", RegexOptions.None, 1000)]
    private static partial Regex UsesCommandLine();

    [GeneratedRegex(@"\bDateTime(?:Offset)?\.(?:Now|UtcNow|Today)\b|\bEnvironment\.TickCount|\bStopwatch\b", RegexOptions.None, 1000)]
    private static partial Regex ReadsClock();

    [GeneratedRegex(@"\[(?:LibraryImport|DllImport)\b", RegexOptions.None, 1000)]
    private static partial Regex ImportsLibrary();

    [GeneratedRegex(@"\bnew HttpClient\(\)|\bnew HttpClientHandler\b|\bWebApplication\.Create(?:Slim)?Builder\b", RegexOptions.None, 1000)]
    private static partial Regex ReadsProxySettings();

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline, 1000)]
    private static partial Regex Comments();

    // Addresses in strings would look like comments. What stands between braces in an interpolated string is lost with it; nobody hides a layer there.
    [GeneratedRegex("\"(?:[^\"\\\\\\n]|\\\\.)*\"", RegexOptions.None, 1000)]
    private static partial Regex Strings();
}
