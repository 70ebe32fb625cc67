using System.Globalization;

namespace Codexctl.AppleContainer;

/// <summary>
/// The command line of Apple's `container` as a pure function: an argument list becomes a command, or what the original prints and
/// exits with. Nothing outside the arguments is looked at. What the table does not know is refused.
/// </summary>
public static class Grammar
{
    /// <summary>Every command of a release.</summary>
    public static IEnumerable<CommandTable> Commands(Profile profile) => Tables.All(profile);

    /// <summary>The original's parser and its checks before the work begins.</summary>
    /// <param name="args">The words after `container`.</param>
    public static ParseResult Parse(Profile profile, IReadOnlyList<string> args) => Parse(profile, args, BeforeUnknown.Nothing);

    /// <summary>
    /// As <see cref="Parse(Profile, IReadOnlyList{string})"/>, and also every rule about values that the original only applies while it
    /// works (names, labels, mounts, networks, memory): an argument list that passes fails for what the machine holds, never for its form.
    /// </summary>
    public static ParseResult Check(Profile profile, IReadOnlyList<string> args)
    {
        var result = Parse(profile, args);
        if (result.Command is not { } command)
        {
            return result;
        }
        try
        {
            ValueRules.Check(command);
            return result;
        }
        catch (ContainerException e)
        {
            return new ParseResult(null, Validation.Failure(e.Message));
        }
    }

    /// <param name="check">What the program looks at on the disk, at the same point as validate(): before unknown options are told.</param>
    internal static ParseResult Parse(Profile profile, IReadOnlyList<string> args, Func<ParsedCommand, Refusal?> check)
    {
        var group = "";
        var at = 0;
        while (true)
        {
            while (at < args.Count && args[at] == "--debug")
            {
                at++;
            }
            if (at == args.Count)
            {
                return new ParseResult(null, new Refusal(0, GroupHelp(group)));
            }
            var word = args[at];
            if (word.StartsWith('-') && word != "-")
            {
                return word switch
                {
                    "-h" or "--help" => new ParseResult(null, new Refusal(0, GroupHelp(group))),
                    "--version" => new ParseResult(null, new Refusal(0, profile.VersionLine)),
                    _ => new ParseResult(
                        null,
                        GroupError(group, group.Length == 0 ? $"unknown option '{word}'" : $"Unknown option '{word}'")
                    ),
                };
            }
            if (group.Length == 0 && word == "help" && profile.Version >= new Version(0, 12))
            {
                return Help(profile, args.Skip(at + 1).ToList());
            }
            if (Tables.FindGroup(group, word) is { } inner)
            {
                group = inner;
                at++;
                continue;
            }
            if (Tables.Find(group, word, profile) is { } table)
            {
                return new Parser(profile, table).Parse(args, at + 1, check);
            }
            if (group.Length == 0)
            {
                return new ParseResult(
                    null,
                    Tables.IsUnsupported(word, profile) ? Validation.Failure("not supported by the emulator") : NoPlugin(word)
                );
            }
            return new ParseResult(null, GroupError(group, Unexpected(args.Skip(at).ToList())));
        }
    }

    internal static Refusal UsageError(CommandTable table, string text, string? help = null)
    {
        var helpLine = help is null ? "" : $"Help:  {help}\n";
        return new Refusal(
            64,
            $"Error: {text}\n{helpLine}Usage: container {table.Path} {table.Usage}\n  See 'container {table.Path} --help' for more information."
        );
    }

    /// <summary>What `container` says to a word that no command has: it might be a plugin.</summary>
    internal static Refusal NoPlugin(string word) =>
        new(
            64,
            $"""
            Error: Plugin 'container-{word}' not found.

            - If system services are not running, start them with: container system start
            - If the plugin isn't installed, ensure it exists under:

            Check to see that the plugin exists under:
              - /usr/local/libexec/container-plugins/{word}
              - /usr/local/libexec/container/plugins/{word}

            Usage: container [--debug] <subcommand>
              See 'container --help' for more information.
            """
        );

    internal static string Unexpected(IReadOnlyList<string> words) =>
        words.Count == 1
            ? $"Unexpected argument '{words[0]}'"
            : $"{words.Count.ToString(CultureInfo.InvariantCulture)} unexpected arguments: {string.Join(", ", words.Select(word => $"'{word}'"))}";

    internal static string CommandHelp(CommandTable table, Profile profile)
    {
        var lines = new List<string> { $"USAGE: container {table.Path} {table.Usage}", "", "OPTIONS:" };
        foreach (var option in table.Options.Where(option => option.Since <= profile.Version))
        {
            var value = option.Kind == ValueKind.None ? "" : $" <{option.ValueName}>";
            lines.Add($"  {string.Join(", ", option.Names)}{value}".PadRight(40) + option.Help);
        }
        lines.Add("  --version".PadRight(40) + "Show the version.");
        lines.Add("  -h, --help".PadRight(40) + "Show help information.");
        return string.Join('\n', lines);
    }

    private static ParseResult Help(Profile profile, List<string> words)
    {
        var group = "";
        foreach (var word in words.Where(word => word != "--debug"))
        {
            if (Tables.FindGroup(group, word) is { } inner)
            {
                group = inner;
            }
            else if (Tables.Find(group, word, profile) is { } table)
            {
                return new ParseResult(null, new Refusal(0, CommandHelp(table, profile)));
            }
            else
            {
                return new ParseResult(null, GroupError("", Unexpected([word])));
            }
        }
        return new ParseResult(null, new Refusal(0, GroupHelp(group)));
    }

    private static string GroupHelp(string group)
    {
        var name = group.Length == 0 ? "container" : $"container {group}";
        return $"USAGE: {name} [--debug] <subcommand>\n\nSUBCOMMANDS:\n  {string.Join("\n  ", Tables.Words(group))}";
    }

    private static Refusal GroupError(string group, string text)
    {
        var (usage, help) =
            group.Length == 0
                ? ("container [--debug] <subcommand>", "container --help")
                : ($"container {group} <subcommand>", $"container {group} --help");
        return new Refusal(64, $"Error: {text}\nUsage: {usage}\n  See '{help}' for more information.");
    }

    /// <summary>The check of a parse that may not look at the disk.</summary>
    private static class BeforeUnknown
    {
        public static readonly Func<ParsedCommand, Refusal?> Nothing = _ => null;
    }
}
