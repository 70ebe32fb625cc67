using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Threading.Channels;

namespace Codexctl.Gateway.Recording;

/// <summary>
/// Writes what went through the door to one append-only file a gateway life. Recording never holds up nor breaks the traffic: when it
/// cannot keep up or the disk is full it stops for good and says so (<see cref="Failed"/>).
/// </summary>
public sealed class Recorder : IExchangeSink, IAsyncDisposable
{
    /// <summary>Exchanges that may wait for the disk.</summary>
    private const int Waiting = 16 * 1024;

    /// <summary>A box that makes refused requests in a loop must not fill the disk. Bytes.</summary>
    private const long LargestFile = 256L * 1024 * 1024;

    private readonly Channel<Exchange> _channel = Channel.CreateBounded<Exchange>(
        // With Wait, TryWrite says no when it is full; the other modes drop in silence.
        new BoundedChannelOptions(Waiting) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
    );
    private readonly TimeProvider _time;
    private readonly long _largest;
    private readonly Task _writer;
    private volatile string? _failure;

    /// <param name="output">Owned from here on.</param>
    internal Recorder(Stream output, TimeProvider time, long largest = LargestFile)
    {
        _time = time;
        _largest = largest;
        _writer = Task.Run(() => WriteAllAsync(output));
    }

    /// <summary>Whether something is missing from the file.</summary>
    public bool Failed => _failure is not null;

    /// <summary>Why, in words; null while all is well.</summary>
    public string? Failure => _failure;

    /// <summary>
    /// Opens a new file (named by UTC time and chance, mode 0600) in a private directory. Does not throw: where that fails
    /// nothing is recorded and <see cref="Failed"/> is set.
    /// </summary>
    public static Recorder Open(string directory, TimeProvider time)
    {
        try
        {
            Paths.MakePrivate(directory);
            var stamp = time.GetUtcNow().UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
            var path = Path.Combine(directory, $"{stamp}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4))}.jsonl");
            var options = new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
            };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }
            return new Recorder(new FileStream(path, options), time);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            var recorder = new Recorder(Stream.Null, time);
            recorder.Fail(error.Message);
            return recorder;
        }
    }

    /// <summary>Adds to a file that a person named (mode 0600 where it is new).</summary>
    /// <exception cref="UserError">It cannot be written.</exception>
    public static Recorder OpenFile(string path, TimeProvider time)
    {
        try
        {
            var options = new FileStreamOptions
            {
                Mode = FileMode.Append,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            };
            return new Recorder(new FileStream(path, options), time);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path} cannot be written.", error.Message, "Name another file after --record.");
        }
    }

    public void Add(Exchange exchange)
    {
        if (!Failed && !_channel.Writer.TryWrite(exchange))
        {
            Fail("more happened than could be written");
        }
    }

    /// <summary>Writes what waits, and the end mark.</summary>
    public async ValueTask DisposeAsync()
    {
        _channel.Writer.TryComplete();
        await _writer;
    }

    private void Fail(string why)
    {
        _failure ??= why;
        _channel.Writer.TryComplete();
    }

    private async Task WriteAllAsync(Stream output)
    {
        var written = 0L;
        var buffer = new ArrayBufferWriter<byte>();
        try
        {
            await using (output)
            {
                RecordLine.WriteMark(buffer, "start", _time.GetUtcNow());
                do
                {
                    while (!Failed && buffer.WrittenCount < 64 * 1024 && _channel.Reader.TryRead(out var exchange))
                    {
                        RecordLine.Write(buffer, exchange);
                    }
                    if (Failed)
                    {
                        // Also from Add: what still waits in the channel would keep this loop turning.
                        return;
                    }
                    if (written + buffer.WrittenCount > _largest)
                    {
                        Fail($"the record reached its largest size of {_largest >> 20} MB");
                        return;
                    }
                    await output.WriteAsync(buffer.WrittenMemory);
                    written += buffer.WrittenCount;
                    buffer.Clear();
                } while (await _channel.Reader.WaitToReadAsync());
                if (!Failed)
                {
                    RecordLine.WriteMark(buffer, "end", _time.GetUtcNow());
                    await output.WriteAsync(buffer.WrittenMemory);
                }
            }
        }
        catch (Exception error)
        {
            // Disk full, directory removed, a stream that was taken away: the traffic goes on without.
            Fail(error.Message);
        }
        finally
        {
            // Nobody reads any more: what waits is let go of.
            while (_channel.Reader.TryRead(out _)) { }
        }
    }
}
