using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace Codexctl.Gateway.Egress;

/// <summary>
/// Copies one message body as it arrives. Chunks are taken apart and made anew, so that nothing but the data itself (no extension,
/// no trailer, no clever spelling of a size) gets to the other side.
/// </summary>
internal static class BodyCopier
{
    private const int LongestSizeLine = 256;
    private const int LongestTrailer = 8 * 1024;

    /// <summary>From here on a piece goes out by itself, without being copied. Smaller ones go in one packet with what belongs to them.</summary>
    private const int Long = 4 * 1024;

    /// <param name="chunked">Whether to write chunks; else the plain bytes.</param>
    /// <param name="moved">Told of every piece, before it is passed on.</param>
    /// <param name="trailers">Whether trailers go with the body; else they are dropped.</param>
    public static async Task CopyAsync(
        PipeReader from,
        (Framing Framing, long Length) body,
        PipeWriter to,
        bool chunked,
        Action<ReadOnlySequence<byte>> moved,
        bool trailers,
        CancellationToken cancel
    )
    {
        switch (body.Framing)
        {
            case Framing.Length:
                await CopyExactlyAsync(from, body.Length, to, chunked, moved, cancel);
                break;
            case Framing.Chunked:
                await CopyChunksAsync(from, to, chunked, moved, trailers, cancel);
                break;
            case Framing.UntilClose:
                await CopyExactlyAsync(from, null, to, chunked, moved, cancel);
                break;
            case Framing.None:
                return;
        }
        if (chunked)
        {
            // Chunks that are passed on have written their own last lines.
            to.Write(body.Framing == Framing.Chunked ? "\r\n"u8 : "0\r\n\r\n"u8);
            await FlushAsync(to, cancel);
        }
    }

    /// <summary>Flushes; throws when the other side reads no more.</summary>
    public static async ValueTask FlushAsync(PipeWriter to, CancellationToken cancel) => Check(await to.FlushAsync(cancel));

    private static void Check(FlushResult result)
    {
        if (result.IsCompleted || result.IsCanceled)
        {
            throw new IOException("the peer reads no more");
        }
    }

    private static async Task CopyExactlyAsync(
        PipeReader from,
        long? length,
        PipeWriter to,
        bool chunked,
        Action<ReadOnlySequence<byte>> moved,
        CancellationToken cancel
    )
    {
        while (length is null or > 0)
        {
            var result = await ReadAsync(from, cancel);
            var taken = length is { } rest ? result.Buffer.Slice(0, Math.Min(rest, result.Buffer.Length)) : result.Buffer;
            if (taken.Length > 0)
            {
                moved(taken);
                await WriteAsync(taken, to, chunked, cancel);
                length -= taken.Length;
            }
            var ended = result.IsCompleted && taken.Length == result.Buffer.Length;
            from.AdvanceTo(taken.End);
            if (ended && length is not 0)
            {
                if (length is null)
                {
                    return;
                }
                throw new PrematureEndException("the body ended early");
            }
        }
    }

    private static async ValueTask WriteAsync(ReadOnlySequence<byte> data, PipeWriter to, bool chunked, CancellationToken cancel)
    {
        if (chunked)
        {
            WriteSize(data.Length, to);
        }
        foreach (var piece in data)
        {
            if (piece.Length < Long)
            {
                to.Write(piece.Span);
            }
            else
            {
                Check(await to.WriteAsync(piece, cancel));
            }
        }
        if (chunked)
        {
            to.Write("\r\n"u8);
        }
        await FlushAsync(to, cancel);
    }

    private static void WriteSize(long size, PipeWriter to)
    {
        var room = to.GetSpan(18);
        size.TryFormat(room, out var digits, "x", CultureInfo.InvariantCulture);
        "\r\n"u8.CopyTo(room[digits..]);
        to.Advance(digits + 2);
    }

    private static async Task CopyChunksAsync(
        PipeReader from,
        PipeWriter to,
        bool chunked,
        Action<ReadOnlySequence<byte>> moved,
        bool trailers,
        CancellationToken cancel
    )
    {
        while (true)
        {
            var size = ParseSize(await ReadLineAsync(from, LongestSizeLine, cancel));
            if (size == 0)
            {
                break;
            }
            await CopyExactlyAsync(from, size, to, chunked, moved, cancel);
            if ((await ReadLineAsync(from, 0, cancel)).Length != 0)
            {
                throw new MalformedMessageException("a chunk is longer than its size says");
            }
        }
        if (chunked)
        {
            to.Write("0\r\n"u8);
        }
        var room = LongestTrailer;
        while (true)
        {
            var line = await ReadLineAsync(from, room, cancel);
            if (line.Length == 0)
            {
                return;
            }
            if (line[0] is (byte)' ' or (byte)'\t' || !line.AsSpan().Contains((byte)':'))
            {
                throw new MalformedMessageException("a trailer is not a header");
            }
            if (chunked && trailers)
            {
                to.Write(line);
                to.Write("\r\n"u8);
            }
            room -= line.Length;
        }
    }

    internal static long ParseSize(ReadOnlySpan<byte> line)
    {
        var end = line.IndexOf((byte)';');
        var digits = end < 0 ? line : line[..end];
        if (digits.Length is 0 or > 15)
        {
            throw new MalformedMessageException("a chunk has no proper size");
        }
        var size = 0L;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiHexDigit((char)digit))
            {
                throw new MalformedMessageException("a chunk has no proper size");
            }
            size = (size << 4) | (uint)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
        }
        return size;
    }

    /// <summary>A line without its CR LF; nothing but CR LF ends one, and nothing below a space is in it.</summary>
    private static async Task<byte[]> ReadLineAsync(PipeReader from, int longest, CancellationToken cancel)
    {
        while (true)
        {
            var result = await ReadAsync(from, cancel);
            var buffer = result.Buffer;
            if (buffer.PositionOf((byte)'\n') is { } end)
            {
                var line = buffer.Slice(0, end).ToArray();
                from.AdvanceTo(buffer.GetPosition(1, end));
                if (line.Length == 0 || line[^1] != '\r')
                {
                    throw new MalformedMessageException("a line does not end in CR LF");
                }
                line = line[..^1];
                if (line.Length > longest || line.AsSpan().ContainsAnyInRange((byte)0, (byte)0x1f) || line.AsSpan().Contains((byte)0x7f))
                {
                    throw new MalformedMessageException("a line between chunks is not proper");
                }
                return line;
            }
            if (buffer.Length > longest + 2)
            {
                from.AdvanceTo(buffer.End);
                throw new MalformedMessageException("a line between chunks is not proper");
            }
            if (result.IsCompleted)
            {
                from.AdvanceTo(buffer.End);
                throw new PrematureEndException("the body ended early");
            }
            from.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    private static async ValueTask<ReadResult> ReadAsync(PipeReader from, CancellationToken cancel)
    {
        try
        {
            return await from.ReadAsync(cancel);
        }
        catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException)
        {
            throw new PrematureEndException("the body ended early", error);
        }
    }
}
