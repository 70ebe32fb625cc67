using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Gateway.Log;

namespace Codexctl.Commands;

/// <summary>`codexctl gateway ENGINE CONTAINER`: hidden; how a front end starts the gateway of a container.</summary>
public static class GatewayCommand
{
    public static Command Create(App app)
    {
        var engine = new Argument<string>("engine");
        var container = new Argument<string>("container");
        var command = new Command("gateway", "The background process of a container") { Hidden = true };
        command.Arguments.Add(engine);
        var again = new Option<bool>("--again") { Description = "It follows one that died under its runs" };
        command.Arguments.Add(container);
        command.Options.Add(again);
        command.SetAction(
            async (parsed, cancel) =>
            {
                var chosen = await app.EngineAsync(parsed.GetRequiredValue(engine), cancel);
                await GatewayStart.RunAsync(
                    app.Paths,
                    app.Gateways,
                    app.Environment,
                    app.LoginsAsync,
                    chosen,
                    parsed.GetRequiredValue(container),
                    parsed.GetValue(again),
                    app.Clock,
                    app.Terminal.Say,
                    () => Tidy(app)
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }

    /// <summary>Records that are too old or too many go, by the person's own settings: a gateway is in no project's folder.</summary>
    private static void Tidy(App app)
    {
        try
        {
            foreach (var one in new RecordRetention(new SessionFinder(app.Paths), app.Clock).Apply(LogPrune.Rule(app)))
            {
                app.Terminal.Say($"removed the record {one.Session.Id}: {one.Reason}.");
            }
        }
        catch (Exception error) when (error is UserError or IOException or UnauthorizedAccessException)
        {
            // Settings that cannot be read, a disk that is full: the traffic goes on, and the log has it.
            app.Terminal.Say($"old records were not removed: {error.Message}");
        }
    }
}
