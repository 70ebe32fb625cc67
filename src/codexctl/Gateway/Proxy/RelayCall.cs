using System.Buffers;
using System.Text.Json;
using Codexctl.Gateway.Egress;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Gateway.Recording;
using Codexctl.Models;

namespace Codexctl.Gateway.Proxy;

/// <summary>
/// What is learned about one request of the relay while it runs. Where bodies are wanted it keeps the request's until that is whole, and gives
/// away a copy of the answer as it passes; else it looks at none.
/// </summary>
internal sealed class RelayCall(TimeProvider time, MessageHead head, IExchangeSink sink) : IMeteredCall
{
    private const int LongestPath = 200;

    private readonly DateTimeOffset _at = time.GetUtcNow();
    private readonly long _start = time.GetTimestamp();
    private readonly string _path = PathOf(head.Second);

    // The request goes up while its answer may already come down.
    private readonly Lock _lock = new();
    private ArrayBufferWriter<byte>? _request;
    private AnswerMeter? _meter;
    private BodyDecoder? _requestDecoder;
    private BodyDecoder? _answerDecoder;
    private string? _contentType;
    private TimeSpan? _firstByte;
    private TimeSpan? _firstToken;
    private string? _model;
    private string? _cut;
    private int _status;
    private long? _id;
    private bool _bodies;
    private bool _told;

    public string Kind { get; set; } = "pass";

    public bool AwaitsToken => _firstToken is null;

    public long? InputTokens { get; set; }

    public long? OutputTokens { get; set; }

    public TimeSpan? Generation { get; set; }

    public string? Error { get; set; }

    public void FirstToken() => _firstToken = time.GetElapsedTime(_start);

    /// <summary>The request goes to the server now.</summary>
    public void Sent()
    {
        _id = CallRecord.NewId();
        Kind = IsTurn(_path) && head.First is "POST" ? "turn" : "pass";
        if (!sink.WantsBodies)
        {
            Tell();
            return;
        }
        _bodies = true;
        _cut = WhyNot("request", head, out _requestDecoder);
        _request = new ArrayBufferWriter<byte>();
    }

    /// <summary>A piece of the request's body.</summary>
    public void Sends(ReadOnlySequence<byte> bytes)
    {
        lock (_lock)
        {
            if (_request is null || _cut is not null)
            {
                return;
            }
            if (_requestDecoder is { } decoder)
            {
                Decode(_request, () => decoder.Add(bytes));
            }
            else
            {
                Keep(_request, bytes);
            }
        }
    }

    private void Keep(ArrayBufferWriter<byte> request, ReadOnlySequence<byte> bytes)
    {
        if (request.WrittenCount + bytes.Length > Recorder.LongestBody)
        {
            (_request, _cut) = (new ArrayBufferWriter<byte>(), Recorder.TooLong);
            return;
        }
        foreach (var piece in bytes)
        {
            request.Write(piece.Span);
        }
    }

    private void Decode(ArrayBufferWriter<byte> request, Func<byte[]> decode)
    {
        try
        {
            Keep(request, new ReadOnlySequence<byte>(decode()));
        }
        catch (InvalidDataException error)
        {
            (_request, _cut) = (new ArrayBufferWriter<byte>(), $"the request cannot be read: {error.Message}");
        }
    }

    /// <summary>The request is whole.</summary>
    public void SentAll()
    {
        lock (_lock)
        {
            if (_request is { } request && _cut is null && _requestDecoder is { } decoder)
            {
                Decode(request, decoder.End);
            }
        }
        Tell();
    }

    public void Answered(int status, MessageHead answer)
    {
        _status = status;
        _firstByte = time.GetElapsedTime(_start);
        // A server that does not wait for the body's end has seen enough of it.
        Tell();
        if (!_bodies)
        {
            return;
        }
        _contentType = answer.Values("Content-Type").FirstOrDefault();
        if ((status == 101 ? "the connection changed its protocol" : WhyNot("answer", answer, out _answerDecoder)) is { } why)
        {
            Cut(why);
            return;
        }
        _meter = new AnswerMeter(MessageSplitter.FormOf(_contentType, _path), this);
    }

    /// <summary>A piece of the answer's body.</summary>
    public void Answers(ReadOnlySequence<byte> bytes)
    {
        if (!_bodies)
        {
            return;
        }
        try
        {
            See(_answerDecoder is { } decoder ? decoder.Add(bytes) : bytes.ToArray());
        }
        catch (InvalidDataException error)
        {
            Cut($"the answer cannot be read: {error.Message}");
        }
    }

    private void See(byte[] plain)
    {
        _meter?.Add(plain);
        sink.Add(
            new CallBytes(time.GetUtcNow(), _id!.Value, time.GetElapsedTime(_start), IsRequest: false, plain)
            {
                Path = _path,
                Status = _status,
                ContentType = _contentType,
            }
        );
    }

    /// <summary>What a decoder still holds of an answer that is over.</summary>
    private void SeeRest()
    {
        try
        {
            if (_bodies && _answerDecoder?.End() is { Length: > 0 } rest)
            {
                See(rest);
            }
        }
        catch (InvalidDataException error)
        {
            Cut($"the answer cannot be read: {error.Message}");
        }
        _answerDecoder?.Dispose();
    }

    public void Fail(int status, string why) => (_status, Error) = (status, why);

    public void Broke(Exception error, bool ended)
    {
        if (error is RelayFailure failure)
        {
            Fail(failure.Status, failure.Message);
            return;
        }
        Error ??=
            ended ? "codexctl proxy ended"
            : error is OperationCanceledException ? "the client left"
            : error.Message;
    }

    public ModelCall Finish()
    {
        if (_id is not null)
        {
            Tell();
        }
        SeeRest();
        _meter?.End();
        return new ModelCall(
            _at,
            head.First,
            _path,
            Kind,
            _model,
            _status,
            InputTokens,
            OutputTokens,
            _firstByte,
            time.GetElapsedTime(_start),
            Error
        )
        {
            Id = _id,
            TimeToFirstToken = _firstToken,
            Generation = Generation,
        };
    }

    /// <summary>Tells of the request, once, with what is known of its body.</summary>
    private void Tell()
    {
        lock (_lock)
        {
            if (_told)
            {
                return;
            }
            _told = true;
            var body = _request?.WrittenSpan.ToArray() ?? [];
            _request = null;
            _requestDecoder?.Dispose();
            // Of other requests the path says the most, whatever model they name.
            _model = Kind is "turn" ? ModelOf(body) : null;
            sink.Add(new CallStart(_at, _id!.Value, head.First, _path, Kind, _model));
            if (_cut is { } why)
            {
                Cut(why);
            }
            else if (_bodies)
            {
                sink.Add(new CallBytes(_at, _id.Value, TimeSpan.Zero, IsRequest: true, body) { Headers = head.Headers });
            }
        }
    }

    private void Cut(string why)
    {
        _bodies = false;
        sink.Add(new CallCut(time.GetUtcNow(), _id!.Value, why));
    }

    /// <summary>Why a body cannot be read as text; null where it can.</summary>
    private static string? WhyNot(string what, MessageHead message, out BodyDecoder? decoder)
    {
        var codings = message
            .Elements("Content-Encoding")
            .Where(coding => !coding.Equals("identity", StringComparison.OrdinalIgnoreCase))
            .ToList();
        decoder = codings is [var one] ? BodyDecoder.For(one) : null;
        if (codings.Count > 0 && decoder is null)
        {
            return $"the {what} is compressed ({string.Join(", ", codings)})";
        }
        var type = (message.Values("Content-Type").FirstOrDefault() ?? "").Split(';')[0].Trim().ToLowerInvariant();
        // curl's own type for what it posts is one of forms.
        return
            type is "" or "application/x-www-form-urlencoded" or "application/jsonl" or "application/x-ndjson"
            || type.StartsWith("text/", StringComparison.Ordinal)
            || type.EndsWith("json", StringComparison.Ordinal)
            || type.EndsWith("xml", StringComparison.Ordinal)
            ? null
            : $"the {what} is {type}";
    }

    private static string? ModelOf(byte[] body)
    {
        if (body.Length == 0 || body.AsSpan().TrimStart(" \t\r\n"u8) is not [(byte)'{', ..])
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.Text("model") ?? document.RootElement.Text("name");
        }
        catch (JsonException)
        {
            // The server says what it thinks of it.
            return null;
        }
    }

    private static bool IsTurn(string path) =>
        path is "/api/chat" or "/api/generate"
        || path.EndsWith("/chat/completions", StringComparison.Ordinal)
        || path.EndsWith("/completions", StringComparison.Ordinal)
        || path.EndsWith("/responses", StringComparison.Ordinal);

    private static string PathOf(string target)
    {
        var path = target.Split('?')[0];
        return path.Length > LongestPath ? path[..LongestPath] + "…" : path;
    }
}
