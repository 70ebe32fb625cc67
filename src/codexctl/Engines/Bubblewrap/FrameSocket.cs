using System.Buffers.Binary;
using System.Net.Sockets;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>Frames over a connected socket. One reader; writers take turns. Blocks: each side gives it a thread.</summary>
internal sealed class FrameSocket(Socket socket) : IDisposable
{
    private readonly FrameDecoder _decoder = new();
    private readonly Lock _sending = new();
    private readonly byte[] _outgoing = new byte[FrameDecoder.HeaderSize + FrameDecoder.LargestData];

    /// <summary>The next frame; false at the end of the connection, however it came.</summary>
    /// <exception cref="InvalidDataException">The other side does not keep to the protocol.</exception>
    public bool TryReceive(out FrameType type, out ReadOnlySpan<byte> content)
    {
        while (!_decoder.TryRead(out type, out content))
        {
            int count;
            try
            {
                count = socket.Receive(_decoder.Free());
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return false;
            }
            if (count == 0)
            {
                return false;
            }
            _decoder.Added(count);
        }
        return true;
    }

    /// <summary>Sends one frame; waits while the other side is slow. False when the connection is gone.</summary>
    public bool Send(FrameType type, ReadOnlySpan<byte> content)
    {
        lock (_sending)
        {
            try
            {
                if (content.Length <= FrameDecoder.LargestData)
                {
                    FrameDecoder.WriteHeader(_outgoing, type, content.Length);
                    content.CopyTo(_outgoing.AsSpan(FrameDecoder.HeaderSize));
                    SendAll(_outgoing.AsSpan(0, FrameDecoder.HeaderSize + content.Length));
                }
                else
                {
                    FrameDecoder.WriteHeader(_outgoing, type, content.Length);
                    SendAll(_outgoing.AsSpan(0, FrameDecoder.HeaderSize));
                    SendAll(content);
                }
                return true;
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                return false;
            }
        }
    }

    public bool Send(FrameType type, int number)
    {
        Span<byte> content = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(content, number);
        return Send(type, content);
    }

    /// <summary>Ends the connection both ways; a reader that waits sees the end.</summary>
    public void Shutdown()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // It is gone already, which is what was wanted.
        }
    }

    public void Dispose() => socket.Dispose();

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[socket.Send(bytes)..];
        }
    }
}
