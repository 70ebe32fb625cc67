using System.Text.Json;
using Codexctl.Gateway.Recording;
using Codexctl.Models;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>What is learned about one request while it runs.</summary>
internal sealed class CallRecord : IMeteredCall
{
    private const int LongestPath = 200;

    private static long _last;

    private readonly TimeProvider _time;
    private readonly DateTimeOffset _at;
    private readonly long _start;
    private readonly string _method;
    private readonly string _path;
    private TimeSpan? _firstByte;
    private TimeSpan? _firstToken;
    private IExchangeSink? _bodies;
    private long? _id;

    /// <summary>A number that no other call of this process has.</summary>
    public static long NewId() => Interlocked.Increment(ref _last);

    public CallRecord(TimeProvider time, HttpContext context)
    {
        _time = time;
        _at = time.GetUtcNow();
        _start = time.GetTimestamp();
        _method = context.Request.Method;
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? target : target[..query];
        _path = path.Length > LongestPath ? path[..LongestPath] + "…" : path;
    }

    public string Kind { get; set; } = "refused";

    /// <summary>Whether the client is one that reads errors as Codex does.</summary>
    public bool IsResponses { get; set; }

    public string? Model { get; set; }

    /// <summary>Of the request. Bytes.</summary>
    public int BodyLength { get; set; }

    public int? Status { get; set; }

    public long? InputTokens { get; set; }

    public long? OutputTokens { get; set; }

    public string? Error { get; set; }

    /// <summary>The tokens that the model runs with; null where that is not known.</summary>
    public long? Context { get; set; }

    /// <summary>The box went away before the end.</summary>
    public bool Left { get; set; }

    /// <summary>How long the server says that it generated.</summary>
    public TimeSpan? Generation { get; set; }

    public void FirstByte() => _firstByte ??= _time.GetElapsedTime(_start);

    /// <summary>Whether the first word of the answer is still to come.</summary>
    public bool AwaitsToken => _firstToken is null;

    public void FirstToken() => _firstToken ??= _time.GetElapsedTime(_start);

    /// <summary>The request goes to the model now: it is told, with its body where that is wanted.</summary>
    public void Begin(HttpContext context, IExchangeSink sink, ReadOnlySpan<byte> body)
    {
        var id = NewId();
        _id = id;
        sink.Add(new CallStart(_at, id, _method, _path, Kind, Model));
        if (!sink.WantsBodies)
        {
            return;
        }
        _bodies = sink;
        var headers = context.Request.Headers.Select(header => KeyValuePair.Create(header.Key, header.Value.ToString())).ToList();
        sink.Add(new CallBytes(_at, id, TimeSpan.Zero, IsRequest: true, body.ToArray()) { Headers = headers });
    }

    /// <summary>Bytes of the answer as the box gets them. Costs a copy where bodies are recorded, and nothing where they are not.</summary>
    public void Answer(HttpContext context, ReadOnlySpan<byte> bytes)
    {
        if (_bodies is { } sink && bytes.Length > 0)
        {
            sink.Add(
                new CallBytes(_time.GetUtcNow(), _id!.Value, _time.GetElapsedTime(_start), IsRequest: false, bytes.ToArray())
                {
                    Path = _path,
                    Status = context.Response.StatusCode,
                    ContentType = context.Response.ContentType,
                }
            );
        }
    }

    /// <summary>Usage from a whole Responses answer.</summary>
    public void ReadUsage(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var usage = document.RootElement.Get("usage");
            InputTokens = usage?.Number("input_tokens");
            OutputTokens = usage?.Number("output_tokens");
        }
        catch (JsonException)
        {
            // The client sees what it is; there is nothing to count.
        }
    }

    public ModelCall Finish(HttpContext context) =>
        new(
            _at,
            _method,
            _path,
            Kind,
            Model,
            Left && !context.Response.HasStarted ? 0 : Status ?? context.Response.StatusCode,
            InputTokens,
            OutputTokens,
            _firstByte,
            _time.GetElapsedTime(_start),
            Error ?? (Left ? "the client left" : null)
        )
        {
            Id = _id,
            TimeToFirstToken = _firstToken,
            Generation = Generation,
            Context = Context,
        };
}
