using System.IO.Pipes;

namespace Codexctl.Processes;

/// <summary>
/// The three standard streams as descriptors, for commands whose bytes pass through us. Reading can be stopped without
/// taking what nobody has read: it belongs to the next program on the terminal.
/// </summary>
internal sealed class StandardStreams : IDisposable
{
    private readonly AnonymousPipeServerStream _stop = new(PipeDirection.In, HandleInheritability.None);
    private readonly bool _readsInput;
    private volatile bool _stopped;

    /// <param name="readsInput">False: input is at its end from the start.</param>
    public StandardStreams(bool readsInput)
    {
        _readsInput = readsInput && Libc.IsInherited(0);
    }

    /// <summary>Waits for input; 0 at its end or after <see cref="Stop"/>.</summary>
    public int Read(Span<byte> buffer)
    {
        if (!_readsInput || _stopped)
        {
            return 0;
        }
        while (true)
        {
            Span<Libc.PollDescriptor> files = [new(0, Libc.PollIn), new((int)_stop.SafePipeHandle.DangerousGetHandle(), Libc.PollIn)];
            Libc.Poll(files, Timeout.Infinite);
            if (_stopped || files[1].Returned != 0)
            {
                return 0;
            }
            var count = Libc.Read(0, buffer);
            if (count != -Libc.ErrorAgain)
            {
                return Math.Max(count, 0);
            }
        }
    }

    public void Stop()
    {
        _stopped = true;
        // The end of the pipe wakes the reader.
        _stop.ClientSafePipeHandle.Dispose();
    }

    /// <summary>False when the reader of that stream is gone. A stream that was closed from the start takes everything.</summary>
    public static bool Write(bool error, ReadOnlySpan<byte> bytes)
    {
        var file = error ? 2 : 1;
        return !Libc.IsInherited(file) || Libc.WriteAll(file, bytes) == 0;
    }

    public void Dispose() => _stop.Dispose();
}
