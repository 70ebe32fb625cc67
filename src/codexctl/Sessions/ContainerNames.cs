using System.Text;
using System.Text.RegularExpressions;

namespace Codexctl.Sessions;

/// <summary>Names of containers, as the seed makes them.</summary>
public static partial class ContainerNames
{
    /// <summary>Apple's engine takes no more.</summary>
    private const int Longest = 63;

    /// <summary>
    /// The folder's base name: each run of other characters than letters, digits, `_`, `.` and `-` becomes one `-`, those at
    /// the ends go, and nothing left is `workdir`.
    /// </summary>
    public static string ForFolder(string prefix, string folder)
    {
        var name = new StringBuilder();
        foreach (var rune in Path.GetFileName(folder.TrimEnd('/')).EnumerateRunes())
        {
            var plain = rune.IsAscii && (char.IsAsciiLetterOrDigit((char)rune.Value) || rune.Value is '_' or '.' or '-');
            if (plain)
            {
                name.Append(rune.ToString());
            }
            else if (name.Length == 0 || name[^1] != '-')
            {
                name.Append('-');
            }
        }
        var clean = name.ToString().Trim('-');
        if (clean.Length == 0)
        {
            clean = "workdir";
        }
        // Room for the hash that tells folders with one base name apart.
        return Cut($"{prefix}{clean}", Longest - 9);
    }

    /// <summary>The name for a folder whose plain name another folder has: `codex-app-1a2b3c4d`.</summary>
    public static string WithHash(string name, string folder) => $"{name}-{Paths.Hash(folder)}";

    /// <exception cref="UserError">An engine would not take the name.</exception>
    public static void Check(string name)
    {
        if (!Valid().IsMatch(name) || name.Length > Longest)
        {
            throw new UserError(
                $"'{name}' cannot be the name of a container.",
                $"Names are 2 to {Longest} letters, digits, '_', '.' and '-', and begin with a letter or digit.",
                "Choose another --name.",
                ExitCodes.Usage
            );
        }
    }

    private static string Cut(string name, int length) => name.Length <= length ? name : name[..length].TrimEnd('-');

    [GeneratedRegex("^[a-zA-Z0-9][a-zA-Z0-9_.-]+\\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Valid();
}
