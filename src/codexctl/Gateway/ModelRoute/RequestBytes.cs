using System.Buffers;
using System.IO.Pipelines;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>A whole request body in rented memory, of any size that fits.</summary>
internal sealed class RequestBytes : IDisposable
{
    /// <summary>Larger ones are not kept for the next request: the pool would hold them for good. Bytes.</summary>
    private const int Pooled = 1 << 20;

    private byte[] _bytes;
    private int _length;

    private RequestBytes(int size) => _bytes = Rent(size);

    public ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, _length);

    public static async Task<RequestBytes> ReadAsync(PipeReader reader, long? expected, CancellationToken cancel)
    {
        var body = new RequestBytes((int)Math.Clamp(expected ?? 4 * 1024, 1024, 256 * 1024 * 1024));
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
        Return(_bytes);
        _bytes = [];
        _length = 0;
    }

    private static byte[] Rent(int size) => size <= Pooled ? ArrayPool<byte>.Shared.Rent(size) : GC.AllocateUninitializedArray<byte>(size);

    private static void Return(byte[] bytes)
    {
        if (bytes.Length <= Pooled)
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void Add(ReadOnlySequence<byte> more)
    {
        var needed = checked(_length + (int)more.Length);
        if (needed > _bytes.Length)
        {
            var larger = Rent((int)Math.Min(Array.MaxLength, Math.Max(needed, _bytes.Length * 2L)));
            Memory.CopyTo(larger);
            Return(_bytes);
            _bytes = larger;
        }
        more.CopyTo(_bytes.AsSpan(_length));
        _length = needed;
    }
}
