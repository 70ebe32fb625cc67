using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace Codexctl.Gateway.Recording;

/// <summary>An exchange as one line of JSON, and back. The schema is in docs/recording.md; `v` counts its breaking changes.</summary>
public static class RecordLine
{
    public const int Version = 1;

    /// <summary>Writes one line, its newline included.</summary>
    public static void Write(IBufferWriter<byte> output, Exchange exchange)
    {
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("v", Version);
            switch (exchange)
            {
                case ModelCall call:
                    json.WriteString("t", "model");
                    WriteAt(json, call.At);
                    json.WriteString("method", Redaction.Text(call.Method));
                    json.WriteString("path", Redaction.Path(call.Path));
                    json.WriteString("kind", call.Kind);
                    WriteText(json, "model", call.Model);
                    json.WriteNumber("status", call.Status);
                    WriteNumber(json, "inputTokens", call.InputTokens);
                    WriteNumber(json, "outputTokens", call.OutputTokens);
                    WriteNumber(json, "firstByteMs", call.TimeToFirstByte?.TotalMilliseconds);
                    WriteNumber(json, "durationMs", call.Duration.TotalMilliseconds);
                    WriteText(json, "error", call.Error);
                    break;
                case EgressCall call:
                    json.WriteString("t", "egress");
                    WriteAt(json, call.At);
                    json.WriteString("host", Redaction.Text(call.Host));
                    json.WriteNumber("port", call.Port);
                    json.WriteBoolean("allowed", call.Allowed);
                    WriteText(json, "reason", call.Reason);
                    json.WriteNumber("bytesUp", call.BytesUp);
                    json.WriteNumber("bytesDown", call.BytesDown);
                    WriteNumber(json, "durationMs", call.Duration.TotalMilliseconds);
                    break;
                default:
                    json.WriteString("t", "unknown");
                    WriteAt(json, exchange.At);
                    break;
            }
            json.WriteEndObject();
        }
        output.Write("\n"u8);
    }

    /// <summary>The first (`start`) or last (`end`) line of a file: without the last, the gateway died.</summary>
    public static void WriteMark(IBufferWriter<byte> output, string type, DateTimeOffset at)
    {
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteNumber("v", Version);
            json.WriteString("t", type);
            WriteAt(json, at);
            json.WriteEndObject();
        }
        output.Write("\n"u8);
    }

    /// <summary>The exchange of a line; null for marks, other versions, kinds unknown here, and anything that is not a whole line.</summary>
    public static Exchange? Read(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Number(root, "v") is not Version || At(root) is not { } at)
            {
                return null;
            }
            return Text(root, "t") switch
            {
                "model" => new ModelCall(
                    at,
                    Text(root, "method") ?? "",
                    Text(root, "path") ?? "",
                    Text(root, "kind") ?? "",
                    Text(root, "model"),
                    (int)(Number(root, "status") ?? 0),
                    (long?)Number(root, "inputTokens"),
                    (long?)Number(root, "outputTokens"),
                    Duration(root, "firstByteMs"),
                    Duration(root, "durationMs") ?? TimeSpan.Zero,
                    Text(root, "error")
                ),
                "egress" => new EgressCall(
                    at,
                    Text(root, "host") ?? "",
                    (int)(Number(root, "port") ?? 0),
                    root.TryGetProperty("allowed", out var allowed) && allowed.ValueKind == JsonValueKind.True,
                    Text(root, "reason"),
                    (long)(Number(root, "bytesUp") ?? 0),
                    (long)(Number(root, "bytesDown") ?? 0),
                    Duration(root, "durationMs") ?? TimeSpan.Zero
                ),
                _ => null,
            };
        }
        catch (JsonException)
        {
            // A torn or damaged line.
            return null;
        }
    }

    internal static string? Type(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind == JsonValueKind.Object ? Text(document.RootElement, "t") : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void WriteAt(Utf8JsonWriter json, DateTimeOffset at) =>
        json.WriteString("at", at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));

    private static void WriteText(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, Redaction.Text(value));
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, Math.Round(number, 3));
        }
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static double? Number(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
            ? number
            : null;

    private static TimeSpan? Duration(JsonElement root, string name) =>
        Number(root, name) is { } number and >= 0 and < 1e12 ? TimeSpan.FromMilliseconds(number) : null;

    private static DateTimeOffset? At(JsonElement root) =>
        root.TryGetProperty("at", out var value) && value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out var at)
            ? at
            : null;
}
