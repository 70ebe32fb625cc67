using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.Gateway.Recording;

/// <summary>An exchange as one line of JSON, and back. The schema is in docs/recording.md; `v` counts its breaking changes.</summary>
public static class RecordLine
{
    public const int Version = 1;

    /// <summary>As deep as the model route accepts bodies, and a little more.</summary>
    internal const int Depth = 620;

    /// <summary>Text stays readable; a record is never part of a page.</summary>
    internal static JsonSerializerOptions Relaxed { get; } =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = Depth };

    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = Depth };
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = Depth };

    /// <summary>Writes one line, its newline included.</summary>
    public static void Write(IBufferWriter<byte> output, Exchange exchange)
    {
        using (var json = new Utf8JsonWriter(output, Writing))
        {
            json.WriteStartObject();
            json.WriteNumber("v", Version);
            json.WriteString("t", TypeOf(exchange));
            json.WriteString("at", exchange.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
            WriteFields(json, exchange);
            json.WriteEndObject();
        }
        output.Write("\n"u8);
    }

    /// <summary>The exchange with its texts as they are written: for those who see it without reading the line.</summary>
    internal static Exchange Clean(Exchange exchange) =>
        exchange switch
        {
            ModelCall call => call with
            {
                Method = Redaction.Text(call.Method),
                Path = Redaction.Path(call.Path),
                Model = Clean(call.Model),
                Error = Clean(call.Error),
            },
            EgressCall call => call with { Host = Redaction.Text(call.Host), Reason = Clean(call.Reason) },
            CallStart call => call with
            {
                Method = Redaction.Text(call.Method),
                Path = Redaction.Path(call.Path),
                Model = Clean(call.Model),
            },
            CallAnswer answer => answer with { ContentType = Clean(answer.ContentType) },
            CallPart { Event: not null } part => part with { Event = Clean(part.Event) },
            CallCut cut => cut with { Reason = Redaction.Text(cut.Reason) },
            BodiesSwitched bodies => bodies with { Reason = Clean(bodies.Reason) },
            _ => exchange,
        };

    private static string? Clean(string? text) => text is null ? null : Redaction.Text(text);

    /// <summary>The exchange of a line; null for other versions, kinds unknown here, and anything that is not a whole line.</summary>
    public static Exchange? Read(ReadOnlyMemory<byte> line) => Read(line, out _);

    /// <param name="whole">Whether it is a line of some kind and version, known or not.</param>
    internal static Exchange? Read(ReadOnlyMemory<byte> line, out bool whole)
    {
        whole = false;
        try
        {
            using var document = JsonDocument.Parse(line, Reading);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "t") is not { } type)
            {
                return null;
            }
            whole = true;
            return Number(root, "v") == Version && At(root) is { } at ? ReadFields(type, at, root) : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // A torn or damaged line.
            return null;
        }
    }

    private static string TypeOf(Exchange exchange) =>
        exchange switch
        {
            ModelCall => "model",
            EgressCall => "egress",
            CallStart => "call",
            CallRequest => "request",
            CallAnswer => "answer",
            CallPart => "part",
            CallCut => "cut",
            SessionStart => "start",
            SessionEnd => "end",
            BodiesSwitched => "bodies",
            _ => "unknown",
        };

    private static void WriteFields(Utf8JsonWriter json, Exchange exchange)
    {
        switch (exchange)
        {
            case ModelCall call:
                WriteNumber(json, "id", call.Id);
                json.WriteString("method", Redaction.Text(call.Method));
                json.WriteString("path", Redaction.Path(call.Path));
                json.WriteString("kind", call.Kind);
                WriteText(json, "model", call.Model);
                json.WriteNumber("status", call.Status);
                WriteNumber(json, "inputTokens", call.InputTokens);
                WriteNumber(json, "outputTokens", call.OutputTokens);
                WriteNumber(json, "context", call.Context);
                WriteTime(json, "firstByteMs", call.TimeToFirstByte);
                WriteTime(json, "firstTokenMs", call.TimeToFirstToken);
                WriteTime(json, "generationMs", call.Generation);
                WriteTime(json, "durationMs", call.Duration);
                WriteText(json, "error", call.Error);
                break;
            case EgressCall call:
                json.WriteString("host", Redaction.Text(call.Host));
                json.WriteNumber("port", call.Port);
                json.WriteBoolean("allowed", call.Allowed);
                WriteText(json, "reason", call.Reason);
                json.WriteNumber("bytesUp", call.BytesUp);
                json.WriteNumber("bytesDown", call.BytesDown);
                WriteTime(json, "durationMs", call.Duration);
                break;
            case CallStart call:
                json.WriteNumber("id", call.Id);
                json.WriteString("method", Redaction.Text(call.Method));
                json.WriteString("path", Redaction.Path(call.Path));
                json.WriteString("kind", call.Kind);
                WriteText(json, "model", call.Model);
                break;
            case CallRequest request:
                json.WriteNumber("id", request.Id);
                json.WriteStartArray("headers");
                foreach (var (name, value) in request.Headers)
                {
                    json.WriteStartArray();
                    json.WriteStringValue(name);
                    json.WriteStringValue(value);
                    json.WriteEndArray();
                }
                json.WriteEndArray();
                WriteBody(json, "body", request.Body);
                break;
            case CallAnswer answer:
                json.WriteNumber("id", answer.Id);
                WriteTime(json, "ms", answer.Since);
                json.WriteNumber("status", answer.Status);
                WriteText(json, "contentType", answer.ContentType);
                break;
            case CallPart part:
                json.WriteNumber("id", part.Id);
                WriteTime(json, "ms", part.Since);
                WriteText(json, "event", part.Event);
                WriteBody(json, "data", part.Data);
                break;
            case CallCut cut:
                json.WriteNumber("id", cut.Id);
                WriteText(json, "reason", cut.Reason);
                break;
            case SessionStart start:
                WriteText(json, "session", start.Info.Session);
                json.WriteNumber("part", start.Part);
                // Names of folders may look like anything; they are the person's own, and the record is found by them.
                WriteRaw(json, "engine", start.Info.Engine);
                WriteRaw(json, "container", start.Info.Container);
                WriteRaw(json, "workdir", start.Info.Workdir);
                WriteText(json, "server", start.Info.Server);
                json.WriteBoolean("bodies", start.Bodies);
                if (start.Again)
                {
                    json.WriteBoolean("again", true);
                }
                WriteRaw(json, "previous", start.Previous);
                break;
            case BodiesSwitched bodies:
                json.WriteBoolean("on", bodies.On);
                WriteText(json, "reason", bodies.Reason);
                break;
        }
    }

    private static Exchange? ReadFields(string type, DateTimeOffset at, JsonElement root)
    {
        var id = (long)(Number(root, "id") ?? 0);
        return type switch
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
                Time(root, "firstByteMs"),
                Time(root, "durationMs") ?? TimeSpan.Zero,
                Text(root, "error")
            )
            {
                Id = (long?)Number(root, "id"),
                TimeToFirstToken = Time(root, "firstTokenMs"),
                Generation = Time(root, "generationMs"),
                Context = (long?)Number(root, "context"),
            },
            "egress" => new EgressCall(
                at,
                Text(root, "host") ?? "",
                (int)(Number(root, "port") ?? 0),
                Flag(root, "allowed"),
                Text(root, "reason"),
                (long)(Number(root, "bytesUp") ?? 0),
                (long)(Number(root, "bytesDown") ?? 0),
                Time(root, "durationMs") ?? TimeSpan.Zero
            ),
            "call" => new CallStart(
                at,
                id,
                Text(root, "method") ?? "",
                Text(root, "path") ?? "",
                Text(root, "kind") ?? "",
                Text(root, "model")
            ),
            "request" => new CallRequest(at, id, Headers(root), Body(root, "body")),
            "answer" => new CallAnswer(
                at,
                id,
                Time(root, "ms") ?? TimeSpan.Zero,
                (int)(Number(root, "status") ?? 0),
                Text(root, "contentType")
            ),
            "part" => new CallPart(at, id, Time(root, "ms") ?? TimeSpan.Zero, Text(root, "event"), Body(root, "data")),
            "cut" => new CallCut(at, id, Text(root, "reason") ?? ""),
            "start" => new SessionStart(
                at,
                new SessionInfo(
                    Text(root, "session"),
                    Text(root, "engine"),
                    Text(root, "container"),
                    Text(root, "workdir"),
                    Text(root, "server")
                ),
                (int)(Number(root, "part") ?? 1),
                Flag(root, "again"),
                Flag(root, "bodies")
            )
            {
                Previous = Text(root, "previous"),
            },
            "end" => new SessionEnd(at),
            "bodies" => new BodiesSwitched(at, Flag(root, "on"), Text(root, "reason")),
            _ => null,
        };
    }

    private static void WriteBody(Utf8JsonWriter json, string name, BodyData body)
    {
        if (body.Text is { } text)
        {
            json.WriteString("text", text);
            return;
        }
        json.WritePropertyName(name);
        if (body.Json is null)
        {
            json.WriteNullValue();
        }
        else
        {
            body.Json.WriteTo(json, Relaxed);
        }
    }

    private static BodyData Body(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value)
            ? new BodyData(JsonNode.Parse(value.GetRawText(), null, Reading), null)
            : new BodyData(null, Text(root, "text") ?? "");

    private static List<KeyValuePair<string, string>> Headers(JsonElement root)
    {
        var headers = new List<KeyValuePair<string, string>>();
        if (root.TryGetProperty("headers", out var value) && value.ValueKind == JsonValueKind.Array)
        {
            foreach (var pair in value.EnumerateArray())
            {
                if (
                    pair.ValueKind == JsonValueKind.Array
                    && pair.GetArrayLength() == 2
                    && pair[0].ValueKind == JsonValueKind.String
                    && pair[1].ValueKind == JsonValueKind.String
                )
                {
                    headers.Add(new(pair[0].GetString()!, pair[1].GetString()!));
                }
            }
        }
        return headers;
    }

    private static void WriteText(Utf8JsonWriter json, string name, string? value) =>
        WriteRaw(json, name, value is null ? null : Redaction.Text(value));

    private static void WriteRaw(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
        {
            json.WriteString(name, value);
        }
    }

    private static void WriteNumber(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
    }

    private static void WriteTime(Utf8JsonWriter json, string name, TimeSpan? value)
    {
        if (value is { } time)
        {
            json.WriteNumber(name, Math.Round(time.TotalMilliseconds, 3));
        }
    }

    private static string? Text(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool Flag(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    private static double? Number(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number)
            ? number
            : null;

    private static TimeSpan? Time(JsonElement root, string name) =>
        Number(root, name) is { } number and >= 0 and < 1e12 ? TimeSpan.FromMilliseconds(number) : null;

    private static DateTimeOffset? At(JsonElement root) =>
        root.TryGetProperty("at", out var value) && value.ValueKind == JsonValueKind.String && value.TryGetDateTimeOffset(out var at)
            ? at
            : null;
}
