using System.Text;
using Codexctl.Gateway.Egress;
using CsCheck;

namespace Codexctl.Tests.Gateway.Egress;

public class HostileRequestTests
{
    public static TheoryData<string> Malformed =>
        [
            "\r\n\r\n",
            "GET\r\n\r\n",
            "GET http://example.com/\r\n\r\n",
            "GET  http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/  HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/ HTTP/1.1 \r\nHost: x\r\n\r\n",
            " GET http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "G ET http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/ HTTP/1.2\r\nHost: x\r\n\r\n",
            "GET http://example.com/ HTTP/2.0\r\nHost: x\r\n\r\n",
            "GET http://example.com/ http/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\nHost: x\n\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\rY: z\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\0\r\n\r\n",
            "GET http://example.com/\0 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/\u0001 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/ä HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://ex\tample.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost : x\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\n Host: x\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\n\tA: b\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\nA\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\nA(b): c\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\nÄ: c\r\n\r\n",
            "GET http://user:pass@example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com\\@evil.org/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com:0/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com:99999/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com:+80/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com:/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http:/// HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http:// HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/#f HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET https://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET ftp://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET example.com:80 HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\nhello",
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nConnection: close, transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "CONNECT example.com HTTP/1.1\r\n\r\n",
            "CONNECT example.com: HTTP/1.1\r\n\r\n",
            "CONNECT example.com:x HTTP/1.1\r\n\r\n",
            "CONNECT example.com:0 HTTP/1.1\r\n\r\n",
            "CONNECT example.com:65536 HTTP/1.1\r\n\r\n",
            "CONNECT example.com:000443 HTTP/1.1\r\n\r\n",
            "CONNECT :443 HTTP/1.1\r\n\r\n",
            "CONNECT user@example.com:443 HTTP/1.1\r\n\r\n",
            "CONNECT example.com:443\r\n\r\n",
            "CONNECT example.com:443 HTTP/1.1\n\n",
            "CONNECT example.com:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "CONNECT example.com:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\nX: " + new string('a', 70_000) + "\r\n\r\n",
            "GET http://example.com/" + new string('a', 70_000) + " HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\n" + string.Concat(Enumerable.Repeat("A: b\r\n", 100)) + "\r\n",
        ];

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task Improper_requests_are_told_so_and_the_connection_ends(string request)
    {
        using var world = new World();
        var answer = await world.AskAsync(request);
        answer.ShouldStartWith("HTTP/1.1 400 Bad request\r\n");
        answer.ShouldContain("Connection: close\r\n");
        world.Network.Connections.ShouldBeEmpty();
        world.Sink.Only.Allowed.ShouldBeFalse();
        world.Proxy.Open.ShouldBe(0);
    }

    [Theory]
    [InlineData("x\r\nhello\r\n0\r\n\r\n")]
    [InlineData("\r\nhello\r\n0\r\n\r\n")]
    [InlineData("-5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("+5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("0x5\r\nhello\r\n0\r\n\r\n")]
    [InlineData(" 5\r\nhello\r\n0\r\n\r\n")]
    [InlineData("5 \r\nhello\r\n0\r\n\r\n")]
    [InlineData("5\nhello\r\n0\r\n\r\n")]
    [InlineData("5\r\nhelloX\r\n0\r\n\r\n")]
    [InlineData("5\r\nhello0\r\n\r\n")]
    [InlineData("5\r\nhello\n0\r\n\r\n")]
    [InlineData("5;a\rb\r\nhello\r\n0\r\n\r\n")]
    [InlineData("ffffffffffffffff\r\nhello")]
    [InlineData("10000000000000000005\r\nhello")]
    [InlineData("5\r\nhello\r\n0\r\nno header\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\n a: b\r\n\r\n")]
    [InlineData("5\r\nhello\r\n0\r\na: \0\r\n\r\n")]
    public async Task Improper_chunks_never_make_a_whole_request(string body)
    {
        using var world = new World();
        var serving = world.Server.AnswerAsync("", bodyBytes: 1_000_000);
        var answer = await world.AskAsync("POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body);
        answer.ShouldStartWith("HTTP/1.1 400 ");
        string seen;
        try
        {
            seen = await serving;
        }
        catch (System.Net.Sockets.SocketException)
        {
            return; // Reset: the server knows that the request was cut.
        }
        seen.ShouldNotContain("0\r\n\r\n");
    }

    [Fact]
    public async Task A_long_chunk_extension_and_endless_trailers_are_cut_off()
    {
        foreach (var body in (string[])["5;" + new string('a', 1000), "0\r\n" + string.Concat(Enumerable.Repeat("a: b\r\n", 3000))])
        {
            using var world = new World();
            var accepting = world.Server.AcceptAsync();
            (
                await world.AskAsync("POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
            ).ShouldStartWith("HTTP/1.1 400 ");
            (await accepting).Dispose();
        }
    }

    [Fact]
    public async Task A_head_that_comes_byte_by_byte_is_understood()
    {
        using var world = new World();
        var box = new Box(world.Proxy);
        foreach (var letter in "CONNECT nowhere.org:443 HTTP/1.1\r\nA: b\r\n\r\n")
        {
            await box.SendAsync(letter.ToString());
        }
        (await box.ReadToEndAsync()).ShouldStartWith("HTTP/1.1 403 ");
        await box.Done;
    }

    [Fact]
    public async Task A_hundred_headers_are_allowed()
    {
        using var world = new World("npm");
        var answer = await world.AskAsync(
            "GET http://example.com/ HTTP/1.1\r\nHost: x\r\n" + string.Concat(Enumerable.Repeat("A: b\r\n", 99)) + "\r\n"
        );
        answer.ShouldStartWith("HTTP/1.1 403 ");
    }

    [Fact]
    public async Task Silence_is_not_recorded()
    {
        using var world = new World();
        var box = new Box(world.Proxy);
        await box.Output.CompleteAsync();
        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        world.Sink.Exchanges.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_client_that_leaves_before_the_answer_breaks_nothing()
    {
        using var world = new World();
        var box = new Box(world.Proxy);
        await box.Input.CompleteAsync();
        await box.SendAsync("CONNECT nowhere.org:443 HTTP/1.1\r\n\r\n");
        await box.Output.CompleteAsync();
        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        world.Sink.Only.Allowed.ShouldBeFalse();
    }

    // Pieces of requests in any order: closer to the edges than random bytes alone.
    private static readonly Gen<byte[]> Noise = Gen.OneOf(
        Gen.Byte.Array[0, 40],
        Gen.OneOf([
                .. new[]
                {
                    "GET ",
                    "CONNECT ",
                    "http://",
                    "example.com",
                    "127.0.0.1",
                    ":443",
                    "/",
                    " HTTP/1.1",
                    "\r\n",
                    "\r\n\r\n",
                    "\n",
                    "Host: x\r\n",
                    "Content-Length: 3\r\n",
                    "Transfer-Encoding: chunked\r\n",
                    "0\r\n\r\n",
                    "3\r\nabc\r\n",
                    "Connection: upgrade\r\nUpgrade: websocket\r\n",
                    "GET http://example.com/ HTTP/1.1\r\nHost: x\r\n",
                    "CONNECT example.com:443 HTTP/1.1\r\n\r\n",
                }.Select(text => Gen.Const(Encoding.ASCII.GetBytes(text))),
            ])
            .Array[1, 12]
            .Select(pieces => pieces.SelectMany(piece => piece).ToArray())
    );

    [Fact]
    public async Task Whatever_is_sent_the_proxy_neither_throws_nor_hangs_and_always_closes()
    {
        using var world = new World(
            limits: new EgressLimits { Linger = TimeSpan.FromMilliseconds(50), Response = TimeSpan.FromMilliseconds(50) }
        );
        world.Network.Connect = (_, _) =>
            throw new System.Net.Sockets.SocketException((int)System.Net.Sockets.SocketError.ConnectionRefused);
        await Noise.SampleAsync(
            async bytes =>
            {
                var box = new Box(world.Proxy);
                await box.Output.WriteAsync(bytes);
                await box.Output.CompleteAsync();
                await box.ReadToEndAsync();
                await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
            },
            iter: 2000
        );
        world.Proxy.Open.ShouldBe(0);
    }

    [Fact]
    public async Task Whatever_a_server_answers_the_proxy_neither_throws_nor_hangs()
    {
        using var world = new World();
        await Noise.SampleAsync(
            async bytes =>
            {
                var serving = world.Server.AnswerAsync(Encoding.Latin1.GetString(bytes));
                await world.AskAsync("GET http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n");
                try
                {
                    await serving.WaitAsync(TimeSpan.FromSeconds(20));
                }
                catch (System.Net.Sockets.SocketException)
                {
                    // Reset by the proxy, as it does with answers it gave up on.
                }
            },
            iter: 300,
            threads: 1
        );
        world.Proxy.Open.ShouldBe(0);
    }
}
