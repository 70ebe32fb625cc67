using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Gateway;

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
                    chosen,
                    parsed.GetRequiredValue(container),
                    parsed.GetValue(again),
                    app.Clock,
                    app.Terminal.Say
                );
                return ExitCodes.Ok;
            }
        );
        return command;
    }
}
