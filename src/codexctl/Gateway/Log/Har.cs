using System.Globalization;
using System.Text;
using System.Text.Json;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>A session as HAR 1.2, which browsers and many tools can show. Without recorded bodies it has the metadata.</summary>
public static class Har
{
    public static void Write(Stream output, IReadOnlyList<Exchange> exchanges, string version)
    {
        var server =
            exchanges.OfType<SessionStart>().Select(start => start.Info.Server).FirstOrDefault(url => url is not null) ?? "http://model";
        using var json = new Utf8JsonWriter(
            output,
            new JsonWriterOptions
            {
                Indented = true,
                MaxDepth = RecordLine.Depth,
                Encoder = RecordLine.Relaxed.Encoder,
            }
        );
        json.WriteStartObject();
        json.WriteStartObject("log");
        json.WriteString("version", "1.2");
        json.WriteStartObject("creator");
        json.WriteString("name", "codexctl");
        json.WriteString("version", version);
        json.WriteEndObject();
        json.WriteStartArray("entries");
        var calls = RecordedCall.Of(exchanges).Select(call => (call.Start.At, Write: (Action)(() => Call(json, server, call))));
        // Those that the gateway answered itself have no beginning of their own.
        var other = exchanges
            .OfType<ModelCall>()
            .Where(call => call.Id is null)
            .Select(call => (call.At, Write: (Action)(() => Call(json, server, call))));
        var egress = exchanges.OfType<EgressCall>().Select(call => (call.At, Write: (Action)(() => Egress(json, call))));
        foreach (var (_, write) in calls.Concat(other).Concat(egress).OrderBy(entry => entry.At))
        {
            write();
        }
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        output.WriteByte((byte)'\n');
    }

    private static void Call(Utf8JsonWriter json, string server, RecordedCall call)
    {
        var first = call.Answer?.Since ?? call.End?.TimeToFirstByte;
        var whole = call.End?.Duration ?? (call.Parts.Count > 0 ? call.Parts[^1].Since : first ?? TimeSpan.Zero);
        Begin(json, call.Start.At, whole, call.Start.Method, server + call.Start.Path);
        Headers(json, call.Request?.Headers ?? []);
        var body = call.Request?.Body.ToString();
        json.WriteNumber("bodySize", body is null ? -1 : Encoding.UTF8.GetByteCount(body));
        if (body is not null)
        {
            json.WriteStartObject("postData");
            json.WriteString("mimeType", "application/json");
            json.WriteStartArray("params");
            json.WriteEndArray();
            json.WriteString("text", body);
            json.WriteEndObject();
        }
        json.WriteEndObject();
        var text = call.Answer is null ? null : string.Concat(call.Parts.Select(call.Wire));
        Answer(
            json,
            call.End?.Status ?? call.Answer?.Status ?? 0,
            call.Answer?.ContentType,
            text,
            call.End?.Error ?? (call.End is null ? "the gateway died" : null)
        );
        End(json, first, whole);
    }

    private static void Call(Utf8JsonWriter json, string server, ModelCall call)
    {
        Begin(json, call.At, call.Duration, call.Method, server + call.Path);
        Headers(json, []);
        json.WriteNumber("bodySize", -1);
        json.WriteEndObject();
        Answer(json, call.Status, null, null, call.Error);
        End(json, call.TimeToFirstByte, call.Duration);
    }

    private static void Egress(Utf8JsonWriter json, EgressCall call)
    {
        Begin(
            json,
            call.At,
            call.Duration,
            "CONNECT",
            $"https://{(call.Host.Length == 0 ? "unreadable.invalid" : call.Host)}:{call.Port}/"
        );
        Headers(json, []);
        json.WriteNumber("bodySize", call.BytesUp);
        json.WriteEndObject();
        Answer(json, call.Allowed ? 200 : 403, null, null, call.Reason);
        End(json, null, call.Duration);
    }

    private static void Begin(Utf8JsonWriter json, DateTimeOffset at, TimeSpan time, string method, string url)
    {
        json.WriteStartObject();
        json.WriteString("startedDateTime", at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        json.WriteNumber("time", Ms(time));
        json.WriteStartObject("request");
        json.WriteString("method", method);
        json.WriteString("url", url);
        json.WriteString("httpVersion", "HTTP/1.1");
        Empty(json, "cookies");
        Empty(json, "queryString");
        json.WriteNumber("headersSize", -1);
    }

    private static void Headers(Utf8JsonWriter json, IEnumerable<KeyValuePair<string, string>> headers)
    {
        json.WriteStartArray("headers");
        foreach (var (name, value) in headers)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("value", value);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Answer(Utf8JsonWriter json, int status, string? type, string? text, string? error)
    {
        json.WriteStartObject("response");
        json.WriteNumber("status", status);
        json.WriteString("statusText", "");
        json.WriteString("httpVersion", "HTTP/1.1");
        Empty(json, "cookies");
        Headers(json, type is null ? [] : [new("Content-Type", type)]);
        json.WriteStartObject("content");
        json.WriteNumber("size", text is null ? 0 : Encoding.UTF8.GetByteCount(text));
        json.WriteString("mimeType", type ?? "x-unknown");
        if (text is not null)
        {
            json.WriteString("text", text);
        }
        json.WriteEndObject();
        json.WriteString("redirectURL", "");
        json.WriteNumber("headersSize", -1);
        json.WriteNumber("bodySize", text is null ? -1 : Encoding.UTF8.GetByteCount(text));
        if (error is not null)
        {
            json.WriteString("comment", error);
        }
        json.WriteEndObject();
    }

    private static void End(Utf8JsonWriter json, TimeSpan? first, TimeSpan whole)
    {
        var wait = first is { } byteOne && byteOne < whole ? byteOne : whole;
        json.WriteStartObject("cache");
        json.WriteEndObject();
        json.WriteStartObject("timings");
        json.WriteNumber("send", 0);
        json.WriteNumber("wait", Ms(wait));
        json.WriteNumber("receive", Ms(whole - wait));
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Empty(Utf8JsonWriter json, string name)
    {
        json.WriteStartArray(name);
        json.WriteEndArray();
    }

    private static double Ms(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);
}
