using System.Globalization;
using System.Text;

namespace Codexctl.Sessions;

/// <summary>What a tar archive says of one file.</summary>
/// <param name="Type">The header's letter: '0' for a plain file, '1' for a hard link, '2' for a symbolic one.</param>
/// <param name="Mode">The permissions alone.</param>
public sealed record ExportedFile(string Name, char Type, string LinkName, long Size, UnixFileMode Mode, DateTimeOffset Modified);

/// <summary>
/// Reads a container's files as engines export them (POSIX.1-2001 `pax`, GNU and ustar headers). An agent chose the names in it, and .NET's own
/// reader gives up on a name or an attribute that holds a line break: one file anywhere in a box would keep all others out of reach.
/// </summary>
public sealed class ExportedFiles(Stream tar)
{
    private const int Block = 512;

    /// <summary>Bytes; more than any name or attribute that a kernel lets through.</summary>
    private const long LongestHeader = 1 << 20;

    private readonly byte[] _header = new byte[Block];
    private long _contentEnd;
    private long _next;

    /// <summary>The next file, or null at the end.</summary>
    /// <exception cref="InvalidDataException">This is no such archive, or it breaks off.</exception>
    public ExportedFile? Next()
    {
        string? name = null;
        string? link = null;
        long? size = null;
        var sparse = false;
        while (true)
        {
            tar.Position = _next;
            var count = tar.ReadAtLeast(_header, Block, throwOnEndOfStream: false);
            // It ends with blocks of zeros, or just ends.
            if (count == 0 || !_header.AsSpan(0, count).ContainsAnyExcept((byte)0))
            {
                return null;
            }
            if (count < Block || Sum() != Number(148, 8))
            {
                throw new InvalidDataException("The archive is damaged: this is no header of a file.");
            }
            var type = (char)_header[156];
            // Links, devices, folders and pipes have no content, whatever size stands there.
            var length = type is >= '1' and <= '6' ? 0 : size ?? Number(124, 12);
            var content = _next + Block;
            if (length < 0 || length > tar.Length - content)
            {
                throw new InvalidDataException("The archive breaks off within a file.");
            }
            _contentEnd = content + length;
            _next = content + ((length + Block - 1) / Block * Block);
            switch (type)
            {
                case 'L':
                    name = Long(length);
                    continue;
                case 'K':
                    link = Long(length);
                    continue;
                case 'x':
                    foreach (var (key, value) in Records(Content(length)))
                    {
                        switch (key)
                        {
                            case "path":
                                name = value;
                                break;
                            case "linkpath":
                                link = value;
                                break;
                            case "size":
                                size = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : -1;
                                break;
                            default:
                                sparse |= key.StartsWith("GNU.sparse.", StringComparison.Ordinal);
                                break;
                        }
                    }
                    continue;
                case 'g':
                    continue;
                default:
                    return new ExportedFile(
                        name ?? HeaderName(),
                            // What its content is, stands within its content.
                            sparse ? 'S'
                            : type is '\0' or '7' ? '0'
                            : type,
                        link ?? Text(157, 100),
                        length,
                        (UnixFileMode)(Number(100, 8) & 0b111_111_111),
                        DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(Number(136, 12), 0, uint.MaxValue))
                    );
            }
        }
    }

    /// <summary>The path in the container of a name or the target of a hard link, which engines begin in their own ways.</summary>
    public static string PathOf(string name) => "/" + (name.StartsWith("./", StringComparison.Ordinal) ? name[2..] : name).TrimStart('/');

    /// <summary>The content of the file that was read last; counts until the next is asked for.</summary>
    public Stream Content() => new Part(tar, tar.Position, _contentEnd);

    private string HeaderName()
    {
        var name = Text(0, 100);
        // GNU's header, whose mark ends with spaces, has something else there.
        var prefix = _header.AsSpan(257, 6).SequenceEqual("ustar\0"u8) ? Text(345, 155) : "";
        return prefix.Length > 0 ? $"{prefix}/{name}" : name;
    }

    private string Text(int at, int length)
    {
        var field = _header.AsSpan(at, length);
        var end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    private string Long(long length) => Encoding.UTF8.GetString(Content(length)).TrimEnd('\0');

    private byte[] Content(long length)
    {
        if (length > LongestHeader)
        {
            throw new InvalidDataException("The archive is damaged: a name in it is too long.");
        }
        var content = new byte[length];
        tar.ReadExactly(content);
        return content;
    }

    /// <summary>Octal digits; or, with the first bit set, a number in binary form.</summary>
    private long Number(int at, int length)
    {
        var field = _header.AsSpan(at, length);
        long number = 0;
        if ((field[0] & 0x80) != 0)
        {
            foreach (var digit in field[^8..])
            {
                number = (number << 8) | digit;
            }
            // Not negative, and not beyond 2^63.
            return field[0] == 0x80 && number >= 0 && !field[1..^8].ContainsAnyExcept((byte)0) ? number : throw Damaged();
        }
        foreach (var digit in field.Trim(" \0"u8))
        {
            number = digit is >= (byte)'0' and <= (byte)'7' ? (number << 3) | (uint)(digit - '0') : throw Damaged();
        }
        return number;

        static InvalidDataException Damaged() => new("The archive is damaged: a number in it is none.");
    }

    private long Sum()
    {
        long sum = 8 * ' ';
        for (var i = 0; i < Block; i++)
        {
            sum += i is >= 148 and < 156 ? 0 : _header[i];
        }
        return sum;
    }

    /// <summary>`LENGTH KEY=VALUE\n`, where the length is that of the whole record: a value may hold whatever it likes.</summary>
    private static IEnumerable<(string Key, string Value)> Records(byte[] content)
    {
        var at = 0;
        while (at < content.Length)
        {
            var space = Array.IndexOf(content, (byte)' ', at);
            if (
                space < 0
                || !int.TryParse(content.AsSpan(at, space - at), NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length > content.Length - at
                || at + length <= space + 1
                || content[at + length - 1] != '\n'
            )
            {
                throw new InvalidDataException("The archive is damaged: an attribute in it is none.");
            }
            var record = content.AsSpan(space + 1, at + length - space - 2);
            var equals = record.IndexOf((byte)'=');
            if (equals > 0)
            {
                yield return (Encoding.UTF8.GetString(record[..equals]), Encoding.UTF8.GetString(record[(equals + 1)..]));
            }
            at += length;
        }
    }

    /// <summary>A stretch of another stream.</summary>
    private sealed class Part(Stream whole, long begin, long end) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => true;
        public override bool CanWrite => false;
        public override long Length => end - begin;

        public override long Position
        {
            get => whole.Position - begin;
            set => whole.Position = begin + value;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer) => whole.Read(buffer[..(int)Math.Clamp(end - whole.Position, 0, buffer.Length)]);

        public override long Seek(long offset, SeekOrigin origin) =>
            Position = origin switch
            {
                SeekOrigin.Begin => offset,
                SeekOrigin.Current => Position + offset,
                _ => Length + offset,
            };

        public override void Flush() { }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
