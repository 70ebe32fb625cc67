using System.Text;
using System.Text.Json;
using Codexctl.Models;

namespace Codexctl.Gateway.ModelRoute;

internal enum StreamEventKind
{
    /// <summary>Passed on, not looked at further.</summary>
    Other,
    Completed,
    Incomplete,

    /// <summary>The server gives up, in whatever form.</summary>
    Failed,
}

/// <summary>What one event of a Responses stream means for the bridge.</summary>
internal readonly record struct StreamEvent(
    StreamEventKind Kind,
    string? Message = null,
    long? InputTokens = null,
    long? OutputTokens = null
)
{
    /// <param name="one">A whole event.</param>
    public static StreamEvent Read(ReadOnlySpan<byte> one)
    {
        // Nearly every event is a delta: look closer only where a word occurs that the interesting ones have.
        if (
            one.IndexOf("response.completed"u8) < 0
            && one.IndexOf("response.incomplete"u8) < 0
            && one.IndexOf("\"error\""u8) < 0
            && one.IndexOf("response.failed"u8) < 0
        )
        {
            return default;
        }
        try
        {
            using var document = JsonDocument.Parse(Data(one));
            return Meaning(document.RootElement);
        }
        catch (JsonException)
        {
            // Not JSON: the client decides.
            return default;
        }
    }

    /// <summary>The words of an error in any of the forms that servers use; null where there are none.</summary>
    public static string? Words(JsonElement error)
    {
        if (error.ValueKind == JsonValueKind.String)
        {
            return error.AsText();
        }
        foreach (var name in (ReadOnlySpan<string>)["message", "error", "detail"])
        {
            if (error.Get(name) is { } inner && Words(inner) is { Length: > 0 } words)
            {
                return words;
            }
        }
        return null;
    }

    private static StreamEvent Meaning(JsonElement data)
    {
        switch (data.Text("type"))
        {
            case "response.completed":
                var usage = data.Get("response")?.Get("usage");
                return new StreamEvent(
                    StreamEventKind.Completed,
                    InputTokens: usage?.Number("input_tokens"),
                    OutputTokens: usage?.Number("output_tokens")
                );
            case "response.incomplete":
                return new StreamEvent(StreamEventKind.Incomplete, data.Get("response")?.Get("incomplete_details")?.Text("reason"));
            case "response.failed":
                var error = data.Get("response")?.Get("error");
                return new StreamEvent(StreamEventKind.Failed, error is { } value ? Words(value) : null);
            case "error":
                return new StreamEvent(StreamEventKind.Failed, Words(data));
            case null when data.Get("error") is { } bare:
                // Ollama's own form in the middle of a stream.
                return new StreamEvent(StreamEventKind.Failed, Words(bare));
            default:
                return default;
        }
    }

    /// <summary>The data of an event, without the fields' names.</summary>
    public static ReadOnlyMemory<byte> Data(ReadOnlySpan<byte> one)
    {
        var data = new MemoryStream();
        foreach (var part in one.SplitAny("\r\n"u8))
        {
            var line = one[part];
            if (line.StartsWith("data:"u8))
            {
                data.Write(line["data:"u8.Length..]);
                data.WriteByte((byte)'\n');
            }
            else if (line.StartsWith("{"u8))
            {
                // A line of JSON where an event should be: Ollama's error without the field's name.
                data.Write(line);
            }
        }
        return data.GetBuffer().AsMemory(0, (int)data.Length);
    }
}
