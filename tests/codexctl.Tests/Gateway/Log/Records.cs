using System.Text;
using Codexctl.Gateway.Recording;

namespace Codexctl.Tests.Gateway.Log;

/// <summary>Exchanges as the recorder would write them, made from the bytes of a call.</summary>
internal static class Records
{
    public static readonly DateTimeOffset At = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    /// <param name="chunks">The answer as it came by, whatever its boundaries.</param>
    public static List<Exchange> Call(string path, string request, string contentType, IEnumerable<string> chunks, long id = 1) =>
        Call(path, request, contentType, chunks.Select(Encoding.UTF8.GetBytes), id);

    public static List<Exchange> Call(string path, string request, string contentType, IEnumerable<byte[]> chunks, long id = 1)
    {
        var events = new BodyEvents();
        List<Exchange> raw =
        [
            new CallStart(At, id, "POST", path, "turn", "m"),
            new CallBytes(At, id, TimeSpan.Zero, IsRequest: true, Encoding.UTF8.GetBytes(request))
            {
                Headers = [new("Authorization", "Bearer abc")],
            },
        ];
        var n = 0;
        raw.AddRange(
            chunks.Select(chunk => new CallBytes(At, id, TimeSpan.FromMilliseconds(10 * ++n), IsRequest: false, chunk)
            {
                Path = path,
                Status = 200,
                ContentType = contentType,
            })
        );
        raw.Add(new ModelCall(At, "POST", path, "turn", "m", 200, null, null, null, TimeSpan.FromSeconds(1), null) { Id = id });
        // Through the line and back: what is tested is what can be read again.
        return [.. raw.SelectMany(events.Of).Select(Reread)];
    }

    public static Exchange Reread(Exchange exchange)
    {
        var line = new System.Buffers.ArrayBufferWriter<byte>();
        RecordLine.Write(line, exchange);
        return RecordLine.Read(line.WrittenMemory)!;
    }

    public static string Lines(IEnumerable<Exchange> exchanges)
    {
        var line = new System.Buffers.ArrayBufferWriter<byte>();
        foreach (var exchange in exchanges)
        {
            RecordLine.Write(line, exchange);
        }
        return Encoding.UTF8.GetString(line.WrittenSpan);
    }

    /// <summary>Cut after every byte, or at random.</summary>
    public static IEnumerable<byte[]> Cut(string text, Func<int> size)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        for (var at = 0; at < bytes.Length; )
        {
            var take = Math.Min(size(), bytes.Length - at);
            yield return bytes[at..(at + take)];
            at += take;
        }
    }
}
