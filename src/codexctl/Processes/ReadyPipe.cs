using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Processes;

/// <summary>The child's end of the pipe by which a detached process tells its starter that it is ready, or why it is not.</summary>
public sealed class ReadyPipe : IDisposable
{
    private readonly FileStream? _pipe;

    private ReadyPipe(FileStream? pipe) => _pipe = pipe;

    public static ReadyPipe Open()
    {
        try
        {
            return new ReadyPipe(new FileStream(new SafeFileHandle(Detached.ReadyDescriptor, ownsHandle: true), FileAccess.Write, 0));
        }
        catch (Exception error) when (error is IOException or ArgumentException or UnauthorizedAccessException)
        {
            // Started by hand: nobody waits.
            return new ReadyPipe(null);
        }
    }

    /// <summary>Says one line and closes the pipe. Only the first counts.</summary>
    public void Say(string line)
    {
        try
        {
            _pipe?.Write(Encoding.UTF8.GetBytes(line + "\n"));
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The starter has gone: the leases decide what happens next.
        }
        Dispose();
    }

    public void Dispose() => _pipe?.Dispose();
}
