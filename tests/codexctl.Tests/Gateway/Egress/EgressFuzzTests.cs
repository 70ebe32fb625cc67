using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.Egress;
using Codexctl.Tests.Fakes;
using CsCheck;

namespace Codexctl.Tests.Gateway.Egress;

/// <summary>
/// Proper messages with a few faults in them, both ways. Whatever comes, the other side gets one message that every parser reads alike, or
/// none; and only hosts that are allowed are ever looked up.
/// </summary>
public class EgressFuzzTests
{
    private static readonly string[] Requests =
    [
        "GET http://example.com/a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n",
        "POST http://example.com/up HTTP/1.1\r\nHost: example.com\r\nContent-Length: 11\r\n\r\nhello world",
        "POST http://a.example.com:443/up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: 1\r\n\r\n",
        "PUT http://EXAMPLE.com./ HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
        "OPTIONS http://example.com HTTP/1.1\r\nHost: example.com\r\nConnection: close, X-Own\r\nX-Own: 1\r\n\r\n",
        "GET http://example.com/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ];

    private static readonly string[] Pieces =
    [
        "\r",
        "\n",
        "\r\n",
        "\n\n",
        "\r\n\r\n",
        "\r\n ",
        "\r\n\t",
        "\0",
        " ",
        "\t",
        "\u000b",
        "\u0085",
        "\u00a0",
        "\u00ff",
        ":",
        ";",
        ",",
        "@",
        "#",
        "/",
        "\\",
        "%00",
        "%0d%0a",
        "..",
        ".",
        "[::1]",
        "127.0.0.1",
        "0x7f.1",
        "evil.org",
        "http://evil.org/",
        "http://",
        "https://",
        "user:pw@",
        "xn--",
        ":80",
        ":99999",
        "0",
        "1",
        "-",
        "+",
        "f",
        "0\r\n\r\n",
        "5\r\nhello\r\n",
        "HTTP/1.0",
        "HTTP/1.1",
        "Host: evil.org\r\n",
        "Content-Length: 0\r\n",
        "Content-Length: 5\r\n",
        "Content-Length : 5\r\n",
        "Content-Length:\t5\r\n",
        "content-length: 05\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "transfer-encoding:chunked\r\n",
        "Transfer_Encoding: chunked\r\n",
        "Connection: Content-Length\r\n",
        "Connection: Transfer-Encoding\r\n",
        "Connection: Host\r\n",
        "Upgrade: websocket\r\n",
        "Upgrade: h2c\r\n",
        "Expect: 100-continue\r\n",
        "GET /smuggled HTTP/1.1\r\nHost: evil.org\r\n\r\n",
        "GET http://evil.org/ HTTP/1.1\r\nHost: evil.org\r\n\r\n",
        "CONNECT evil.org:443 HTTP/1.1\r\n\r\n",
    ];

    [Fact]
    public async Task What_reaches_a_host_is_one_proper_request_to_it_whatever_the_box_sends()
    {
        using var world = new World(limits: new EgressLimits { Linger = TimeSpan.FromMilliseconds(50) });
        var reached = 0;
        foreach (var request in Seeded.Mutated(Requests, Pieces).Cases(1500))
        {
            var box = new Box(world.Proxy);
            await box.SendAsync(request);
            await box.Output.CompleteAsync();
            var accepting = world.Server.AcceptAsync();
            var serving = Task.Run(async () =>
            {
                using var socket = await accepting;
                return await ServeAsync(socket);
            });
            var answer = await box.ReadToEndAsync();
            await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
            if (!world.Network.Connections.TryDequeue(out _))
            {
                // Ends the server's waiting.
                using var knock = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await knock.ConnectAsync(world.Server.EndPoint);
                knock.Dispose();
                await serving;
                continue;
            }
            reached++;
            var seen = await serving;
            if (seen.HeadIsComplete)
            {
                seen.Values("Host").ShouldHaveSingleItem(request).ShouldMatch(@"^([a-z0-9_-]+\.)*example\.com(:443)?$", request);
            }
            answer.StartsWith("HTTP/1.1 2", StringComparison.Ordinal).ShouldBe(seen.IsComplete, request);
        }
        world.Network.Lookups.ShouldAllBe(host => host == "example.com" || host.EndsWith(".example.com"));
        world.Proxy.Open.ShouldBe(0);
        // Not so many faults that nothing is tried.
        reached.ShouldBeGreaterThan(300);
    }

    /// <summary>Reads until the request is whole and answers it; then nothing more may come.</summary>
    private static async Task<ReferenceParser> ServeAsync(Socket socket)
    {
        var parser = new ReferenceParser(response: false);
        var got = new StringBuilder();
        var buffer = new byte[4096];
        var answered = false;
        try
        {
            while (await socket.ReceiveAsync(buffer) is > 0 and var count)
            {
                got.Append(Encoding.Latin1.GetString(buffer, 0, count));
                parser.Read(got.ToString());
                if (parser.IsComplete && !answered)
                {
                    answered = true;
                    await socket.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
                }
            }
        }
        catch (SocketException)
        {
            // The proxy cut a request that it found faulty on the way.
            return parser;
        }
        return parser;
    }

    private static readonly string[] Answers =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: 1\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: http://evil.org/\r\nContent-Length: 0\r\nConnection: close, X-Own\r\nX-Own: 1\r\n\r\n",
    ];

    private static readonly string[] AnswerPieces =
    [
        .. Pieces,
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/2 200\r\n",
    ];

    [Fact]
    public async Task What_reaches_the_box_is_one_proper_answer_whatever_the_host_sends()
    {
        using var world = new World(limits: new EgressLimits { Linger = TimeSpan.FromMilliseconds(50) });
        var passed = 0;
        foreach (var sent in Seeded.Mutated(Answers, AnswerPieces).Cases(1000))
        {
            var serving = Task.Run(async () =>
            {
                using var socket = await world.Server.AcceptAsync();
                await socket.ReceiveAsync(new byte[4096]);
                await socket.SendAsync(Encoding.Latin1.GetBytes(sent));
                socket.Shutdown(SocketShutdown.Send);
                try
                {
                    await socket.ReceiveAsync(new byte[4096]);
                }
                catch (SocketException)
                {
                    // Given up on.
                    return;
                }
            });
            var answer = await world.AskAsync("GET http://example.com/ HTTP/1.0\r\n\r\n");
            await serving.WaitAsync(TimeSpan.FromSeconds(20));
            if (answer == "<broken>")
            {
                continue;
            }
            var parser = new ReferenceParser(response: true);
            parser.Read(answer.Replace("<broken>", "", StringComparison.Ordinal));
            parser.HeadIsComplete.ShouldBeTrue(sent);
            // The client is of HTTP/1.0.
            parser.Values("Transfer-Encoding").ShouldBeEmpty(sent);
            passed += answer.StartsWith("HTTP/1.1 502 ", StringComparison.Ordinal) ? 0 : 1;
        }
        world.Proxy.Open.ShouldBe(0);
        passed.ShouldBeGreaterThan(200);
    }

    [Fact]
    public async Task A_head_is_read_alike_in_one_piece_and_byte_by_byte()
    {
        async Task<string> ReadAsync(string text, int piece)
        {
            var pipe = new Pipe();
            var reading = HeadParser.ReadAsync(pipe.Reader, response: false, CancellationToken.None);
            foreach (var part in Encoding.Latin1.GetBytes(text).Chunk(piece))
            {
                if ((await pipe.Writer.WriteAsync(part)).IsCompleted || reading.IsCompleted)
                {
                    break;
                }
            }
            await pipe.Writer.CompleteAsync();
            try
            {
                var head = await reading;
                return head is null ? "nothing" : $"{head.First} {head.Second} {head.Third} {string.Join(',', head.Headers)}";
            }
            catch (MalformedMessageException error)
            {
                return error.Message;
            }
        }
        foreach (var text in Seeded.Mutated(Requests, Pieces).Cases(1500))
        {
            var whole = await ReadAsync(text, int.MaxValue);
            (await ReadAsync(text, 1)).ShouldBe(whole, text);
            (await ReadAsync(text, 7)).ShouldBe(whole, text);
        }
    }

    [Fact]
    public void A_chunks_size_is_plain_hexadecimal_or_nothing()
    {
        var sizes = Gen.OneOf(
            Gen.Byte.Array[0, 20].Select(Encoding.Latin1.GetString),
            Gen.Char["0123456789abcdefABCDEFx+-_ \t;=\"g"].Array[0, 20].Select(letters => new string(letters)),
            Gen.ULong.Select(number => number.ToString("x"))
        );
        foreach (var text in sizes.Cases(5000))
        {
            long? size;
            try
            {
                size = BodyCopier.ParseSize(Encoding.Latin1.GetBytes(text));
            }
            catch (MalformedMessageException)
            {
                size = null;
            }
            var digits = text.Split(';')[0];
            var proper = digits.Length is > 0 and <= 15 && digits.All(char.IsAsciiHexDigit);
            size.ShouldBe(proper ? Convert.ToInt64(digits, 16) : null, text);
        }
    }

    [Fact]
    public void A_target_is_what_everybody_else_reads_in_it_or_nothing()
    {
        string[] targets =
        [
            "http://example.com/a?b",
            "http://example.com:8080",
            "http://a.example.com?x=http://evil.org/",
            "http://example.com:80/@evil.org",
        ];
        foreach (var text in Seeded.Mutated(targets, Pieces).Cases(5000))
        {
            Target target;
            try
            {
                target = Target.ParseAbsolute(text, "GET");
            }
            catch (MalformedMessageException)
            {
                continue;
            }
            if (!Codexctl.Policy.HostName.TryNormalize(target.Host, allowUnicode: false, out var host, out _))
            {
                continue;
            }
            // By the host that was decided about and by .NET's own opinion.
            var uri = new Uri(text);
            (uri.Host.TrimEnd('.').ToLowerInvariant(), uri.Port, uri.UserInfo).ShouldBe((host, target.Port, ""), text);
        }
    }
}
