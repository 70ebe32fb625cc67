using System.Buffers;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// Cuts a byte stream into whole server-sent events, unchanged. An event is the unit that a client can use, so waiting for
/// its end costs nothing; and between two of them something of ours can be said.
/// </summary>
internal sealed class EventSplitter : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(4 * 1024);
    private int _start;
    private int _scanned;
    private int _end;

    /// <summary>The bytes of an unfinished event.</summary>
    public ReadOnlyMemory<byte> Rest => _buffer.AsMemory(_start, _end - _start);

    /// <summary>Room for the next read.</summary>
    public Memory<byte> Room()
    {
        if (_start == _end)
        {
            _start = _scanned = _end = 0;
        }
        if (_buffer.Length - _end < 2048)
        {
            var held = _end - _start;
            // Move to the front when at least half is free there; else the buffer doubles. Either way each byte moves a bounded number of times.
            var target = held <= _buffer.Length / 2 ? _buffer : ArrayPool<byte>.Shared.Rent(_buffer.Length * 2);
            Buffer.BlockCopy(_buffer, _start, target, 0, held);
            if (target != _buffer)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = target;
            }
            _scanned -= _start;
            _start = 0;
            _end = held;
        }
        return _buffer.AsMemory(_end);
    }

    public void Filled(int count) => _end += count;

    /// <summary>The next whole event with its blank line; valid until <see cref="Room"/> is called.</summary>
    public bool TryTake(out ReadOnlyMemory<byte> one)
    {
        while (true)
        {
            var newline = _buffer.AsSpan(_scanned, _end - _scanned).IndexOf((byte)'\n');
            if (newline < 0)
            {
                _scanned = _end;
                break;
            }
            var at = _scanned + newline;
            // The line that ends here is empty when its end follows the end of the line before.
            var previous = at - 1;
            if (previous >= _start && _buffer[previous] == '\r')
            {
                previous--;
            }
            _scanned = at + 1;
            if (previous < _start || _buffer[previous] == '\n')
            {
                one = _buffer.AsMemory(_start, at + 1 - _start);
                _start = at + 1;
                return true;
            }
        }
        one = default;
        return false;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }
}
