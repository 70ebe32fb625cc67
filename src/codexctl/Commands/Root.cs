using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>The command tree: the words a person can type.</summary>
public static class Root
{
    private static readonly (string Name, Func<App, Command> Make)[] _commands =
    [
        ("run", Run.Create),
        ("exec", app => Exec.Create(app, "exec", root: false)),
        ("su-exec", app => Exec.Create(app, "su-exec", root: true)),
        ("start", Lifecycle.CreateStart),
        ("stop", Lifecycle.CreateStop),
        ("restart", Lifecycle.CreateRestart),
        ("rm", Lifecycle.CreateRm),
        ("ls", Ls.Create),
        ("build", Build.Create),
        ("auth", Auth.Create),
        ("keychain", KeychainCommand.Create),
        ("images", ImagesCommand.Create),
        ("codex", CodexCommand.Create),
        ("upgrade", Upgrade.Create),
        ("demo", Demo.Create),
        ("log", Log.Create),
        ("receipt", ReceiptCommand.Create),
        ("stats", Stats.Create),
        ("models", ModelsCommand.Create),
        ("allow", app => Allow.Create(app, deny: false)),
        ("deny", app => Allow.Create(app, deny: true)),
        ("proxy", Proxy.Create),
        ("completion", Completion.Create),
        ("reference", app => Reference.Create(app, () => Create(app))),
        ("config", Config.Create),
        ("trust", Trust.Create),
        ("import", Import.Create),
        ("doctor", Doctor.Create),
        ("uninstall", Uninstall.Create),
        ("gateway", GatewayCommand.Create),
    ];

    public static RootCommand Create(App app) => Create(app, _commands);

    /// <summary>As much of the tree as this line can need: a start makes one command, not thirty.</summary>
    public static RootCommand Create(App app, IReadOnlyList<string> line) =>
        Create(
            app,
            line is ["--version"] ? []
                : Array.FindIndex(_commands, one => line is [var first, ..] && one.Name == first) is >= 0 and var at ? [_commands[at]]
                : _commands
        );

    private static RootCommand Create(App app, (string Name, Func<App, Command> Make)[] commands)
    {
        var root = new RootCommand("Codex on your own machine, in a box that can reach only what you allow");
        foreach (var (_, make) in commands)
        {
            root.Add(make(app));
        }
        // Without the forms of another system, which begin like paths.
        root.Options.Remove(root.Options.OfType<HelpOption>().Single());
        root.Options.Add(new HelpOption("--help", "-h"));
        TalkOptions.AddTo(root);
        root.WithExamples(
            ("codexctl demo", "See that everything works here, without a model and an account"),
            ("codexctl run", "Work in this folder with Codex"),
            ("codexctl doctor", "Find out what is wrong, and what mends it")
        );
        return root.ShowInHelp();
    }

    /// <summary>`run` and `exec` give 125 when they failed before their command ran, so that it cannot be taken for the command's own.</summary>
    public static int FailureCode(Passthrough line) =>
        line.Parsed.Count > 0 && line.Parsed[0] is "run" or "exec" or "su-exec" ? ExitCodes.BeforeCommand : ExitCodes.Failed;

    /// <summary>What is wrong with a command line, with the nearest name that there is.</summary>
    public static UserError Wrong(ParseResult parsed)
    {
        // A word that nobody knows explains more than what is missing because of it.
        var error =
            parsed.Errors.FirstOrDefault(e => parsed.UnmatchedTokens.Any(word => e.Message.Contains(word, StringComparison.Ordinal)))
            ?? parsed.Errors[0];
        var refused = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens);
        var near = parsed
            .UnmatchedTokens.Concat(refused.Select(token => token.Value))
            .Where(word => error.Message.Contains(word, StringComparison.Ordinal))
            .Select(word => Near(parsed.CommandResult.Command, word))
            .FirstOrDefault(found => found is not null);
        var help = $"{CommandPath(parsed)} --help shows what can be typed.";
        return new UserError(error.Message, null, near is null ? help : $"Did you mean {near}?\n{help}", ExitCodes.Usage);
    }

    private static string CommandPath(ParseResult parsed) => CommandPath(parsed.CommandResult.Command);

    private static string CommandPath(Command command) =>
        command is RootCommand ? "codexctl" : $"{CommandPath(command.Parents.OfType<Command>().First())} {command.Name}";

    /// <summary>The option or subcommand that a word nearly is, as it is typed.</summary>
    private static string? Near(Command command, string word)
    {
        var above = command.Parents.OfType<Command>().SelectMany(parent => parent.Options.Where(option => option.Recursive));
        var names = word.StartsWith('-')
            ? command.Options.Concat(above).Where(option => !option.Hidden).Select(option => option.Name)
            : command.Subcommands.Where(child => !child.Hidden).Select(child => child.Name);
        return Nearest.Of(word.Split('=')[0], names) is { } near ? $"{CommandPath(command)} {near}" : null;
    }
}
