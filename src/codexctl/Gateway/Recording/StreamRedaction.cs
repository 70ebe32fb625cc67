using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.Gateway.Recording;

/// <summary>
/// Takes secrets out of an answer that comes in pieces. A model says a key in several pieces, none of which looks like one: so pieces are
/// held back until the words around them are whole (three words, about as many pieces), and come out as they were, in their order and with their
/// times, or with the mask where the secret was.
/// </summary>
internal sealed class StreamRedaction
{
    /// <summary>Text that is held at most. Characters.</summary>
    private const int Most = 4096;

    /// <summary>Of a secret that is longer, its first signs and its last ones stay in mind: by them it is known how it goes on.</summary>
    private const int FirstSigns = 16;
    private const int LastSigns = 256;
    private const int WordsHeld = 3;

    private readonly Queue<Held> _queue = new();
    private readonly Dictionary<string, Strand> _strands = new(StringComparer.Ordinal);

    /// <summary>Adds a piece; gives those that may be written now.</summary>
    /// <param name="bytes">Its JSON as it came: of a piece that is held back only this is kept, because its nodes take ten times as much memory.</param>
    public IEnumerable<CallPart> Add(CallPart part, ReadOnlyMemory<byte> bytes)
    {
        if (part.Data.Json is not JsonObject message || StreamedTexts.Of(message) is not { } texts)
        {
            // Something else than a piece: what was said until here is whole.
            foreach (var earlier in Flush())
            {
                yield return earlier;
            }
            yield return part with
            {
                Data = new BodyData(BodyRedaction.Clean(part.Data.Json), part.Data.Text is { } text ? Secrets.Hide(text) : null),
            };
            yield break;
        }
        var held = new Held(part, bytes, texts.Count);
        for (var i = 0; i < texts.Count; i++)
        {
            if (!_strands.TryGetValue(texts[i].Strand, out var strand))
            {
                _strands.Add(texts[i].Strand, strand = new Strand());
            }
            strand.Add(texts[i].Value, held, i);
        }
        _queue.Enqueue(held);
        foreach (var strand in _strands.Values)
        {
            strand.Decide(all: false);
        }
        while (_queue.TryPeek(out var first) && first.Decided)
        {
            yield return _queue.Dequeue().Done();
        }
    }

    /// <summary>The answer is over, or something else came.</summary>
    public IEnumerable<CallPart> Flush()
    {
        foreach (var strand in _strands.Values)
        {
            strand.Decide(all: true);
        }
        _strands.Clear();
        while (_queue.TryDequeue(out var held))
        {
            yield return held.Done();
        }
    }

    /// <summary>A piece that waits. A long text without spaces has hundreds of them, in each of a thousand streams: so it keeps little.</summary>
    private sealed class Held(CallPart part, ReadOnlyMemory<byte> bytes, int texts)
    {
        private readonly DateTimeOffset _at = part.At;
        private readonly long _id = part.Id;
        private readonly TimeSpan _since = part.Since;
        private readonly string? _event = part.Event;
        private string[]? _values;
        private int _decided;

        /// <summary>Whether it is known of all its texts what may be told.</summary>
        public bool Decided => _decided == texts;

        public void Decide(int text, string value)
        {
            _values ??= new string[texts];
            _values[text] = value;
            _decided++;
        }

        public CallPart Done()
        {
            var message = (JsonObject)BodyRedaction.Parse(bytes)!;
            var found = StreamedTexts.Of(message)!;
            // The texts were looked at as a whole: a piece of its own could show less or more.
            foreach (var text in found)
            {
                text.Owner[text.Name] = "";
            }
            var clean = BodyRedaction.Clean(message);
            for (var i = 0; i < found.Count; i++)
            {
                found[i].Owner[found[i].Name] = _values![i];
            }
            return new CallPart(_at, _id, _since, _event, new BodyData(clean, null));
        }
    }

    /// <summary>One text that grows: the answer, the reasoning, the arguments of a call.</summary>
    private sealed class Strand
    {
        private readonly List<(int Length, Held Held, int Text)> _pieces = [];
        private readonly StringBuilder _text = new();

        // The beginning of the text that is told already: the end of a secret that goes on.
        private int _before;

        // Nothing could be told, and no word has ended since.
        private bool _waits;

        public void Add(string value, Held held, int text)
        {
            _waits = _waits && !value.Any(char.IsWhiteSpace) && !char.IsWhiteSpace(_text[^1]);
            _pieces.Add((value.Length, held, text));
            _text.Append(value);
        }

        public void Decide(bool all)
        {
            if (_pieces.Count == 0 || (_waits && !all && _text.Length <= Most))
            {
                return;
            }
            var text = _text.ToString();
            var safe = all ? text.Length : SafeLength(text);
            if (_before + _pieces[0].Length > safe)
            {
                // Looked at again when more is there; a long text without spaces must not be searched for each of its pieces.
                _waits = Secrets.OpenKey(text) < 0;
                return;
            }
            var found = Secrets.Find(text);
            var (count, length) = (0, _before);
            var (fits, fitsLength) = (0, _before);
            // A secret without an end in sight is told as far as it came, which is the mask.
            var endless = !all && text.Length > Most && found is [.., var open] && open.End >= safe;
            while (count < _pieces.Count && length + _pieces[count].Length <= safe)
            {
                length += _pieces[count++].Length;
                // Nor may the words by which a secret is known go before it.
                if (endless || !found.Exists(secret => secret.Context < length && length < secret.End))
                {
                    (fits, fitsLength) = (count, length);
                }
            }
            var at = _before;
            foreach (var (piece, held, number) in _pieces.Take(fits))
            {
                held.Decide(number, Part(text, at, at + piece, found));
                at += piece;
            }
            _pieces.RemoveRange(0, fits);
            Forget(text, fitsLength, found);
        }

        private void Forget(string text, int told, List<Secret> found)
        {
            _text.Remove(0, told);
            _before = 0;
            if (found.Find(secret => secret.Start < told && told < secret.End) is { } open)
            {
                var first = Math.Min(open.Start + FirstSigns, told);
                var kept = text[open.Context..first] + text[Math.Max(first, told - LastSigns)..told];
                _text.Insert(0, kept);
                _before = kept.Length;
            }
        }

        // The mask goes where the secret begins; the pieces that held the rest of it keep what is around.
        private static string Part(string text, int start, int end, List<Secret> found)
        {
            var result = new StringBuilder();
            var at = start;
            foreach (var secret in found)
            {
                var (from, to) = (secret.Start, secret.End);
                if (to <= start || from >= end)
                {
                    continue;
                }
                if (from >= at)
                {
                    result.Append(text, at, from - at).Append(Redaction.Mask);
                }
                at = Math.Min(to, end);
            }
            return result.Append(text, at, Math.Max(0, end - at)).ToString();
        }

        private static int SafeLength(string text)
        {
            var key = Secrets.OpenKey(text);
            if (text.Length > Most)
            {
                // Words without an end: the newer half may be the beginning of a secret, the older would be known as one by now.
                return text.Length - Most / 2;
            }
            var (at, words) = (text.Length, 0);
            while (at > 0 && words < WordsHeld)
            {
                at--;
                if (at > 0 && !char.IsWhiteSpace(text[at]) && char.IsWhiteSpace(text[at - 1]))
                {
                    words++;
                }
            }
            return words < WordsHeld ? 0
                : key >= 0 ? Math.Min(key, at)
                : at;
        }
    }
}

/// <summary>A text in a message that is one piece of a longer one.</summary>
/// <param name="Strand">Which longer one.</param>
/// <param name="Owner">The object that has it.</param>
/// <param name="Name">The field.</param>
internal readonly record struct StreamedText(string Strand, JsonObject Owner, string Name, string Value);

/// <summary>Finds them in the three kinds of streams. A piece without text is none the less one: what is said goes on after it.</summary>
internal static class StreamedTexts
{
    private static readonly string[] _chat = ["content", "reasoning_content", "reasoning", "refusal"];
    private static readonly string[] _ollama = ["content", "thinking"];

    /// <summary>Null for what is no piece of something longer.</summary>
    public static List<StreamedText>? Of(JsonObject message)
    {
        var found = new List<StreamedText>();
        if (Text(message, "type") is { } type && type.EndsWith(".delta", StringComparison.Ordinal))
        {
            Add(found, $"{type} {Text(message, "item_id")} {message["output_index"]} {message["content_index"]}", message, "delta");
        }
        else if (message["choices"] is JsonArray choices)
        {
            foreach (var choice in choices.OfType<JsonObject>())
            {
                var index = choice["index"]?.ToJsonString();
                Add(found, $"text {index}", choice, "text");
                if (choice["delta"] is not JsonObject delta)
                {
                    continue;
                }
                foreach (var name in _chat)
                {
                    Add(found, $"{name} {index}", delta, name);
                }
                foreach (var call in (delta["tool_calls"] as JsonArray ?? []).OfType<JsonObject>())
                {
                    if (call["function"] is JsonObject function)
                    {
                        Add(found, $"call {index} {call["index"]?.ToJsonString()}", function, "arguments");
                    }
                }
            }
        }
        else if (message["done"] is not null)
        {
            Add(found, "response", message, "response");
            Add(found, "thinking", message, "thinking");
            if (message["message"] is JsonObject inner)
            {
                foreach (var name in _ollama)
                {
                    Add(found, name, inner, name);
                }
            }
        }
        else
        {
            return null;
        }
        return found;
    }

    private static void Add(List<StreamedText> found, string strand, JsonObject owner, string name)
    {
        if (Text(owner, name) is { Length: > 0 } value)
        {
            found.Add(new StreamedText(strand, owner, name, value));
        }
    }

    private static string? Text(JsonObject owner, string name) =>
        owner[name] is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;
}
