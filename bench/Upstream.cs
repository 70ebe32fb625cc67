using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;

namespace Codexctl.Bench;

/// <summary>
/// A model server that streams what it is told to, in a process of its own: each event carries the time at which it was sent. HTTP by hand, so
/// that it costs little of the machine on which the others are measured.
/// </summary>
internal static partial class Upstream
{
    private const string Models =
        """{"models":[{"name":"bench:latest","digest":"1","details":{"family":"bench"},"context_length":65536}]}""";

    private static readonly byte[] _filling = Filling();

    public static async Task RunAsync(int port)
    {
        using var ticker = new Ticker();
        new Thread(ticker.Run) { IsBackground = true }.Start();
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(4096);
        while (true)
        {
            var socket = await listener.AcceptAsync();
            socket.NoDelay = true;
            _ = ServeAsync(socket, ticker);
        }
    }

    private static async Task ServeAsync(Socket socket, Ticker ticker)
    {
        using var owned = socket;
        var buffer = new byte[16 << 10];
        var filled = 0;
        try
        {
            while (true)
            {
                int end;
                while ((end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
                {
                    var count = await socket.ReceiveAsync(buffer.AsMemory(filled));
                    if (count == 0)
                    {
                        return;
                    }
                    filled += count;
                }
                var head = Encoding.ASCII.GetString(buffer, 0, end);
                var length = Length().Match(head) is { Success: true } found ? Number(found.Groups["n"].Value) : 0;
                var have = Math.Min(filled - end - 4, length);
                // Wishes are at the beginning of a body; of a big one the rest is only counted.
                while (have < Math.Min(length, 400) && end + 4 + have < buffer.Length)
                {
                    var count = await socket.ReceiveAsync(buffer.AsMemory(filled));
                    (filled, have) = (filled + count, have + count);
                }
                var body = Encoding.ASCII.GetString(buffer, end + 4, (int)Math.Min(have, 600));
                filled = Math.Max(0, filled - end - 4 - (int)have);
                buffer.AsSpan(end + 4 + (int)have, filled).CopyTo(buffer);
                await DropAsync(socket, length - have);
                await AnswerAsync(socket, ticker, head[..head.IndexOf('\r', StringComparison.Ordinal)], body);
                if (head.Contains("Connection: close", StringComparison.OrdinalIgnoreCase))
                {
                    socket.Shutdown(SocketShutdown.Send);
                    return;
                }
            }
        }
        catch (SocketException)
        {
            // The other side has gone.
            return;
        }
    }

    private static async Task DropAsync(Socket socket, long left)
    {
        if (left <= 0)
        {
            return;
        }
        var room = new byte[256 << 10];
        while (left > 0)
        {
            var count = await socket.ReceiveAsync(room.AsMemory(0, (int)Math.Min(left, room.Length)));
            left = count == 0 ? 0 : left - count;
        }
    }

    private static Task AnswerAsync(Socket socket, Ticker ticker, string line, string body) =>
        line.Split(' ')[1] switch
        {
            "/v1/responses" => StreamAsync(socket, ticker, Wish().Match(body)),
            "/v1/chat/completions" => BulkAsync(socket, Bytes().Match(body) is { Success: true } wish ? Number(wish.Groups["n"].Value) : 2),
            "/api/version" => JsonAsync(socket, """{"version":"0.32.15"}"""),
            "/api/tags" or "/api/ps" => JsonAsync(socket, Models),
            "/api/show" => JsonAsync(
                socket,
                """{"details":{"family":"bench"},"capabilities":["completion","tools"],"model_info":{"bench.context_length":65536}}"""
            ),
            _ => SendAsync(socket, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"u8.ToArray()),
        };

    /// <summary>`chunks=N pause=MS` somewhere in the body: N events, so far apart.</summary>
    private static Task StreamAsync(Socket socket, Ticker ticker, Match wish)
    {
        socket.Send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"u8);
        var stream = new Streaming(socket, (int)Number(wish.Groups["chunks"].Value), (int)Number(wish.Groups["pause"].Value));
        ticker.Add(stream);
        return stream.Done.Task;
    }

    /// <summary>`"bytes":N` in the first part of the body: that many come back.</summary>
    private static async Task BulkAsync(Socket socket, long left)
    {
        var head = $"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {left}\r\n\r\n";
        var first = (int)Math.Min(left, 2000);
        await SendAsync(socket, (byte[])[.. Encoding.ASCII.GetBytes(head), .. _filling.AsSpan(0, first)]);
        for (left -= first; left > 0; )
        {
            left -= await socket.SendAsync(_filling.AsMemory(0, (int)Math.Min(left, _filling.Length)));
        }
    }

    private static Task JsonAsync(Socket socket, string json) =>
        SendAsync(
            socket,
            Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {json.Length}\r\n\r\n{json}")
        );

    private static async Task SendAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await socket.SendAsync(bytes)..];
        }
    }

    private static byte[] Filling()
    {
        var filling = new byte[256 << 10];
        Array.Fill(filling, (byte)'#');
        return filling;
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"chunks=(?<chunks>\d+) pause=(?<pause>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Wish();

    [GeneratedRegex(@"""bytes"":\s*(?<n>\d+)", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Bytes();

    [GeneratedRegex(@"Content-Length:\s*(?<n>\d+)", RegexOptions.ExplicitCapture | RegexOptions.IgnoreCase, 1000)]
    private static partial Regex Length();

    /// <summary>One stream on its way.</summary>
    private sealed class Streaming(Socket socket, int chunks, int pause)
    {
        private readonly byte[] _room = new byte[1024];
        private int _sent;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public long Pause { get; } = pause * Stopwatch.Frequency / 1000;

        /// <summary>Sends the next event; false after the last one.</summary>
        public bool Next()
        {
            try
            {
                // As long as Ollama's.
                Send(
                    "response.output_text.delta",
                    $$"""{"type":"response.output_text.delta","item_id":"msg_0123456789abcdef","output_index":0,"content_index":0,"delta":"{{Stopwatch.GetTimestamp()}}"}"""
                );
                if (++_sent < chunks)
                {
                    return true;
                }
                Send(
                    "response.completed",
                    """{"type":"response.completed","response":{"id":"resp_1","status":"completed","usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}}"""
                );
                socket.Send("0\r\n\r\n"u8);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // The other side has gone.
                Done.SetResult();
                return false;
            }
            Done.SetResult();
            return false;
        }

        private void Send(string name, string data)
        {
            var length = name.Length + data.Length + "event: \ndata: \n\n".Length;
            socket.Send(_room.AsSpan(0, Encoding.ASCII.GetBytes($"{length:x}\r\nevent: {name}\ndata: {data}\n\n\r\n", _room)));
        }
    }

    /// <summary>One thread that sends every event when it is due.</summary>
    private sealed class Ticker : IDisposable
    {
        private readonly ConcurrentQueue<Streaming> _coming = new();
        private readonly PriorityQueue<Streaming, long> _due = new();
        private readonly AutoResetEvent _woken = new(false);

        public void Dispose() => _woken.Dispose();

        public void Add(Streaming stream)
        {
            _coming.Enqueue(stream);
            _woken.Set();
        }

        public void Run()
        {
            while (true)
            {
                while (_coming.TryDequeue(out var stream))
                {
                    _due.Enqueue(stream, Stopwatch.GetTimestamp());
                }
                if (!_due.TryPeek(out var next, out var at))
                {
                    _woken.WaitOne();
                    continue;
                }
                var wait = at - Stopwatch.GetTimestamp();
                if (wait > 0)
                {
                    _woken.WaitOne(TimeSpan.FromMilliseconds(Math.Ceiling(wait * 1000.0 / Stopwatch.Frequency)));
                    continue;
                }
                _due.Dequeue();
                if (next.Next())
                {
                    _due.Enqueue(next, at + next.Pause);
                }
            }
        }
    }
}
