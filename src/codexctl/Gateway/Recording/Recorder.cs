using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Threading.Channels;

namespace Codexctl.Gateway.Recording;

/// <summary>
/// Writes what went through the door to one append-only record a session. Recording never holds up nor breaks the traffic: whoever adds only puts
/// it in a queue; when it cannot keep up or the disk is full it stops for good and says so (<see cref="Failed"/>).
/// </summary>
public sealed class Recorder : IExchangeSink, IAsyncDisposable
{
    /// <summary>Exchanges that may wait for the disk.</summary>
    private const int Waiting = 16 * 1024;

    /// <summary>Of these, pieces of bodies may take half, so that they never push out what happened.</summary>
    private const int WaitingBodies = Waiting / 2;

    /// <summary>Beyond which new requests wait. The rest is for those that are served already: a few exchanges each.</summary>
    private const int Busy = Waiting / 4 * 3;

    /// <summary>A disk that hangs must not hang the traffic.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(5);

    /// <summary>Bytes of bodies that may wait for it.</summary>
    private const long WaitingBytes = 64L << 20;

    /// <summary>A larger request body is not recorded. Bytes.</summary>
    internal const int LongestBody = 16 << 20;

    internal static readonly string TooLong = $"the request is longer than {LongestBody >> 20} MB";

    private readonly Channel<Exchange> _channel = Channel.CreateBounded<Exchange>(
        // With Wait, TryWrite says no when it is full; the other modes drop in silence.
        new BoundedChannelOptions(Waiting) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
    );
    private readonly TimeProvider _time;
    private readonly RecordLimits _limits;
    private readonly SessionInfo _info;
    private readonly Action<Exchange>? _watch;
    private readonly bool _again;
    private readonly Task _writer;
    private readonly ConcurrentDictionary<long, string> _cut = new();
    private volatile string? _failure;
    private volatile bool _bodies;
    private long _waitingBytes;

    /// <param name="output">Owned from here on.</param>
    internal Recorder(Stream output, TimeProvider time, long largest = long.MaxValue, bool bodies = false)
        : this(RecordParts.Over(output), time, new SessionInfo(), again: false, bodies, new RecordLimits(largest, largest, largest), null)
    { }

    private Recorder(
        RecordParts? parts,
        TimeProvider time,
        SessionInfo info,
        bool again,
        bool bodies,
        RecordLimits limits,
        Action<Exchange>? watch
    )
    {
        (_time, _limits, _info, _again, _bodies, _watch) = (time, limits, info, again, bodies, watch);
        _writer = Task.Run(() => WriteAllAsync(parts));
    }

    /// <summary>Whether something is missing from the file.</summary>
    public bool Failed => _failure is not null;

    /// <summary>Why, in words; null while all is well.</summary>
    public string? Failure => _failure;

    /// <summary>The record's name; null where nothing is written.</summary>
    public string? Session => _info.Session;

    public bool WantsBodies => _bodies && !Failed;

    /// <summary>
    /// Opens a new record (named by UTC time and chance, mode 0600) in a private directory, or goes on with the last one. Does not throw: where
    /// that fails nothing is recorded and <see cref="Failed"/> is set.
    /// </summary>
    /// <param name="again">The gateway before was killed under its runs: their record goes on.</param>
    /// <param name="watch">Sees everything that is written, secrets taken out, on the writer's own thread; must not wait.</param>
    public static Recorder Open(
        string directory,
        TimeProvider time,
        SessionInfo? info = null,
        bool bodies = false,
        bool again = false,
        RecordLimits? limits = null,
        Action<Exchange>? watch = null
    )
    {
        try
        {
            Paths.MakePrivate(directory);
            var stamp = time.GetUtcNow().UtcDateTime.ToString("yyyyMMdd'T'HHmmssfff'Z'", CultureInfo.InvariantCulture);
            var last = again ? RecordFile.Last(directory) : null;
            var parts = last is { Ended: false }
                ? RecordParts.Continue(directory, last)
                : RecordParts.Create(directory, $"{stamp}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}");
            return new Recorder(
                parts,
                time,
                (info ?? new SessionInfo()) with
                {
                    Session = parts.Session,
                },
                again,
                bodies,
                limits ?? RecordLimits.Default,
                watch
            );
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            var recorder = Watching(time, watch, bodies);
            recorder.Fail(error.Message);
            return recorder;
        }
    }

    /// <summary>Adds to a file that a person named (mode 0600 where it is new).</summary>
    /// <exception cref="UserError">It cannot be written.</exception>
    public static Recorder OpenFile(string path, TimeProvider time, bool bodies = true, Action<Exchange>? watch = null)
    {
        try
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            var file = new FileStream(path, options);
            if (file.Length > 0)
            {
                file.Seek(-1, SeekOrigin.End);
                if (file.ReadByte() != '\n')
                {
                    // Of a writer that was killed: what comes now is on a line of its own.
                    file.Write("\n"u8);
                }
            }
            return new Recorder(RecordParts.Over(file), time, new SessionInfo(), again: false, bodies, RecordLimits.Default, watch);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path} cannot be written.", error.Message, "Name another file after --record.");
        }
    }

    /// <summary>Writes nothing down; <paramref name="watch"/> sees all that would have been.</summary>
    public static Recorder Watching(TimeProvider time, Action<Exchange>? watch, bool bodies = true) =>
        new(null, time, new SessionInfo(), again: false, bodies, RecordLimits.Default, watch);

    /// <summary>From now on bodies are recorded too.</summary>
    public void RecordBodies()
    {
        if (!_bodies)
        {
            _bodies = true;
            Add(new BodiesSwitched(_time.GetUtcNow(), On: true, null));
        }
    }

    public ValueTask ReadyAsync(CancellationToken cancel) => Failed || _channel.Reader.Count < Busy ? default : new(WaitAsync(cancel));

    public void Add(Exchange exchange)
    {
        if (Failed)
        {
            return;
        }
        if (exchange is CallBytes bytes)
        {
            AddBytes(bytes);
            return;
        }
        if (exchange is ModelCall { Id: { } id } && _cut.TryRemove(id, out var why))
        {
            Put(new CallCut(exchange.At, id, why));
        }
        Put(exchange);
    }

    /// <summary>The state of the record once everything that was added until now is written; null where nothing (more) is recorded.</summary>
    public async Task<RecordSeal?> SealAsync()
    {
        var seal = new SealRequest(_time.GetUtcNow());
        if (Failed || !_channel.Writer.TryWrite(seal))
        {
            return null;
        }
        // The writer answers, or fails and answers null; a disk that hangs must not keep a run from ending.
        return await Task.WhenAny(seal.Answer.Task, Task.Delay(TimeSpan.FromSeconds(5), _time)) == seal.Answer.Task
            ? await seal.Answer.Task
            : null;
    }

    /// <summary>Writes what waits, and the end mark.</summary>
    public async ValueTask DisposeAsync()
    {
        _channel.Writer.TryComplete();
        await _writer;
    }

    private async Task WaitAsync(CancellationToken cancel)
    {
        var begin = _time.GetTimestamp();
        while (!Failed && _channel.Reader.Count >= Busy && _time.GetElapsedTime(begin) < _patience)
        {
            await Task.Delay(_pause, _time, cancel);
        }
    }

    private void Put(Exchange exchange)
    {
        if (!_channel.Writer.TryWrite(exchange) && !_writer.IsCompleted)
        {
            Fail("more happened than could be written");
        }
    }

    // Bodies that the disk cannot keep up with are cut off; that something happened is still written.
    private void AddBytes(CallBytes bytes)
    {
        if (_cut.ContainsKey(bytes.Id))
        {
            return;
        }
        var why =
            bytes.IsRequest && bytes.Bytes.Length > LongestBody ? TooLong
            : Interlocked.Add(ref _waitingBytes, bytes.Bytes.Length) > WaitingBytes || _channel.Reader.Count >= WaitingBodies
                ? "the disk was too slow"
            : null;
        if (why is null && _channel.Writer.TryWrite(bytes))
        {
            return;
        }
        if (!(bytes.IsRequest && bytes.Bytes.Length > LongestBody))
        {
            Interlocked.Add(ref _waitingBytes, -bytes.Bytes.Length);
        }
        _cut[bytes.Id] = why ?? "the disk was too slow";
    }

    private void Fail(string why)
    {
        _failure ??= why;
        _channel.Writer.TryComplete();
    }

    private async Task WriteAllAsync(RecordParts? parts)
    {
        try
        {
            await using var file = parts;
            await new Writing(this, parts).RunAsync();
        }
        catch (Exception error)
        {
            // Disk full, directory removed, a stream that was taken away: the traffic goes on without.
            Fail(error.Message);
        }
        finally
        {
            // Nobody reads any more: what waits is let go of.
            while (_channel.Reader.TryRead(out var left))
            {
                (left as SealRequest)?.Answer.TrySetResult(null);
            }
        }
    }

    private sealed record SealRequest(DateTimeOffset At) : Exchange(At)
    {
        public TaskCompletionSource<RecordSeal?> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>The one writer.</summary>
    private sealed class Writing(Recorder recorder, RecordParts? parts)
    {
        private readonly ArrayBufferWriter<byte> _buffer = new();
        private readonly BodyEvents _bodies = new();
        private bool _bodiesFull;

        public async Task RunAsync()
        {
            var reader = recorder._channel.Reader;
            Start(recorder._again);
            do
            {
                while (!recorder.Failed && _buffer.WrittenCount < 64 * 1024 && reader.TryRead(out var exchange))
                {
                    await TakeAsync(exchange);
                }
                if (!await FlushAsync())
                {
                    return;
                }
            } while (reader.TryPeek(out _) || await reader.WaitToReadAsync());
            if (!recorder.Failed)
            {
                Write(new SessionEnd(recorder._time.GetUtcNow()));
                await FlushAsync();
            }
        }

        private async ValueTask TakeAsync(Exchange exchange)
        {
            if (exchange is SealRequest seal)
            {
                seal.Answer.TrySetResult(await FlushAsync() ? parts?.Seal() : null);
                return;
            }
            if (exchange is CallBytes bytes)
            {
                Interlocked.Add(ref recorder._waitingBytes, -bytes.Bytes.Length);
                if (_bodiesFull)
                {
                    return;
                }
            }
            foreach (var line in _bodies.Of(exchange))
            {
                Write(line);
            }
            if (parts is not null && !_bodiesFull && recorder._bodies && parts.Total + _buffer.WrittenCount > recorder._limits.Bodies)
            {
                _bodiesFull = true;
                recorder._bodies = false;
                Write(new BodiesSwitched(recorder._time.GetUtcNow(), On: false, "the record reached its largest size for bodies"));
            }
        }

        private void Start(bool again) =>
            Write(
                new SessionStart(recorder._time.GetUtcNow(), recorder._info, parts?.Part ?? 1, again, recorder._bodies)
                {
                    Previous = parts?.Previous,
                }
            );

        private void Write(Exchange exchange)
        {
            RecordLine.Write(_buffer, exchange);
            recorder._watch?.Invoke(RecordLine.Clean(exchange));
        }

        /// <summary>False when recording has stopped, also because of somebody who added.</summary>
        private async ValueTask<bool> FlushAsync()
        {
            if (recorder.Failed)
            {
                return false;
            }
            if (parts is not null && _buffer.WrittenCount > 0)
            {
                if (parts.Total + _buffer.WrittenCount > recorder._limits.All)
                {
                    recorder.Fail($"the record reached its largest size of {recorder._limits.All >> 20} MB");
                    return false;
                }
                await parts.WriteAsync(_buffer.WrittenMemory);
            }
            _buffer.ResetWrittenCount();
            if (parts is not null && parts.Length > recorder._limits.Part && await parts.NextAsync())
            {
                Start(again: false);
            }
            return true;
        }
    }
}
