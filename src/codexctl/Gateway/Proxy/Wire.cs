using System.IO.Pipelines;
using System.Net.Sockets;

namespace Codexctl.Gateway.Proxy;

/// <summary>One side of an exchange: a socket, perhaps with TLS over it, read and written in pieces. Holds no buffer while nothing moves.</summary>
internal sealed class Wire(Socket socket, Stream stream) : IDuplexPipe, IDisposable
{
    private const int Piece = 64 * 1024;

    public Socket Socket => socket;

    public PipeReader Input { get; } = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: Piece, useZeroByteReads: true));

    public PipeWriter Output { get; } = PipeWriter.Create(stream, new StreamPipeWriterOptions(minimumBufferSize: 4096));

    /// <summary>What was cut must not look like what ended: the peer is to see a reset.</summary>
    public void Break()
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // Gone already.
        }
    }

    /// <summary>Says that we send no more; the other direction stays open.</summary>
    public async Task EndOutputAsync()
    {
        try
        {
            if (stream is System.Net.Security.SslStream secure)
            {
                await secure.ShutdownAsync();
            }
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or IOException)
        {
            // Gone already: whoever reads from it will notice.
        }
    }

    public void Dispose() => stream.Dispose();
}
