using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Text;

namespace Codexctl.Commands;

/// <summary>The command reference: docs/commands.md and the manual pages, written from the command tree itself.</summary>
public static class Reference
{
    /// <summary>`codexctl reference`: hidden; packaging and a test use it.</summary>
    public static Command Create(App app, Func<RootCommand> root)
    {
        var folder = new Option<string?>("--man") { Description = "Write manual pages into this folder", HelpName = "FOLDER" };
        var command = new Command("reference", "Print the command reference") { folder };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(folder) is not { } path)
            {
                app.Terminal.WriteLine(Markdown(root()).TrimEnd());
                return ExitCodes.Ok;
            }
            Directory.CreateDirectory(path);
            foreach (var (name, page) in ManPages(root()))
            {
                File.WriteAllText(Path.Combine(path, $"{name}.1"), page);
            }
            return ExitCodes.Ok;
        });
        return command;
    }

    public static string Markdown(RootCommand root)
    {
        var text = new StringBuilder("# Command reference\n\nWritten by `codexctl reference` from the program itself.\n");
        text.Append("\nOptions that every command takes:\n\n");
        AppendOptions(text, Global(root));
        foreach (var (path, command) in Walk(root, "codexctl").Skip(1))
        {
            text.Append($"\n## {path}\n\n{command.Description}.\n\n    {Usage(path, command)}\n");
            if (command.Arguments.Count + Own(command).Count > 0)
            {
                text.Append('\n');
            }
            foreach (var argument in command.Arguments.Where(argument => !argument.Hidden))
            {
                text.Append($"- `{argument.HelpName ?? argument.Name}`: {argument.Description}\n");
            }
            AppendOptions(text, Own(command));
            foreach (var example in Examples.Of(command))
            {
                text.Append($"\n{example.What}:\n\n    {example.Line}\n");
            }
        }
        return text.ToString();
    }

    public static IEnumerable<(string Name, string Page)> ManPages(RootCommand root)
    {
        var all = Walk(root, "codexctl").ToList();
        foreach (var (path, command) in all)
        {
            var name = path.Replace(' ', '-');
            var page = new StringBuilder($".TH {name.ToUpperInvariant()} 1 \"\" \"codexctl {Product.Version}\" \"codexctl\"\n");
            page.Append($".SH NAME\n{name} \\- {Roff(command.Description ?? "")}\n");
            var rest = Usage(path, command)[path.Length..].Trim();
            page.Append($".SH SYNOPSIS\n.B {Roff(path)}\n{(rest.Length == 0 ? "" : Roff(rest) + "\n")}");
            if (command == root)
            {
                page.Append(".SH COMMANDS\n");
                foreach (var (other, its) in all.Skip(1))
                {
                    page.Append($".TP\n.B {Roff(other)}\n{Roff(its.Description ?? "")}\n");
                }
            }
            List<Option> options = command == root ? [.. Global(root)] : [.. Own(command)];
            if (options.Count > 0 || command.Arguments.Count > 0)
            {
                page.Append(".SH OPTIONS\n");
            }
            foreach (var argument in command.Arguments.Where(argument => !argument.Hidden))
            {
                page.Append($".TP\n.I {Roff(argument.HelpName ?? argument.Name)}\n{Roff(argument.Description ?? "")}\n");
            }
            foreach (var option in options)
            {
                page.Append($".TP\n.B {Roff(Names(option))}\n{Roff(option.Description ?? "")}\n");
            }
            if (Examples.Of(command) is { Count: > 0 } examples)
            {
                page.Append(".SH EXAMPLES\n");
                foreach (var example in examples)
                {
                    page.Append($".TP\n.B {Roff(example.Line)}\n{Roff(example.What)}\n");
                }
            }
            page.Append(
                ".SH EXIT STATUS\nThe command's own; else 0, 1 failed, 2 usage, 4 sign-in needed, 125 codexctl failed before the command ran, 126 and 127 as in a shell, 130 interrupted.\n"
            );
            page.Append(command == root ? "" : ".SH SEE ALSO\n.BR codexctl (1)\n");
            yield return (name, page.ToString());
        }
    }

    /// <summary>All visible commands, the root first.</summary>
    internal static IEnumerable<(string Path, Command Command)> Walk(Command command, string path)
    {
        yield return (path, command);
        foreach (var child in command.Subcommands.Where(child => !child.Hidden).OrderBy(child => child.Name, StringComparer.Ordinal))
        {
            foreach (var below in Walk(child, $"{path} {child.Name}"))
            {
                yield return below;
            }
        }
    }

    private static List<Option> Global(RootCommand root) =>
        [
            .. root
                .Options.Where(option => !option.Hidden && option is not VersionOption)
                .Append(root.Options.OfType<VersionOption>().Single()),
        ];

    private static List<Option> Own(Command command) => [.. command.Options.Where(option => !option.Hidden && option is not HelpOption)];

    private static void AppendOptions(StringBuilder text, IEnumerable<Option> options)
    {
        foreach (var option in options)
        {
            text.Append($"- `{Names(option)}`: {option.Description}\n");
        }
    }

    private static string Usage(string path, Command command)
    {
        var usage = new StringBuilder(path);
        if (command.Subcommands.Any(child => !child.Hidden))
        {
            usage.Append(" COMMAND");
        }
        if (Own(command).Count > 0)
        {
            usage.Append(" [OPTIONS]");
        }
        foreach (var argument in command.Arguments.Where(argument => !argument.Hidden))
        {
            var name = argument.HelpName ?? argument.Name.ToUpperInvariant();
            usage.Append(argument.Arity.MinimumNumberOfValues == 0 ? $" [{name}]" : $" {name}");
        }
        return usage.ToString();
    }

    private static string Names(Option option)
    {
        var names = string.Join(", ", option.Aliases.Prepend(option.Name));
        var takesValue = option.ValueType != typeof(bool) && option is not HelpOption and not VersionOption;
        return takesValue ? $"{names} {option.HelpName ?? "VALUE"}" : names;
    }

    // A dot or quote at the beginning of a line is a request; a plain dash is a hyphen.
    private static string Roff(string text)
    {
        var escaped = new StringBuilder();
        foreach (var letter in text)
        {
            // Not every troff reads UTF-8.
            _ = letter switch
            {
                '\\' => escaped.Append("\\e"),
                '-' => escaped.Append("\\-"),
                > '~' => escaped.Append(CultureInfo.InvariantCulture, $"\\[u{(int)letter:X4}]"),
                _ => escaped.Append(letter),
            };
        }
        return Guarded(escaped.ToString());
    }

    private static string Guarded(string escaped) => escaped.StartsWith('.') || escaped.StartsWith('\'') ? "\\&" + escaped : escaped;
}
