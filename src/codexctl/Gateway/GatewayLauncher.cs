using System.Text.Json;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Gateway;

/// <summary>The container is being stopped at this moment. Wait (outside of every lock) until the file is free, then look again.</summary>
public sealed class ContainerClosingException(string lockFile) : Exception("The container is being stopped.")
{
    /// <summary>Held for as long as the closing lasts.</summary>
    public string LockFile { get; } = lockFile;
}

/// <summary>Starts gateways and talks to running ones. The only part of this folder that front ends use.</summary>
public sealed class GatewayLauncher(IProcesses processes, Paths paths, Func<IReadOnlyList<string>, CommandLine> self, TimeProvider clock)
{
    /// <summary>A gateway listens after about 30 ms; under heavy load, or built without AOT, it takes longer.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>Longer than all that a gateway does when it ends.</summary>
    internal static readonly TimeSpan EndLimit = GatewayProcess.StopLimit + TimeSpan.FromSeconds(30);

    /// <summary>Longer than anything that is done under the preparation lock.</summary>
    private static readonly TimeSpan _turnLimit = TimeSpan.FromMinutes(5);

    /// <summary>A log that grew larger is begun anew. Bytes.</summary>
    private const long LargestLog = 1 << 20;

    internal TimeProvider Clock => clock;

    /// <summary>Launches the container's gateway if none answers, and joins it under the name of this run.</summary>
    /// <remarks>The caller holds the container's lease and the engine's preparation lock.</remarks>
    /// <exception cref="ContainerClosingException">The gateway is about to stop the container.</exception>
    public async Task<GatewayLink> OpenAsync(GatewayOrder order, string session, CancellationToken cancel)
    {
        var started = clock.GetUtcNow();
        var socket = await ConnectOrLaunchAsync(order, cancel);
        return await GatewayLink.JoinAsync(this, order, session, socket, started, cancel);
    }

    /// <summary>Whether a gateway answers for this container.</summary>
    public async Task<bool> AnswersAsync(string engine, string container)
    {
        using var socket = await LineSocket.TryConnectAsync(paths.Container(engine, container).ControlSocket);
        return socket is not null;
    }

    /// <summary>Tells the gateway to stop its container and end; waits until it has. False when there is none, or it died.</summary>
    /// <exception cref="UserError">The container could not be stopped.</exception>
    public async Task<bool> StopAsync(string engine, string container, CancellationToken cancel)
    {
        var files = paths.Container(engine, container);
        using var socket = await LineSocket.TryConnectAsync(files.ControlSocket, cancel);
        if (socket is null || !await socket.TrySendAsync(new ControlRequest("stop")))
        {
            return false;
        }
        var stopped = false;
        try
        {
            while (await socket.ReadAsync().WaitAsync(EndLimit, clock, cancel) is { } reply)
            {
                if (reply is { Ended: true, Ok: false })
                {
                    throw new UserError(
                        $"The container {container} could not be stopped.",
                        reply.Error,
                        "Check the engine by itself, then run codexctl stop again."
                    );
                }
                stopped |= reply.Ended;
            }
        }
        catch (TimeoutException)
        {
            throw Silent(files);
        }
        return stopped;
    }

    /// <summary>Changes what a running box may reach (a leading `!` denies), or only asks; what it may reach then. Null when no gateway answers.</summary>
    /// <exception cref="UserError">The gateway refuses.</exception>
    public async Task<IReadOnlyList<string>?> AllowAsync(
        string engine,
        string container,
        IReadOnlyList<string> entries,
        CancellationToken cancel
    )
    {
        var files = paths.Container(engine, container);
        using var socket = await LineSocket.TryConnectAsync(files.ControlSocket, cancel);
        if (socket is null || !await socket.TrySendAsync(new ControlRequest("allow", Allow: entries)))
        {
            return null;
        }
        try
        {
            return await socket.ReadAsync().WaitAsync(_patience, clock, cancel) switch
            {
                null => null,
                { Ok: true } reply => reply.Allow ?? [],
                var reply => throw new UserError("The allow list was not changed.", reply.Error),
            };
        }
        catch (TimeoutException)
        {
            throw Silent(files);
        }
    }

    /// <summary>The last order given for a container; null when there is none or it cannot be read.</summary>
    public GatewayOrder? LastOrder(string engine, string container)
    {
        try
        {
            var text = File.ReadAllText(paths.Container(engine, container).GatewayOrder);
            return
                JsonSerializer.Deserialize(text, OrderJson.Default.GatewayOrder) is { } order
                && Uri.TryCreate(order.ModelUrl, UriKind.Absolute, out _)
                ? order
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>A box that runs now and may write to a folder above this one; null when there is none.</summary>
    /// <param name="engine">With <paramref name="container"/>: the box that is asked for, which does not count.</param>
    public async Task<string?> WhoWritesAboveAsync(string folder, string engine, string container)
    {
        var boxes = Directory
            .EnumerateDirectories(paths.State)
            .SelectMany(one =>
                Directory.EnumerateDirectories(one).Select(box => (Engine: Path.GetFileName(one), Name: Path.GetFileName(box)))
            )
            .Where(box => box != (engine, container));
        foreach (var (otherEngine, name) in boxes)
        {
            if (
                LastOrder(otherEngine, name) is { } order
                && (order.Writable ?? [order.Workdir ?? ""]).Any(above =>
                    above.Length > 0 && folder.StartsWith(above.TrimEnd('/') + "/", StringComparison.Ordinal)
                )
                && await AnswersAsync(otherEngine, name)
            )
            {
                return name;
            }
        }
        return null;
    }

    /// <summary>Serialises the preparation of runs; whoever waits long is told.</summary>
    /// <exception cref="UserError">Somebody holds the lock for longer than any preparation takes.</exception>
    public async Task<FileLock> TakeTurnAsync(string engine, Action<string>? say, CancellationToken cancel)
    {
        var file = paths.PrepareLock(engine);
        if (say is not null)
        {
            if (await FileLock.TakeAsync(file, shared: false, TimeSpan.FromSeconds(5), clock, cancel) is { } early)
            {
                return early;
            }
            say("waiting for another codexctl that prepares a run or stops a container…");
        }
        return await FileLock.TakeAsync(file, shared: false, _turnLimit, clock, cancel)
            ?? throw new UserError(
                "Another codexctl has been preparing a run for minutes.",
                $"It holds {file}.",
                "If it was stopped (Ctrl-Z), let it go on or end it, then run the command again."
            );
    }

    /// <summary>For a gateway that died under its run: the preparation lock makes sure that only one front end launches the next.</summary>
    internal async Task<LineSocket> EnsureAsync(GatewayOrder order, CancellationToken cancel)
    {
        using var turn = await TakeTurnAsync(order.Engine, say: null, cancel);
        return await ConnectOrLaunchAsync(order, cancel, again: true);
    }

    /// <summary>Keeps the receipt of a run whose gateway is gone and cannot do it.</summary>
    internal void Keep(GatewayOrder order, Receipt receipt) => Keep(paths.Container(order.Engine, order.Container), receipt);

    private static void Keep(ContainerPaths files, Receipt receipt)
    {
        // Nobody writes to the record any more.
        var last = RecordFile.Last(files.Records);
        new ReceiptStore(files.Receipts).Add(receipt with { Session = last?.Id }, RecordFile.SealOf(last));
    }

    internal string GatewayLock(GatewayOrder order) => paths.Container(order.Engine, order.Container).GatewayLock;

    internal UserError Silent(GatewayOrder order) => Silent(paths.Container(order.Engine, order.Container));

    private static UserError Silent(ContainerPaths files) =>
        new(
            "The container's gateway does not answer.",
            $"It holds {files.GatewayLock}; its log is {files.GatewayLog}",
            "End it (its command line is: codexctl gateway …), then run the command again."
        );

    private async Task<LineSocket> ConnectOrLaunchAsync(GatewayOrder order, CancellationToken cancel, bool again = false)
    {
        var files = paths.Container(order.Engine, order.Container);
        if (await LineSocket.TryConnectAsync(files.ControlSocket, cancel) is { } running)
        {
            return running;
        }
        files.Prepare();
        // Not written again when it is there: a full disk must not keep a gateway from coming back to its run.
        var content = JsonSerializer.SerializeToUtf8Bytes(order, OrderJson.Default.GatewayOrder);
        if (!File.Exists(files.GatewayOrder) || !content.AsSpan().SequenceEqual(File.ReadAllBytes(files.GatewayOrder)))
        {
            PrivateFile.Write(files.GatewayOrder, content);
        }
        if (new FileInfo(files.GatewayLog) is { Exists: true, Length: > LargestLog })
        {
            File.Delete(files.GatewayLog);
        }
        var (_, ready) = await processes.DetachAsync(Command(order, again), files.GatewayLog, _patience, cancel);
        return ready.Trim() == "ready" && await LineSocket.TryConnectAsync(files.ControlSocket, cancel) is { } socket
            ? socket
            : throw new UserError(
                "The gateway could not be started.",
                ready.Trim() is { Length: > 0 } said ? said : $"Its log is {files.GatewayLog}",
                "Mend what the message says, then run the command again."
            );
    }

    // Out of the person's folder, which the box can write to; so what is relative there must be told in full.
    private CommandLine Command(GatewayOrder order, bool again) =>
        self(["gateway", order.Engine, order.Container, .. again ? (string[])["--again"] : []]) with
        {
            WorkingDirectory = "/",
            Environment = new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["CODEXCTL_STATE_DIR"] = paths.State,
                ["CODEXCTL_CACHE_DIR"] = paths.Cache,
            },
        };
}
