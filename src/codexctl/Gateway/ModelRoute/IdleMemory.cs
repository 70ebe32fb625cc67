namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// Gives the memory of large bodies back to the system when no more of them come: an idle gateway makes no garbage, so the collector would look in
/// after hours, and the process stay as large as its largest body until then.
/// </summary>
internal sealed class IdleMemory : IDisposable
{
    /// <summary>Requests of a conversation stay far below. Bytes.</summary>
    private const int Large = 8 << 20;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(2);

    private readonly ITimer _timer;

    public IdleMemory(TimeProvider time) =>
        _timer = time.CreateTimer(
            _ => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true),
            null,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan
        );

    /// <summary>A body of that length is not needed any more.</summary>
    public void LetGo(int length)
    {
        if (length > Large)
        {
            _timer.Change(_patience, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer.Dispose();
}
