using System.CommandLine;

namespace Codexctl.Commands;

/// <summary>How the part of a command line that codexctl must not look into was introduced.</summary>
public enum RestKind
{
    None,

    /// <summary>`run --cmd …`: program and arguments for the box.</summary>
    Cmd,

    /// <summary>`run -- …`: arguments for Codex; `exec -- …`: program and arguments.</summary>
    DoubleDash,

    /// <summary>`exec ls -la`: the first word that is no option begins the command.</summary>
    Words,
}

/// <summary>
/// Cuts off what belongs to the command in the box before the parser sees it, because that has options of its own.
/// </summary>
public sealed record Passthrough(IReadOnlyList<string> Parsed, RestKind Kind, IReadOnlyList<string> Rest)
{
    private static readonly string[] _optionsWithValue = ["--name", "--engine", "--workdir"];

    /// <summary>The first word; "" when there is none.</summary>
    public string Verb => Parsed.Count > 0 ? Parsed[0] : "";

    /// <summary>The folder of `--workdir`, whose own settings count; null when it is not given.</summary>
    public string? Workdir
    {
        get
        {
            for (var i = 1; i < Parsed.Count; i++)
            {
                if (Parsed[i] is "--workdir")
                {
                    return i + 1 < Parsed.Count ? Parsed[i + 1] : null;
                }
                // The parser takes both.
                if (
                    Parsed[i].StartsWith("--workdir=", StringComparison.Ordinal)
                    || Parsed[i].StartsWith("--workdir:", StringComparison.Ordinal)
                )
                {
                    return Parsed[i]["--workdir=".Length..];
                }
            }
            return null;
        }
    }

    public static Passthrough Split(IReadOnlyList<string> arguments)
    {
        var verb = arguments.Count > 0 ? arguments[0] : "";
        var cut = verb switch
        {
            "run" => RunCut(arguments),
            "exec" or "su-exec" => ExecCut(arguments),
            _ => null,
        };
        return cut ?? new Passthrough(arguments, RestKind.None, []);
    }

    /// <summary>
    /// What belongs to the box was cut off, so a word that the parser still finds for it is a mistyped option or stands in the
    /// wrong place.
    /// </summary>
    public static void Refuse(Argument<string[]> rest, string instead) =>
        rest.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0)
            {
                var word = result.Tokens[0].Value;
                var what = word.StartsWith('-') ? "There is no option" : "Unexpected word";
                result.AddError($"{what} {word}; {instead}");
            }
        });

    private static Passthrough? RunCut(IReadOnlyList<string> arguments)
    {
        for (var i = 1; i < arguments.Count; i++)
        {
            if (arguments[i] is "--" or "--cmd")
            {
                return Cut(arguments, i, 1, arguments[i] == "--" ? RestKind.DoubleDash : RestKind.Cmd);
            }
            if (arguments[i].StartsWith("--cmd=", StringComparison.Ordinal))
            {
                return new Passthrough([.. arguments.Take(i)], RestKind.Cmd, [arguments[i]["--cmd=".Length..], .. arguments.Skip(i + 1)]);
            }
        }
        return null;
    }

    private static Passthrough? ExecCut(IReadOnlyList<string> arguments)
    {
        for (var i = 1; i < arguments.Count; i++)
        {
            if (arguments[i] == "--")
            {
                return Cut(arguments, i, 1, RestKind.DoubleDash);
            }
            if (!arguments[i].StartsWith('-'))
            {
                return Cut(arguments, i, 0, RestKind.Words);
            }
            if (_optionsWithValue.Contains(arguments[i], StringComparer.Ordinal))
            {
                i++;
            }
        }
        return null;
    }

    private static Passthrough Cut(IReadOnlyList<string> arguments, int at, int skip, RestKind kind) =>
        new([.. arguments.Take(at)], kind, [.. arguments.Skip(at + skip)]);
}
