using System.Buffers.Binary;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>What goes over the exec socket. Down: to the box. Up: to the host.</summary>
internal enum FrameType : byte
{
    /// <summary>Up, first: the protocol's name and version.</summary>
    Hello = (byte)'h',

    /// <summary>Down, once: an <see cref="ExecRequest"/>.</summary>
    Request = (byte)'r',

    /// <summary>Down: bytes for standard input, never more than was granted.</summary>
    Input = (byte)'i',
    InputEnd = (byte)'d',

    /// <summary>Up: that many more bytes of input may come. Keeps signals from waiting behind input that nobody reads.</summary>
    Grant = (byte)'g',

    /// <summary>Down: columns and rows, two bytes each.</summary>
    Resize = (byte)'w',

    /// <summary>Down: one signal's number.</summary>
    Signal = (byte)'k',

    /// <summary>Up.</summary>
    Output = (byte)'o',

    /// <summary>Up.</summary>
    Error = (byte)'e',

    /// <summary>Up, last: the exit code.</summary>
    Exit = (byte)'x',
}

/// <summary>
/// Frames: one byte of type, four of length (big endian), the content. A pure codec: bytes in any chunks, frames out. The
/// other side is not trusted: unknown types and lengths above a type's limit are refused before anything is kept.
/// </summary>
internal sealed class FrameDecoder
{
    public const int HeaderSize = 5;
    public const int LargestData = 64 * 1024;
    public const int LargestRequest = 4 * 1024 * 1024;

    private byte[] _buffer = new byte[HeaderSize + LargestData];
    private int _start;
    private int _end;

    /// <summary>Where the next bytes go; never empty.</summary>
    public Span<byte> Free()
    {
        if (_start > 0 && (_start == _end || _end == _buffer.Length))
        {
            _buffer.AsSpan(_start.._end).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }
        return _buffer.AsSpan(_end);
    }

    /// <summary>That many bytes were put where <see cref="Free"/> said.</summary>
    public void Added(int count) => _end += count;

    /// <param name="content">Valid until the next call.</param>
    /// <exception cref="InvalidDataException">The other side does not keep to the protocol.</exception>
    public bool TryRead(out FrameType type, out ReadOnlySpan<byte> content)
    {
        type = default;
        content = default;
        if (_end - _start < HeaderSize)
        {
            return false;
        }
        type = (FrameType)_buffer[_start];
        var length = BinaryPrimitives.ReadUInt32BigEndian(_buffer.AsSpan(_start + 1));
        if (length > Limit(type))
        {
            throw new InvalidDataException($"A frame of type {(byte)type} and length {length} is not allowed.");
        }
        var size = HeaderSize + (int)length;
        if (_end - _start < size)
        {
            if (size > _buffer.Length)
            {
                var larger = new byte[size];
                _buffer.AsSpan(_start.._end).CopyTo(larger);
                (_buffer, _start, _end) = (larger, 0, _end - _start);
            }
            return false;
        }
        content = _buffer.AsSpan(_start + HeaderSize, (int)length);
        _start += size;
        return true;
    }

    /// <summary>Writes a frame's header; the content follows it.</summary>
    public static void WriteHeader(Span<byte> target, FrameType type, int length)
    {
        target[0] = (byte)type;
        BinaryPrimitives.WriteInt32BigEndian(target[1..], length);
    }

    private static uint Limit(FrameType type) =>
        type switch
        {
            FrameType.Hello => 64,
            FrameType.Request => LargestRequest,
            FrameType.Input or FrameType.Output or FrameType.Error => LargestData,
            FrameType.Grant or FrameType.Exit or FrameType.Resize => 4,
            FrameType.Signal => 1,
            FrameType.InputEnd => 0,
            _ => throw new InvalidDataException($"A frame of type {(byte)type} is unknown."),
        };
}
