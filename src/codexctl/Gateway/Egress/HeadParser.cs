using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace Codexctl.Gateway.Egress;

/// <summary>
/// Reads the heads of HTTP/1 messages, strictly: what a lenient parser would mend is refused, because the next parser on the way
/// may mend it differently.
/// </summary>
internal static class HeadParser
{
    /// <summary>Bytes of a head, blank line included.</summary>
    public const int LongestHead = 64 * 1024;

    public const int MostHeaders = 100;

    private static readonly SearchValues<byte> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8
    );

    public static bool IsTokenByte(byte value) => Token.Contains(value);

    /// <summary>The next head; null when the peer closed before its first byte.</summary>
    public static async Task<MessageHead?> ReadAsync(PipeReader input, bool response, CancellationToken cancel)
    {
        var seen = 0L;
        while (true)
        {
            var result = await input.ReadAsync(cancel);
            var buffer = result.Buffer;
            if (result.IsCanceled)
            {
                throw new OperationCanceledException();
            }
            long? end;
            try
            {
                // Looked at from where the last look ended, so that a head that drips in is not read over and over.
                end = FindEnd(buffer, ref seen);
                if (end is null && buffer.Length >= LongestHead)
                {
                    throw new MalformedMessageException("the headers are larger than 64 KB");
                }
                if (end is null && result.IsCompleted && !buffer.IsEmpty)
                {
                    throw new MalformedMessageException("the connection ended within the headers");
                }
            }
            catch (MalformedMessageException)
            {
                // Let go of, so that whoever answers can read on.
                input.AdvanceTo(buffer.End);
                throw;
            }
            if (end is { } length)
            {
                var bytes = buffer.Slice(0, length).ToArray();
                input.AdvanceTo(buffer.GetPosition(length));
                return Parse(bytes, response);
            }
            if (result.IsCompleted)
            {
                input.AdvanceTo(buffer.End);
                return null;
            }
            input.AdvanceTo(buffer.Start, buffer.End);
        }
    }

    /// <summary>Reads a whole head, its blank line included.</summary>
    public static MessageHead Parse(ReadOnlySpan<byte> bytes, bool response)
    {
        var (first, second, third) = StartLine(TakeLine(ref bytes), response);
        var headers = new List<KeyValuePair<string, string>>();
        for (var line = TakeLine(ref bytes); !line.IsEmpty; line = TakeLine(ref bytes))
        {
            if (headers.Count == MostHeaders)
            {
                throw new MalformedMessageException("there are more than 100 headers");
            }
            headers.Add(Header(line));
        }
        return new MessageHead(first, second, third, headers);
    }

    /// <summary>The length of the head when its blank line has arrived. A line that does not end in CR LF is told at once.</summary>
    private static long? FindEnd(in ReadOnlySequence<byte> buffer, ref long seen)
    {
        // Three bytes back: the blank line may have begun there.
        var from = Math.Max(0, seen - 3);
        var reader = new SequenceReader<byte>(buffer.Slice(from));
        Span<byte> room = stackalloc byte[4];
        while (reader.TryAdvanceTo((byte)'\n', advancePastDelimiter: true))
        {
            var end = from + reader.Consumed;
            if (end > LongestHead)
            {
                break;
            }
            var tail = buffer.Slice(Math.Max(0, end - 4), end - Math.Max(0, end - 4));
            tail.CopyTo(room);
            var last = room[..(int)tail.Length];
            if (last.Length < 2 || last[^2] != '\r')
            {
                throw new MalformedMessageException("a line does not end in CR LF");
            }
            if (last.SequenceEqual("\r\n\r\n"u8) || last.Length == 2)
            {
                return end;
            }
        }
        seen = buffer.Length;
        return null;
    }

    private static ReadOnlySpan<byte> TakeLine(ref ReadOnlySpan<byte> rest)
    {
        var end = rest.IndexOf((byte)'\n');
        if (end < 1 || rest[end - 1] != '\r')
        {
            throw new MalformedMessageException("a line does not end in CR LF");
        }
        var line = rest[..(end - 1)];
        rest = rest[(end + 1)..];
        // One look covers bare CR, NUL and the other control characters in every part of the head.
        foreach (var value in line)
        {
            if (value is 0x7f || (value < 0x20 && value != '\t'))
            {
                throw new MalformedMessageException("a line has a control character in it");
            }
        }
        return line;
    }

    private static (string, string, string) StartLine(ReadOnlySpan<byte> line, bool response)
    {
        var one = line.IndexOf((byte)' ');
        if (one <= 0)
        {
            throw new MalformedMessageException("the first line is not HTTP");
        }
        var rest = line[(one + 1)..];
        var two = rest.IndexOf((byte)' ');
        if (response && two < 0)
        {
            // The reason phrase is optional, and some leave its space away too.
            two = rest.Length;
        }
        if (two <= 0)
        {
            throw new MalformedMessageException("the first line is not HTTP");
        }
        var first = line[..one];
        var second = rest[..two];
        var third = two == rest.Length ? default : rest[(two + 1)..];
        var version = response ? first : third;
        if (!version.SequenceEqual("HTTP/1.1"u8) && !version.SequenceEqual("HTTP/1.0"u8))
        {
            throw new MalformedMessageException("the version is not HTTP/1.1 or HTTP/1.0");
        }
        if (response ? !IsStatus(second) : !IsMethod(first) || !IsTarget(second))
        {
            throw new MalformedMessageException("the first line is not HTTP");
        }
        return (Encoding.Latin1.GetString(first), Encoding.Latin1.GetString(second), Encoding.Latin1.GetString(third));
    }

    private static KeyValuePair<string, string> Header(ReadOnlySpan<byte> line)
    {
        if (line[0] is (byte)' ' or (byte)'\t')
        {
            throw new MalformedMessageException("a header continues on a second line");
        }
        var colon = line.IndexOf((byte)':');
        if (colon <= 0 || line[..colon].ContainsAnyExcept(Token))
        {
            throw new MalformedMessageException("a header has no proper name");
        }
        return new(Encoding.Latin1.GetString(line[..colon]), Encoding.Latin1.GetString(line[(colon + 1)..].Trim(" \t"u8)));
    }

    private static bool IsMethod(ReadOnlySpan<byte> text) => text.Length <= 32 && !text.ContainsAnyExcept(Token);

    private static bool IsTarget(ReadOnlySpan<byte> text) => !text.ContainsAnyExceptInRange((byte)0x21, (byte)0x7e);

    private static bool IsStatus(ReadOnlySpan<byte> text) =>
        text.Length == 3 && text[0] is >= (byte)'1' and <= (byte)'5' && !text.ContainsAnyExceptInRange((byte)'0', (byte)'9');
}
