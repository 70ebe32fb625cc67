using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>What others left: a container whose gateway died, temporary ones that nobody removes.</summary>
public sealed partial class SessionRunner
{
    /// <summary>What the gateway does at the end of the last run, where it died and its successor could not be started.</summary>
    private async Task StopAloneAsync(GatewayOrder order, string? problem)
    {
        if (problem is not null)
        {
            services.Say(
                $"{order.Container} could not be stopped: {problem}. It ends by itself in about a minute; codexctl stop tries again."
            );
            return;
        }
        var files = services.Paths.Container(EngineName, order.Container);
        if (!Directory.Exists(files.Root) || File.Exists(files.Pinned))
        {
            return;
        }
        // A moment's patience: of a killed gateway the kernel closes the connection before it frees the lease.
        using var last = await FileLock.TakeAsync(files.Lease, shared: false, TimeSpan.FromSeconds(2), services.Clock);
        if (last is null)
        {
            // Others are on, or a gateway is at it.
            return;
        }
        try
        {
            await services.Engine.StopAsync(order.Container);
            if (order.Temporary)
            {
                await services.Engine.RemoveAsync(order.Container, force: true);
                files.RemoveAllButRecords();
            }
        }
        catch (Exception error) when (error is UserError or ProcessError)
        {
            // The run is over, and its exit code is the command's.
            services.Say($"{order.Container} could not be stopped: {error.Message}");
        }
    }

    /// <summary>
    /// The Codex homes of the container that was here before an upgrade come into this one. They wait on where that fails: a run needs
    /// them no more than a new container does.
    /// </summary>
    private async Task TakeLuggageAsync(Session session, CancellationToken cancel)
    {
        var files = services.Paths.Container(EngineName, session.Container);
        if (!File.Exists(files.Luggage))
        {
            return;
        }
        using var alone = await FileLock.TakeAsync(files.Luggage + ".lock", shared: false, TimeSpan.FromMinutes(5), services.Clock, cancel);
        if (alone is null || !File.Exists(files.Luggage))
        {
            return;
        }
        var said = await HomeLuggage.UnpackAsync(session, files.Luggage, cancel);
        if (said.ExitCode == 0)
        {
            Directory.Delete(files.Move, recursive: true);
        }
        else if (said.ExitCode != Box.DoorSilent)
        {
            services.Say(
                $"the sessions from before the upgrade could not be put into {session.Container} ({said.Error.Trim()}); they are kept, and the next run tries it again."
            );
        }
    }

    /// <summary>
    /// Temporary containers whose run and gateway were both killed: nobody asks for their names again, so they are cleared away
    /// by whoever comes next. Costs a look at small files where there are none.
    /// </summary>
    private async Task SweepAsync(CancellationToken cancel)
    {
        foreach (var folder in Directory.EnumerateDirectories(services.Paths.EngineState(EngineName)))
        {
            var name = Path.GetFileName(folder);
            if (services.Gateways.LastOrder(EngineName, name) is not { Temporary: true } order || order.Container != name)
            {
                continue;
            }
            var files = services.Paths.Container(EngineName, name);
            using var alone = FileLock.TryTake(files.Lease);
            if (alone is null)
            {
                continue;
            }
            try
            {
                await services.Engine.RemoveAsync(name, force: true, cancel);
                files.RemoveAllButRecords();
            }
            catch (Exception error) when (error is UserError or ProcessError or IOException)
            {
                services.Say($"the temporary container {name} was left behind by a killed run and cannot be removed: {error.Message}");
            }
        }
    }
}
