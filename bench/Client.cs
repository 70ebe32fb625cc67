using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Codexctl.Bench;

/// <summary>A way to the model server: itself, or somebody in between.</summary>
internal sealed record Route(string Name, EndPoint Address, int? ProcessId = null)
{
    public const string Direct = "direct";
}

/// <summary>HTTP by hand on a socket, so that the client costs the same on every route and little on all.</summary>
internal static class Client
{
    private static readonly byte[] _filling = Filling();

    /// <summary>One stream on a connection of its own; milliseconds from each event's sending to its arrival, and to the first one from the request.</summary>
    public static async Task<(double First, List<double> Chunks)> StreamAsync(Route route, int chunks, int pause)
    {
        using var socket = await ConnectAsync(route);
        var body =
            $$"""{"model":"bench","stream":true,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"chunks={{chunks}} pause={{pause}}"}]}]}""";
        var begin = Stopwatch.GetTimestamp();
        await SendAsync(socket, Head("/v1/responses", body.Length) + body);
        var times = new List<double>(chunks);
        double first = 0;
        var buffer = new byte[1 << 14];
        var filled = 0;
        while (true)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(filled));
            var now = Stopwatch.GetTimestamp();
            if (read == 0)
            {
                break;
            }
            filled += read;
            var done = 0;
            while (Next(buffer.AsSpan(done, filled - done), out var sent, out var used))
            {
                done += used;
                if (times.Count == 0)
                {
                    first = Milliseconds(now - begin);
                }
                times.Add(Milliseconds(now - sent));
            }
            if (buffer.AsSpan(done, filled - done).IndexOf("response.completed"u8) >= 0)
            {
                break;
            }
            // What is left may be the beginning of an event.
            buffer.AsSpan(done, filled - done).CopyTo(buffer);
            filled -= done;
            if (filled > buffer.Length / 2)
            {
                throw new InvalidDataException(Encoding.UTF8.GetString(buffer, 0, 500));
            }
        }
        return times.Count == chunks
            ? (first, times)
            : throw new InvalidDataException(
                $"{route.Name}: {times.Count} of {chunks} events. {Encoding.UTF8.GetString(buffer, 0, Math.Min(filled, 500))}"
            );
    }

    /// <summary>Sends a body of about <paramref name="up"/> bytes and takes <paramref name="down"/> bytes; seconds.</summary>
    public static async Task<double> BulkAsync(Route route, int up, long down)
    {
        using var socket = await ConnectAsync(route);
        var begin = Stopwatch.GetTimestamp();
        var start = Question(down);
        const string end = "\"}]}";
        await SendAsync(socket, Head("/v1/chat/completions", start.Length + up + end.Length) + start);
        for (var left = up; left > 0; )
        {
            left -= await socket.SendAsync(_filling.AsMemory(0, Math.Min(left, _filling.Length)));
        }
        await SendAsync(socket, end);
        var buffer = new byte[1 << 17];
        long got = 0;
        // The head is short, and comes in the first piece or two.
        while (got < down)
        {
            var read = await socket.ReceiveAsync(buffer);
            if (read == 0)
            {
                throw new InvalidDataException($"{route.Name}: the connection ended after {got} of {down} bytes.");
            }
            if (got == 0 && !Encoding.ASCII.GetString(buffer, 0, Math.Min(read, 15)).StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
            {
                throw new InvalidDataException($"{route.Name}: {Encoding.ASCII.GetString(buffer, 0, Math.Min(read, 500))}");
            }
            got += read;
        }
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    /// <summary>Small requests, one after the other on one connection, until the time is over; milliseconds of each.</summary>
    public static async Task<List<double>> RequestsAsync(Route route, long until)
    {
        using var socket = await ConnectAsync(route);
        var body = Question(200) + "Say a few words.\"}]}";
        var request = Encoding.ASCII.GetBytes(Head("/v1/chat/completions", body.Length, keep: true) + body);
        var buffer = new byte[16 << 10];
        var times = new List<double>();
        for (var begin = Stopwatch.GetTimestamp(); begin < until; begin = Stopwatch.GetTimestamp())
        {
            for (ReadOnlyMemory<byte> left = request; left.Length > 0; )
            {
                left = left[await socket.SendAsync(left)..];
            }
            var filled = 0;
            // The answer's body is 200 signs that its head has not.
            while (buffer.AsSpan(0, filled).Count((byte)'#') < 200)
            {
                var read = await socket.ReceiveAsync(buffer.AsMemory(filled));
                if (read == 0 || !buffer.AsSpan(0, filled + read).StartsWith("HTTP/1.1 200"u8))
                {
                    throw new InvalidDataException($"{route.Name}: {Encoding.ASCII.GetString(buffer, 0, Math.Min(filled + read, 500))}");
                }
                filled += read;
            }
            times.Add(Milliseconds(Stopwatch.GetTimestamp() - begin));
        }
        return times;
    }

    private static string Question(long bytes) => $$"""{"bytes":{{bytes}},"model":"bench","messages":[{"role":"user","content":"{{""}}""";

    private static async Task<Socket> ConnectAsync(Route route)
    {
        var socket =
            route.Address is UnixDomainSocketEndPoint
                ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
                : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(route.Address);
        return socket;
    }

    private static async Task SendAsync(Socket socket, string text)
    {
        for (ReadOnlyMemory<byte> left = Encoding.ASCII.GetBytes(text); left.Length > 0; )
        {
            left = left[await socket.SendAsync(left)..];
        }
    }

    private static string Head(string path, int length, bool keep = false) =>
        $"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{(keep ? "" : "Connection: close\r\n")}\r\n";

    /// <summary>The sending time in the next whole event.</summary>
    private static bool Next(ReadOnlySpan<byte> text, out long sent, out int used)
    {
        (sent, used) = (0, 0);
        var at = text.IndexOf("\"delta\":\""u8);
        if (at < 0)
        {
            return false;
        }
        var digits = text[(at + 9)..];
        var end = digits.IndexOf((byte)'"');
        if (end < 0)
        {
            return false;
        }
        sent = long.Parse(digits[..end], CultureInfo.InvariantCulture);
        used = at + 9 + end;
        return true;
    }

    private static byte[] Filling()
    {
        var filling = new byte[256 << 10];
        Array.Fill(filling, (byte)'#');
        return filling;
    }

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;
}
