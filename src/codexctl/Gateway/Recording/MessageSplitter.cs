using System.Buffers;
using System.Text;

namespace Codexctl.Gateway.Recording;

/// <summary>The forms in which an answer comes.</summary>
internal enum AnswerForm
{
    /// <summary>One body.</summary>
    Whole,

    /// <summary>A JSON object a line (Ollama).</summary>
    Lines,

    /// <summary>Server-sent events.</summary>
    Events,
}

/// <summary>One message of a stream: the data of an event or a line, and the event's name.</summary>
internal readonly record struct Message(string? Event, ReadOnlyMemory<byte> Data);

/// <summary>Cuts an answer into its messages, wherever its chunks end.</summary>
internal sealed class MessageSplitter(AnswerForm form)
{
    /// <summary>A message that grows larger is not one. Bytes.</summary>
    public const int Longest = 16 << 20;

    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly ArrayBufferWriter<byte> _data = new();
    private string? _event;
    private bool _anyData;
    private bool _began;

    // The last byte was a carriage return: a line feed that follows belongs to it.
    private bool _afterReturn;

    /// <summary>Whether a message was too long to be kept.</summary>
    public bool TooLong { get; private set; }

    public static AnswerForm FormOf(string? contentType, string path)
    {
        var type = (contentType ?? "").Split(';')[0].Trim().ToLowerInvariant();
        return type switch
        {
            "text/event-stream" => AnswerForm.Events,
            "application/x-ndjson" or "application/jsonl" => AnswerForm.Lines,
            "application/json" => AnswerForm.Whole,
            // Ollama's own answers are lines of JSON whatever they are called.
            _ => path is "/api/chat" or "/api/generate" ? AnswerForm.Lines : AnswerForm.Whole,
        };
    }

    public IEnumerable<Message> Add(byte[] bytes)
    {
        if (TooLong)
        {
            yield break;
        }
        if (form == AnswerForm.Whole)
        {
            _line.Write(bytes);
            TooLong = _line.WrittenCount > Longest;
            yield break;
        }
        for (var at = 0; at < bytes.Length; )
        {
            if (_afterReturn)
            {
                _afterReturn = false;
                if (bytes[at] == '\n' && ++at == bytes.Length)
                {
                    break;
                }
            }
            // Events may end their lines with either or both; of lines of JSON a carriage return is only white space.
            var newline =
                form == AnswerForm.Events ? bytes.AsSpan(at).IndexOfAny((byte)'\n', (byte)'\r') : bytes.AsSpan(at).IndexOf((byte)'\n');
            newline = newline < 0 ? -1 : at + newline;
            _line.Write(bytes.AsSpan(at, (newline < 0 ? bytes.Length : newline) - at));
            if (_line.WrittenCount + _data.WrittenCount > Longest)
            {
                TooLong = true;
                yield break;
            }
            if (newline < 0)
            {
                break;
            }
            _afterReturn = bytes[newline] == '\r';
            at = newline + 1;
            if (Line() is { } message)
            {
                yield return message;
            }
        }
    }

    /// <summary>What came after the last whole message.</summary>
    public IEnumerable<Message> End()
    {
        if (TooLong)
        {
            yield break;
        }
        if (_line.WrittenCount > 0 && Line() is { } last)
        {
            yield return last;
        }
        if (_anyData)
        {
            yield return Take();
        }
    }

    private Message? Line()
    {
        var line = _line.WrittenMemory;
        if (!_began && line.Span.StartsWith("\uFEFF"u8))
        {
            line = line[3..];
        }
        _began = true;
        if (form != AnswerForm.Whole && line.Length > 0 && line.Span[^1] == '\r')
        {
            line = line[..^1];
        }
        if (form != AnswerForm.Events)
        {
            var copy = line.ToArray();
            _line.ResetWrittenCount();
            return copy.Length == 0 ? null : new Message(null, copy);
        }
        Message? message = null;
        if (line.Length == 0)
        {
            message = _anyData ? Take() : null;
            _event = null;
        }
        else if (Field(line.Span, "data:"u8, out var value))
        {
            if (_anyData)
            {
                _data.Write("\n"u8);
            }
            _data.Write(value);
            _anyData = true;
        }
        else if (Field(line.Span, "event:"u8, out value))
        {
            _event = Encoding.UTF8.GetString(value);
        }
        else if (line.Span[0] == '{')
        {
            // A line of JSON where an event should be: Ollama's error in the middle of a stream.
            _data.Write(line.Span);
            _anyData = true;
        }
        _line.ResetWrittenCount();
        return message;
    }

    private static bool Field(ReadOnlySpan<byte> line, ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        value = line.StartsWith(name) ? line[name.Length..] : default;
        if (value.StartsWith(" "u8))
        {
            value = value[1..];
        }
        return line.StartsWith(name);
    }

    private Message Take()
    {
        var message = new Message(_event, _data.WrittenSpan.ToArray());
        _data.ResetWrittenCount();
        (_anyData, _event) = (false, null);
        return message;
    }
}
