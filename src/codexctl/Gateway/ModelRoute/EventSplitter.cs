namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// Cuts a byte stream into whole server-sent events, unchanged. An event is the unit that a client can use, so waiting for
/// its end costs nothing; and between two of them something of ours can be said.
/// </summary>
internal sealed class EventSplitter
{
    // Not from a pool: a read that was given up may still write to it.
    private byte[] _buffer = new byte[4 * 1024];
    private int _start;
    private int _line;
    private int _scanned;
    private int _end;
    private bool _afterReturn;

    /// <summary>The bytes of an unfinished event.</summary>
    public ReadOnlyMemory<byte> Rest => _buffer.AsMemory(_start, _end - _start);

    /// <summary>Room for the next read.</summary>
    public Memory<byte> Room()
    {
        if (_start == _end)
        {
            _start = _line = _scanned = _end = 0;
        }
        if (_buffer.Length - _end < 2048)
        {
            var held = _end - _start;
            // Move to the front when at least half is free there; else the buffer doubles. Either way each byte moves a bounded number of times.
            var target = held <= _buffer.Length / 2 ? _buffer : new byte[_buffer.Length * 2];
            Buffer.BlockCopy(_buffer, _start, target, 0, held);
            _buffer = target;
            _line -= _start;
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
            if (_afterReturn && _scanned < _end)
            {
                _afterReturn = false;
                if (_buffer[_scanned] == '\n')
                {
                    _line = ++_scanned;
                }
            }
            var newline = _buffer.AsSpan(_scanned, _end - _scanned).IndexOfAny((byte)'\r', (byte)'\n');
            if (newline < 0)
            {
                _scanned = _end;
                break;
            }
            var at = _scanned + newline;
            var isEmpty = at == _line;
            _line = _scanned = at + 1;
            // A line ends with CR LF, LF or CR; after a CR at the end of what came, an LF may still belong to it. The event does not wait for that.
            _afterReturn = _buffer[at] == '\r';
            if (_afterReturn && _scanned < _end && _buffer[_scanned] == '\n')
            {
                _afterReturn = false;
                _line = ++_scanned;
            }
            if (isEmpty)
            {
                one = _buffer.AsMemory(_start, _scanned - _start);
                _start = _scanned;
                return true;
            }
        }
        one = default;
        return false;
    }
}
