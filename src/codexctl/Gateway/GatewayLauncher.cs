using System.Text.Json;
using Codexctl.Processes;

namespace Codexctl.Gateway;

/// <summary>Starts gateways and talks to running ones. The only part of this folder that front ends use.</summary>
public sealed class GatewayLauncher(IProcesses processes, Paths paths, Func<IReadOnlyList<string>, CommandLine> self, TimeProvider clock)
{
    /// <summary>A gateway listens after about 30 ms; under heavy load, or built without AOT, it takes longer.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    internal DateTimeOffset Now => clock.GetUtcNow();

    /// <summary>Launches the container's gateway if none answers, and joins it under the name of this run.</summary>
    /// <remarks>The caller holds the container's lease and the engine's preparation lock.</remarks>
    public async Task<GatewayLink> OpenAsync(GatewayOrder order, string session, CancellationToken cancel)
    {
        var started = Now;
        var socket = await ConnectOrLaunchAsync(order, cancel);
        return await GatewayLink.JoinAsync(this, order, session, socket, started);
    }

    /// <summary>Whether a gateway answers for this container.</summary>
    public async Task<bool> AnswersAsync(string engine, string container)
    {
        using var socket = await LineSocket.TryConnectAsync(paths.Container(engine, container).ControlSocket);
        return socket is not null;
    }

    /// <summary>Tells the gateway to stop its container and end; waits until it has. False when there is none.</summary>
    public async Task<bool> StopAsync(string engine, string container, CancellationToken cancel)
    {
        using var socket = await LineSocket.TryConnectAsync(paths.Container(engine, container).ControlSocket, cancel);
        if (socket is null || !await socket.TrySendAsync(new ControlRequest("stop")))
        {
            return false;
        }
        while (await socket.ReadAsync().WaitAsync(cancel) is not null)
        {
            // Lines before the end say nothing to us: the end of the connection is the answer.
        }
        return true;
    }

    /// <summary>The last order given for a container; null when there is none or it cannot be read.</summary>
    public GatewayOrder? LastOrder(string engine, string container)
    {
        try
        {
            var text = File.ReadAllText(paths.Container(engine, container).GatewayOrder);
            return JsonSerializer.Deserialize(text, GatewayJson.Default.GatewayOrder);
        }
        catch (Exception error) when (error is IOException or JsonException)
        {
            return null;
        }
    }

    /// <summary>For a gateway that died under its run: the preparation lock makes sure that only one front end launches the next.</summary>
    internal async Task<LineSocket> EnsureAsync(GatewayOrder order, CancellationToken cancel)
    {
        using var turn = await FileLock.TakeAsync(paths.PrepareLock(order.Engine));
        return await ConnectOrLaunchAsync(order, cancel);
    }

    private async Task<LineSocket> ConnectOrLaunchAsync(GatewayOrder order, CancellationToken cancel)
    {
        var files = paths.Container(order.Engine, order.Container);
        if (await LineSocket.TryConnectAsync(files.ControlSocket, cancel) is { } running)
        {
            return running;
        }
        files.Prepare();
        PrivateFile.Write(files.GatewayOrder, JsonSerializer.SerializeToUtf8Bytes(order, GatewayJson.Default.GatewayOrder));
        var command = self(["gateway", order.Engine, order.Container]) with { WorkingDirectory = "/" };
        var (_, ready) = await processes.DetachAsync(command, files.GatewayLog, _patience, cancel);
        return ready.Trim() == "ready" && await LineSocket.TryConnectAsync(files.ControlSocket, cancel) is { } socket
            ? socket
            : throw new UserError(
                "The gateway could not be started.",
                ready.Trim() is { Length: > 0 } said ? said : $"Its log is {files.GatewayLog}",
                "Mend what the message says, then run the command again."
            );
    }
}
