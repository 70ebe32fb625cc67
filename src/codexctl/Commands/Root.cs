using System.CommandLine;
using System.CommandLine.Help;

namespace Codexctl.Commands;

/// <summary>The command tree: the words a person can type.</summary>
public static class Root
{
    public static RootCommand Create(App app)
    {
        var root = new RootCommand("Codex on your own machine, in a box that can reach only what you allow")
        {
            Run.Create(app),
            Exec.Create(app, "exec", root: false),
            Exec.Create(app, "su-exec", root: true),
            Lifecycle.CreateStart(app),
            Lifecycle.CreateStop(app),
            Lifecycle.CreateRestart(app),
            Lifecycle.CreateRm(app),
            Ls.Create(app),
            Build.Create(app),
            Auth.Create(app),
            KeychainCommand.Create(app),
            ImagesCommand.Create(app),
            CodexCommand.Create(app),
            Upgrade.Create(app),
            Demo.Create(app),
            Log.Create(app),
            ReceiptCommand.Create(app),
            Stats.Create(app),
            ModelsCommand.Create(app),
            Allow.Create(app, deny: false),
            Allow.Create(app, deny: true),
            Proxy.Create(app),
            Completion.Create(app),
            Reference.Create(app, () => Create(app)),
            Config.Create(app),
            Trust.Create(app),
            Doctor.Create(app),
            GatewayCommand.Create(app),
        };
        // Without the forms of another system, which begin like paths.
        root.Options.Remove(root.Options.OfType<HelpOption>().Single());
        root.Options.Add(new HelpOption("--help", "-h"));
        TalkOptions.AddTo(root);
        return root.ShowInHelp();
    }

    /// <summary>`run` and `exec` give 125 when they failed before their command ran, so that it cannot be taken for the command's own.</summary>
    public static int FailureCode(Passthrough line) =>
        line.Parsed.Count > 0 && line.Parsed[0] is "run" or "exec" or "su-exec" ? ExitCodes.BeforeCommand : ExitCodes.Failed;

    public static string CommandPath(ParseResult parsed)
    {
        var name = parsed.CommandResult.Command.Name;
        return parsed.CommandResult.Command is RootCommand ? "codexctl" : $"codexctl {name}";
    }
}
