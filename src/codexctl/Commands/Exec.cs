using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>`codexctl exec` and `codexctl su-exec`: one more command in a running container.</summary>
public static class Exec
{
    public static Command Create(App app, string verb, bool root)
    {
        var what = root ? "Run a command in the running container as root" : "Run a command (or a shell) in the running container";
        var command = new Command(verb, what);
        var options = new ContainerOptions(app);
        options.AddTo(command);
        var rest = new Argument<string[]>("command")
        {
            Description = "The command; none for a login shell",
            Arity = ArgumentArity.ZeroOrMore,
            HelpName = "[--] COMMAND…",
        };
        Passthrough.Refuse(rest, $"options of the command follow its name, as in: codexctl {verb} ls -la");
        command.Arguments.Add(rest);
        command.SetAction((parsed, cancel) => RunAsync(app, options, parsed, root, cancel));
        return root
            ? command.WithExamples(
                ("codexctl su-exec apk add graphviz", "Install something in the running container"),
                ("codexctl su-exec", "A root shell in it")
            )
            : command.WithExamples(
                ("codexctl exec", "A shell in this folder's running container"),
                ("codexctl exec ls -la /workdir", "One command"),
                ("codexctl exec --name codex-demo -- make test", "In another container")
            );
    }

    private static async Task<int> RunAsync(App app, ContainerOptions options, ParseResult parsed, bool root, CancellationToken cancel)
    {
        var (engine, container) = await options.FindAsync(app, parsed, cancel);
        if (root && !engine.Capabilities.RootExec)
        {
            throw new UserError(
                $"{engine.Name} has no root inside its boxes.",
                "Its box is the host's own files under your own user; a root there would be root here.",
                "Install what you need on the host, or use another engine: --engine docker"
            );
        }
        if (container.State != ContainerState.Running)
        {
            throw new UserError(
                $"The container {container.Name} is not running.",
                null,
                $"Start it: codexctl start --name {container.Name}",
                ExitCodes.BeforeCommand
            );
        }
        var shell = app.Settings.DefaultShell;
        var command = app.Line.Rest.Count == 0 ? BoxCommand.Shell(shell) : BoxCommand.Typed(app.Line.Rest, shell);
        var last = app.Gateways.LastOrder(engine.Name, container.Name);
        var request = ExistingContainer.Request(container, last, app.Environment, app.Settings, starts: false);
        var runs = app.Sessions(engine);
        await using var session = await runs.JoinAsync(container, last, request, cancel);
        var code = await runs.ExecAsync(session, command, app.Terminal.IsInteractive, root);
        await session.FinishAsync(CancellationToken.None);
        return code;
    }
}
