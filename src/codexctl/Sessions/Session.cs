using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>
/// A run that is ready: the container is up, its gateway knows of us, and our lease keeps both. Disposed without a finish
/// (an error, Ctrl-C before the command), it counts as ended by force.
/// </summary>
/// <param name="isNew">The container was made for this run, and nobody has tried its door yet.</param>
/// <param name="overTcp">The container's door is a TCP port.</param>
/// <param name="stopAlone">Stops the container when no gateway is there to do it; gets the reason that is known.</param>
public sealed class Session(
    IContainerEngine engine,
    RunRequest request,
    string container,
    string name,
    FileLock lease,
    GatewayLink link,
    bool isNew,
    bool overTcp,
    Func<string?, Task> stopAlone
) : IAsyncDisposable
{
    private bool _endedByForce;
    private bool _finished;

    public string Container { get; } = container;

    /// <summary>What the person should know, after the finish.</summary>
    public string? Notice { get; private set; }

    /// <summary>The container was made for this run, so nothing is lost with it.</summary>
    public bool IsNew { get; } = isNew;

    /// <summary>Its door is a TCP port, not a socket.</summary>
    public bool IsOverTcp { get; } = overTcp;

    /// <summary>
    /// Whether a command that ended with <see cref="Box.DoorSilent"/> was never run, because the door has not answered since the box
    /// was started. Once it has, nothing in the box can bring this about again.
    /// </summary>
    public async Task<bool> DoorIsSilentAsync() => await TryDoorAsync(CancellationToken.None) == Box.DoorSilent;

    /// <summary>The exit code of a command that does nothing, before which the door is tried.</summary>
    public async Task<int> TryDoorAsync(CancellationToken cancel) =>
        (await CaptureAsync(["true"], TimeSpan.FromMinutes(1), cancel)).ExitCode;

    /// <summary>Hands the terminal (or the pipes) to a command; returns its exit code.</summary>
    public async Task<int> AttachAsync(IReadOnlyList<string> command, bool terminal, bool root = false)
    {
        _endedByForce = true;
        var code = await engine.ExecAsync(Exec(command, terminal, root));
        // Above 128 a signal ended it, perhaps only the engine's client: what is left inside must go too.
        _endedByForce = code > 128;
        return code;
    }

    /// <summary>Runs a command without a terminal and collects what it says.</summary>
    /// <param name="input">Its standard input; null for none.</param>
    public Task<ProcessResult> CaptureAsync(
        IReadOnlyList<string> command,
        TimeSpan limit,
        CancellationToken cancel,
        string? input = null
    ) => engine.CaptureAsync(Exec(command, terminal: false, root: false), limit, input, cancel);

    /// <summary>Gives the lease back; the last one out waits until the container is stopped.</summary>
    public async Task<Receipt> FinishAsync(CancellationToken cancel = default)
    {
        _finished = true;
        var end = await link.FinishAsync(lease, _endedByForce, cancel);
        if (!end.Settled)
        {
            await stopAlone(end.Problem);
        }
        Notice = end.Notice;
        return end.Receipt;
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_finished)
            {
                _endedByForce = true;
                await FinishAsync();
            }
        }
        finally
        {
            await link.DisposeAsync();
        }
    }

    private ExecSpec Exec(IReadOnlyList<string> command, bool terminal, bool root) =>
        new(Container, command, request.User, root, terminal, Environment(), name);

    private IReadOnlyDictionary<string, string> Environment() =>
        link.Key is { } key
            ? new Dictionary<string, string>(request.Environment, StringComparer.Ordinal) { [Box.KeyVariable] = key }
            : request.Environment;
}
