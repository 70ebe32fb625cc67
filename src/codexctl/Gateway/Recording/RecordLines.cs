namespace Codexctl.Gateway.Recording;

/// <summary>
/// The lines of a file that may still grow. Asked again after its end it goes on where it was, so that a line which is written in two pieces
/// comes out as one.
/// </summary>
internal sealed class RecordLines(string path) : IDisposable
{
    private readonly FileStream _file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    private byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _scanned;
    private int _end;

    /// <summary>Whether the file ends (now) in the middle of a line.</summary>
    public bool Torn => _end > _start;

    /// <summary>The next whole line without its newline, valid until the next call; null at the end (for now).</summary>
    public async ValueTask<ReadOnlyMemory<byte>?> NextAsync(CancellationToken cancel)
    {
        while (true)
        {
            var newline = _buffer.AsSpan(_scanned, _end - _scanned).IndexOf((byte)'\n');
            if (newline >= 0)
            {
                var line = _buffer.AsMemory(_start, _scanned + newline - _start);
                _start = _scanned = _scanned + newline + 1;
                if (line.Length > 0)
                {
                    return line;
                }
                continue;
            }
            _scanned = _end;
            MakeRoom();
            var read = await _file.ReadAsync(_buffer.AsMemory(_end), cancel);
            if (read == 0)
            {
                return null;
            }
            _end += read;
        }
    }

    public void Dispose() => _file.Dispose();

    private void MakeRoom()
    {
        if (_end < _buffer.Length)
        {
            return;
        }
        var held = _end - _start;
        var target = held <= _buffer.Length / 2 ? _buffer : new byte[_buffer.Length * 2];
        Buffer.BlockCopy(_buffer, _start, target, 0, held);
        _buffer = target;
        (_start, _scanned, _end) = (0, held, held);
    }
}
