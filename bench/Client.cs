using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Codexctl.Bench;

/// <summary>A way to the model server: itself, or somebody in between.</summary>
internal sealed record Route(string Name, EndPoint Address, int? ProcessId = null);

/// <summary>HTTP by hand on a socket, so that the client costs the same on every route and little on all.</summary>
internal static class Client
{
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
        var buffer = new byte[1 << 16];
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
        var start = $$"""{"bytes":{{down}},"model":"bench","messages":[{"role":"user","content":"{{""}}""";
        const string end = "\"}]}";
        var filling = new byte[1 << 16];
        Array.Fill(filling, (byte)'a');
        await SendAsync(socket, Head("/v1/chat/completions", start.Length + up + end.Length) + start);
        for (var left = up; left > 0; )
        {
            left -= await socket.SendAsync(filling.AsMemory(0, Math.Min(left, filling.Length)));
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

    private static string Head(string path, int length) =>
        $"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n";

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

    private static double Milliseconds(long ticks) => ticks * 1000.0 / Stopwatch.Frequency;
}
