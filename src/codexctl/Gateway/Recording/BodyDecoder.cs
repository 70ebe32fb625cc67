using System.Buffers;
using System.IO.Compression;
using System.IO.Pipelines;

namespace Codexctl.Gateway.Recording;

/// <summary>
/// Reads a compressed body as it passes by, piece by piece, for what is shown and written down; the body itself goes on as it is. What a piece
/// makes readable comes out with it, as far as its sender flushed.
/// </summary>
internal sealed class BodyDecoder : IDisposable
{
    /// <summary>A body that grows beyond this is none that anybody would read. Bytes.</summary>
    public const int Longest = 64 << 20;

    private readonly string _coding;
    private readonly byte[] _buffer = new byte[16 << 10];

    // Whoever waits for bytes goes on in the call that brings them: after Add all is said that can be.
    private readonly Pipe _pipe = new(
        new PipeOptions(
            readerScheduler: PipeScheduler.Inline,
            writerScheduler: PipeScheduler.Inline,
            pauseWriterThreshold: 0,
            useSynchronizationContext: false
        )
    );
    private Stream? _plain;
    private Task<int>? _reading;
    private long _total;

    private BodyDecoder(string coding) => _coding = coding;

    /// <summary>For `Content-Encoding`: gzip, deflate or br; null for others, which cannot be read here.</summary>
    public static BodyDecoder? For(string coding) =>
        coding.Trim().ToLowerInvariant() switch
        {
            "gzip" or "x-gzip" => new BodyDecoder("gzip"),
            "deflate" => new BodyDecoder("deflate"),
            "br" => new BodyDecoder("br"),
            _ => null,
        };

    /// <summary>What can be read now; perhaps nothing yet.</summary>
    /// <exception cref="InvalidDataException">It is not what it says, or grows without end.</exception>
    public byte[] Add(ReadOnlySequence<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return [];
        }
        _plain ??= Open(bytes.FirstSpan[0]);
        foreach (var piece in bytes)
        {
            _pipe.Writer.Write(piece.Span);
        }
        // Nobody is waited for: the pipe takes any number of bytes.
        _ = _pipe.Writer.FlushAsync().AsTask();
        return Read(wait: false);
    }

    /// <summary>The body is over: the rest.</summary>
    /// <exception cref="InvalidDataException">It is not what it says, or grows without end. A body that was cut is none of those.</exception>
    public byte[] End()
    {
        if (_plain is null)
        {
            return [];
        }
        _pipe.Writer.Complete();
        return Read(wait: true);
    }

    public void Dispose()
    {
        _pipe.Writer.Complete();
        _plain?.Dispose();
    }

    private Stream Open(byte first)
    {
        var source = _pipe.Reader.AsStream();
        return _coding switch
        {
            "gzip" => new GZipStream(source, CompressionMode.Decompress),
            "br" => new BrotliStream(source, CompressionMode.Decompress),
            // By its name it has a wrapping; some servers leave that away.
            _ when (first & 0x0f) == 8 => new ZLibStream(source, CompressionMode.Decompress),
            _ => new DeflateStream(source, CompressionMode.Decompress),
        };
    }

    private byte[] Read(bool wait)
    {
        var found = new MemoryStream();
        while (true)
        {
            _reading ??= _plain!.ReadAsync(_buffer).AsTask();
            if (!wait && !_reading.IsCompleted)
            {
                return found.ToArray();
            }
            int read;
            try
            {
                read = _reading.GetAwaiter().GetResult();
            }
            catch (Exception error) when (error is InvalidDataException or InvalidOperationException or IOException)
            {
                // A body that was cut in the middle tells what it told.
                return wait ? found.ToArray() : throw new InvalidDataException($"it is no {_coding}", error);
            }
            if (read == 0)
            {
                return found.ToArray();
            }
            _reading = null;
            _total += read;
            if (_total > Longest)
            {
                throw new InvalidDataException($"it is longer than {Longest >> 20} MB");
            }
            found.Write(_buffer, 0, read);
        }
    }
}
