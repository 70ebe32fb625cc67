using System.Text.Json;
using Codexctl.Gateway.Recording;
using Codexctl.Models;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>What is learned about one request while it runs.</summary>
internal sealed class CallRecord
{
    private const int LongestPath = 200;

    private readonly TimeProvider _time;
    private readonly DateTimeOffset _at;
    private readonly long _start;
    private readonly string _method;
    private readonly string _path;
    private TimeSpan? _firstByte;

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

    public int? Status { get; set; }

    public long? InputTokens { get; set; }

    public long? OutputTokens { get; set; }

    public string? Error { get; set; }

    /// <summary>The tokens that the model runs with; null where that is not known.</summary>
    public long? Context { get; set; }

    /// <summary>The box went away before the end.</summary>
    public bool Left { get; set; }

    public void FirstByte() => _firstByte ??= _time.GetElapsedTime(_start);

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
            Error ?? (Left ? "the client left" : null),
            Context
        );
}
