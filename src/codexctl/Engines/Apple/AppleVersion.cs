using System.Globalization;
using System.Text.RegularExpressions;

namespace Codexctl.Engines.Apple;

/// <summary>
/// Whether the installed `container` is new enough. Asked once for each installed program and then remembered beside the
/// engine's state, because asking costs a call.
/// </summary>
internal static partial class AppleVersion
{
    /// <summary>The first release whose JSON, `cp` and `inspect` are what codexctl goes by.</summary>
    public static Version Floor { get; } = new(1, 0, 0);

    /// <summary>The version of `container --version`; null when this is not what Apple's program says.</summary>
    public static Version? Read(string text) =>
        Line().Match(text) is { Success: true } match
        && Version.TryParse($"{match.Groups["numbers"].Value}{(match.Groups["patch"].Success ? "" : ".0")}", out var version)
            ? version
            : null;

    /// <exception cref="UserError">It is too old, or not Apple's.</exception>
    public static void Check(string program, string said)
    {
        if (Read(said) is not { } version)
        {
            var first = said.Trim().Split('\n')[0];
            throw new UserError(
                $"{program} is not Apple's container.",
                first.Length == 0 ? "Asked for its version, it said nothing." : $"Asked for its version, it said: {first}",
                "Put Apple's container first on PATH, or choose another engine with --engine."
            );
        }
        if (version < Floor)
        {
            throw new UserError(
                $"Apple's container {version} is too old.",
                $"codexctl needs {Floor} or later.",
                "Install a newer one: https://github.com/apple/container/releases\nOr choose another engine: --engine docker"
            );
        }
    }

    /// <summary>What changes whenever another program is installed under this path.</summary>
    public static string Mark(string program)
    {
        var file = new FileInfo(Processes.Libc.ResolvePath(program) ?? program);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{file.FullName} {(file.Exists ? file.Length : 0)} {file.LastWriteTimeUtc.Ticks}"
        );
    }

    [GeneratedRegex(
        @"^container\b.*\bversion (?<numbers>\d{1,6}\.\d{1,6}(?<patch>\.\d{1,6})?)",
        RegexOptions.CultureInvariant | RegexOptions.Multiline | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Line();
}
