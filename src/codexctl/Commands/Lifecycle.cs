using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>`start`, `stop`, `restart` and `rm`: one container each.</summary>
public static class Lifecycle
{
    public static Command CreateStart(App app)
    {
        var (command, options) = New(app, "start", "Start a stopped container; it runs until `codexctl stop`");
        command.SetAction(
            async (parsed, cancel) =>
            {
                var (engine, container) = await options.FindAsync(app, parsed, cancel);
                await StartAsync(app, engine, container, cancel);
                app.Terminal.WriteLine(container.Name);
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(
            ("codexctl start", "Start this folder's container; it stays up"),
            ("codexctl start --name codex-demo", "Start another one")
        );
    }

    public static Command CreateStop(App app)
    {
        var (command, options) = New(app, "stop", "Stop a running container");
        command.SetAction(
            async (parsed, cancel) =>
            {
                var (engine, container) = await options.FindAsync(app, parsed, cancel);
                if (!await app.Sessions(engine).StopAsync(container, cancel))
                {
                    app.Terminal.Say($"{container.Name} was not running.");
                }
                app.Terminal.WriteLine(container.Name);
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(
            ("codexctl stop", "Stop this folder's container"),
            ("codexctl stop --name codex-demo", "Stop another one")
        );
    }

    public static Command CreateRestart(App app)
    {
        var (command, options) = New(app, "restart", "Stop a container and start it again");
        command.SetAction(
            async (parsed, cancel) =>
            {
                var (engine, container) = await options.FindAsync(app, parsed, cancel);
                await app.Sessions(engine).StopAsync(container, cancel);
                await StartAsync(app, engine, container with { State = ContainerState.Stopped }, cancel);
                app.Terminal.WriteLine(container.Name);
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl restart", "Stop this folder's container and start it again"));
    }

    public static Command CreateRm(App app)
    {
        var (command, options) = New(app, "rm", "Remove a container and its Codex home");
        var force = new Option<bool>("--force", "-f") { Description = "Also when it runs" };
        command.Options.Add(force);
        command.SetAction(
            async (parsed, cancel) =>
            {
                var (engine, container) = await options.FindAsync(app, parsed, cancel);
                await app.Sessions(engine).RemoveAsync(container, parsed.GetValue(force), cancel);
                app.Terminal.WriteLine(container.Name);
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(
            ("codexctl rm", "Remove this folder's container; recordings and receipts stay"),
            ("codexctl rm --force --name codex-demo", "Remove another one, also when it runs")
        );
    }

    private static (Command Command, ContainerOptions Options) New(App app, string verb, string description)
    {
        var command = new Command(verb, description);
        var options = new ContainerOptions(app);
        options.AddTo(command);
        return (command, options);
    }

    internal static Task StartAsync(App app, IContainerEngine engine, ContainerInfo container, CancellationToken cancel)
    {
        var runs = app.Sessions(engine);
        var last = app.Gateways.LastOrder(engine.Name, container.Name);
        return runs.StartAsync(ExistingContainer.Request(container, last, app.Environment, app.Settings, starts: true), cancel);
    }
}
