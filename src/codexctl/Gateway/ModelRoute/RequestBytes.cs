using System.Buffers;
using System.IO.Pipelines;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>A whole request body in rented memory, of any size that fits.</summary>
internal sealed class RequestBytes : IDisposable
{
    private byte[] _bytes;
    private int _length;

    private RequestBytes(int size) => _bytes = ArrayPool<byte>.Shared.Rent(size);

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, _length);

    public static async Task<RequestBytes> ReadAsync(PipeReader reader, long? expected, CancellationToken cancel)
    {
        var body = new RequestBytes((int)Math.Clamp(expected ?? 64 * 1024, 1024, 256 * 1024 * 1024));
        try
        {
            while (true)
            {
                var read = await reader.ReadAsync(cancel);
                body.Add(read.Buffer);
                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                {
                    return body;
                }
            }
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = [];
        _length = 0;
    }

    private void Add(ReadOnlySequence<byte> more)
    {
        var needed = checked(_length + (int)more.Length);
        if (needed > _bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(Array.MaxLength, Math.Max(needed, _bytes.Length * 2L)));
            Memory.CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        more.CopyTo(_bytes.AsSpan(_length));
        _length = needed;
    }
}
