using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// Reads a stream piece by piece and tells when nothing came for long, without giving the read up. One timer and no memory for a piece: a stream has
/// fifty a second, and a task, a timer and a cancellation for each would cost more than the piece itself.
/// </summary>
internal sealed class PatientReader : IValueTaskSource<bool>, IDisposable
{
    private readonly Stream _stream;
    private readonly TimeProvider _time;
    private readonly TimeSpan _limit;
    private readonly ITimer _timer;
    private readonly Action _came;
    private readonly Lock _gate = new();
    private ManualResetValueTaskSourceCore<bool> _answer;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _read;
    private long _since;
    private bool _waiting;
    private bool _isThere;
    private bool _isLong;

    /// <param name="limit">What is long.</param>
    public PatientReader(Stream stream, TimeProvider time, TimeSpan limit)
    {
        (_stream, _time, _limit, _since) = (stream, time, limit, time.GetTimestamp());
        _came = () => Notice(ref _isThere);
        _timer = time.CreateTimer(reader => ((PatientReader)reader!).Look(), this, limit, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Begins to read the next piece. It ends with <see cref="End"/>.</summary>
    public void Begin(Memory<byte> room, CancellationToken cancel)
    {
#pragma warning disable CA2012 // Its result is taken once, by End.
        _read = _stream.ReadAsync(room, cancel).ConfigureAwait(false).GetAwaiter();
#pragma warning restore CA2012
        _isThere = _read.IsCompleted;
        if (!_isThere)
        {
            _read.UnsafeOnCompleted(_came);
        }
    }

    /// <summary>True when the piece is there; false when nothing came for long, and it is still being read.</summary>
    public ValueTask<bool> CameAsync()
    {
        lock (_gate)
        {
            if (_isThere || _isLong)
            {
                _isLong = false;
                return new(_isThere);
            }
            _answer.Reset();
            _waiting = true;
            return new(this, _answer.Version);
        }
    }

    /// <summary>The length of the piece that came; 0 at the end of the stream. Throws what the stream throws.</summary>
    public int End()
    {
        _isThere = false;
        var read = _read.GetResult();
        Volatile.Write(ref _since, _time.GetTimestamp());
        return read;
    }

    public void Dispose() => _timer.Dispose();

    bool IValueTaskSource<bool>.GetResult(short token) => _answer.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _answer.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => _answer.OnCompleted(continuation, state, token, flags);

    private void Look()
    {
        var left = _limit - _time.GetElapsedTime(Volatile.Read(ref _since));
        if (left <= TimeSpan.Zero)
        {
            Volatile.Write(ref _since, _time.GetTimestamp());
            left = _limit;
            Notice(ref _isLong);
        }
        _timer.Change(left, Timeout.InfiniteTimeSpan);
    }

    private void Notice(ref bool what)
    {
        bool came;
        lock (_gate)
        {
            what = true;
            if (!_waiting)
            {
                return;
            }
            _waiting = false;
            came = _isThere;
            _isLong = false;
        }
        _answer.SetResult(came);
    }
}
