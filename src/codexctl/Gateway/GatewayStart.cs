using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Gateway;

/// <summary>Puts a gateway together from its order and runs it; tells the launcher on the ready pipe how that went.</summary>
internal static class GatewayStart
{
    public static async Task RunAsync(
        Paths paths,
        GatewayLauncher launcher,
        HostEnvironment environment,
        Func<Task<LoginVault>> vault,
        IContainerEngine engine,
        string container,
        bool again,
        TimeProvider clock,
        Action<string> log,
        Action tidy
    )
    {
        HostEnvironment.HandleSocketsInline();
        using var ready = ReadyPipe.Open();
        try
        {
            var order =
                launcher.LastOrder(engine.Name, container)
                ?? throw new UserError($"There is no order for a gateway of {container}.", "Gateways are started by codexctl run.");
            var files = paths.Container(engine.Name, container);
            await using (var parts = await GatewayParts.MakeAsync(order, files, environment, vault, clock, again))
            {
                var process = new GatewayProcess(order, files, engine, parts, clock, log);
                var tidying = Task.CompletedTask;
                await process.RunAsync(() =>
                {
                    ready.Say("ready");
                    tidying = Task.Run(tidy);
                });
                await tidying;
            }
            if (order.Scripted)
            {
                // The demo's: nobody wants to keep its records.
                Directory.Delete(files.Root, recursive: true);
            }
        }
        catch (Exception error)
        {
            // Whatever it is: the front end tells the person. After the first word nobody listens, and the log keeps it.
            ready.Say(error is UserError { Why: { } why } ? $"{error.Message} {why}" : error.Message);
            throw;
        }
    }
}
