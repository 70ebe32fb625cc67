namespace Codexctl.Gateway.Egress;

/// <summary>
/// Cancels when nothing moved for a while. One slow timer looks at a time stamp: nothing is armed and disarmed for each piece of data, so the
/// limit is kept to within a quarter.
/// </summary>
internal sealed class IdleWatch : IDisposable
{
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop;
    private readonly ITimer _timer;
    private long _last;
    private long _limit;

    public IdleWatch(TimeProvider time, TimeSpan limit, CancellationTokenSource stop)
    {
        _time = time;
        _stop = stop;
        _last = time.GetTimestamp();
        _limit = limit.Ticks;
        _timer = time.CreateTimer(_ => Look(), null, limit / 4, limit / 4);
    }

    /// <summary>Whether it was this that cancelled.</summary>
    public bool Expired { get; private set; }

    public void Touch() => Volatile.Write(ref _last, _time.GetTimestamp());

    public void ChangeLimit(TimeSpan limit)
    {
        Volatile.Write(ref _limit, limit.Ticks);
        _timer.Change(limit / 4, limit / 4);
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        if (_time.GetElapsedTime(Volatile.Read(ref _last)).Ticks < Volatile.Read(ref _limit))
        {
            return;
        }
        Expired = true;
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The connection ended while the timer fired.
        }
    }
}
