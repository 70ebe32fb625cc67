using System.Text;
using Codexctl.Gateway.Egress;

namespace Codexctl.Tests.Gateway.Egress;

public class PlainHttpTests
{
    private const string Get = "GET http://example.com/a?b=c HTTP/1.1\r\nHost: example.com\r\n\r\n";

    private static async Task<(string Asked, string Answer)> ExchangeAsync(World world, string request, string answer, int bodyBytes = 0)
    {
        var serving = world.Server.AnswerAsync(answer, bodyBytes);
        var got = await world.AskAsync(request);
        return (await serving, got);
    }

    [Fact]
    public async Task A_request_travels_with_its_own_headers_and_without_those_of_the_connection()
    {
        using var world = new World();
        var (asked, answer) = await ExchangeAsync(
            world,
            "GET http://EXAMPLE.com./a?b=c HTTP/1.1\r\nHost: evil.org\r\nAccept: */*\r\nX-Own: 1\r\nKeep-Alive: 5\r\nConnection: keep-alive, X-Own\r\n"
                + "Proxy-Authorization: Basic c2VjcmV0\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
            "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nX-A: b\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\n\r\nok"
        );
        asked.ShouldBe("GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n");
        answer.ShouldBe("HTTP/1.1 200 Fine\r\nX-A: b\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        var call = world.Sink.Only;
        (call.Host, call.Port, call.Allowed, call.Reason, call.BytesDown).ShouldBe(("example.com", 80, true, null, 2));
    }

    [Theory]
    [InlineData("http://example.com", "GET / HTTP/1.1")]
    [InlineData("http://example.com?x", "GET /?x HTTP/1.1")]
    [InlineData("HTTP://example.com:80/", "GET / HTTP/1.1")]
    public async Task The_target_is_made_relative(string target, string line)
    {
        using var world = new World();
        var (asked, _) = await ExchangeAsync(world, $"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n");
        asked.ShouldStartWith(line + "\r\nHost: example.com\r\n");
    }

    [Fact]
    public async Task Another_port_stays_in_the_host_header()
    {
        using var world = new World("example.com:8080");
        var (asked, _) = await ExchangeAsync(
            world,
            "GET http://example.com:8080/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n"
        );
        asked.ShouldContain("Host: example.com:8080\r\n");
    }

    [Fact]
    public async Task Bodies_of_known_length_go_through()
    {
        using var world = new World();
        var (asked, _) = await ExchangeAsync(
            world,
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: next\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            bodyBytes: 5
        );
        asked.ShouldEndWith("Content-Length: 5\r\nConnection: close\r\n\r\nhello");
        world.Sink.Only.BytesUp.ShouldBe(5);
    }

    [Fact]
    public async Task Chunks_are_made_anew_without_extensions_and_trailers()
    {
        using var world = new World();
        var (asked, answer) = await ExchangeAsync(
            world,
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n00005;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n",
            bodyBytes: "5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n".Length
        );
        asked.ShouldEndWith("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n");
        answer.ShouldEndWith("\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    }

    [Fact]
    public async Task A_client_of_the_old_version_gets_no_chunks()
    {
        using var world = new World();
        var (asked, answer) = await ExchangeAsync(
            world,
            "GET http://example.com/ HTTP/1.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        asked.ShouldStartWith("GET / HTTP/1.1\r\nHost: example.com\r\n");
        answer.ShouldBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
    }

    [Fact]
    public async Task An_answer_without_length_ends_with_the_connection()
    {
        using var world = new World();
        var (_, answer) = await ExchangeAsync(world, Get, "HTTP/1.0 200 OK\r\n\r\nall of it");
        answer.ShouldBe("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it");
    }

    [Theory]
    [InlineData("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")]
    [InlineData("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n")]
    public async Task Answers_without_a_body_keep_their_length(string method, string sent)
    {
        using var world = new World();
        var (_, answer) = await ExchangeAsync(world, $"{method} http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n", sent);
        answer.ShouldEndWith("Content-Length: 100\r\nConnection: close\r\n\r\n");
    }

    [Fact]
    public async Task What_comes_after_the_answer_is_not_passed_on()
    {
        using var world = new World();
        var (_, answer) = await ExchangeAsync(world, Get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nforged");
        answer.ShouldEndWith("\r\n\r\nok");
    }

    [Fact]
    public async Task Interim_answers_come_through_before_the_body_is_sent()
    {
        using var world = new World();
        var box = await new Box(world.Proxy).SendAsync(
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        );
        using var server = await world.Server.AcceptAsync();
        var buffer = new byte[4096];
        Encoding.ASCII.GetString(buffer, 0, await server.ReceiveAsync(buffer)).ShouldContain("Expect: 100-continue");
        await server.SendAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray());
        (await box.ReadAsync(25)).ShouldBe("HTTP/1.1 100 Continue\r\n\r\n");
        await box.SendAsync("hi");
        Encoding.ASCII.GetString(buffer, 0, await server.ReceiveAsync(buffer)).ShouldBe("hi");
        await server.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray());
        (await box.ReadToEndAsync()).ShouldStartWith("HTTP/1.1 200 OK");
        await box.Done;
    }

    [Fact]
    public async Task An_answer_streams_through_as_it_comes()
    {
        using var world = new World();
        var box = await new Box(world.Proxy).SendAsync(Get);
        using var server = await world.Server.AcceptAsync();
        await server.ReceiveAsync(new byte[4096]);
        const string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        await server.SendAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"u8.ToArray());
        (await box.ReadAsync(head.Length)).ShouldBe(head);
        await server.SendAsync("3\r\none\r\n"u8.ToArray());
        (await box.ReadAsync(8)).ShouldBe("3\r\none\r\n");
        // Half a chunk, too.
        await server.SendAsync("6\r\ntwo"u8.ToArray());
        (await box.ReadAsync(8)).ShouldBe("3\r\ntwo\r\n");
        await server.SendAsync("two\r\n0\r\n\r\n"u8.ToArray());
        (await box.ReadToEndAsync()).ShouldBe("3\r\ntwo\r\n0\r\n\r\n");
        await box.Done;
    }

    [Fact]
    public async Task A_server_may_answer_before_it_has_read_everything()
    {
        using var world = new World();
        var box = await new Box(world.Proxy).SendAsync(
            "POST http://example.com/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nbegin"
        );
        using (var server = await world.Server.AcceptAsync())
        {
            await server.ReceiveAsync(new byte[4096]);
            await server.SendAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"u8.ToArray());
            (await box.ReadToEndAsync()).ShouldEndWith("\r\n\r\nbig");
        }
        await box.Done;
        world.Sink.Only.Allowed.ShouldBeTrue();
    }

    [Theory]
    [InlineData("", "without an answer")]
    [InlineData("SSH-2.0-OpenSSH\r\n\r\n", "not HTTP")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "how long")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello", "how long")]
    [InlineData("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "second line")]
    [InlineData("HTTP/1.1 200 OK\nX: a\n\n", "CR LF")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "changed the protocol")]
    [InlineData("HTTP/2 200\r\n\r\n", "version")]
    public async Task An_improper_answer_is_a_bad_gateway_with_words(string sent, string words)
    {
        using var world = new World();
        var (_, answer) = await ExchangeAsync(world, Get, sent);
        answer.ShouldStartWith("HTTP/1.1 502 ");
        answer.ShouldContain(words);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    public async Task An_answer_that_breaks_off_is_seen_to_break_off(string sent)
    {
        using var world = new World();
        var (_, answer) = await ExchangeAsync(world, Get, sent);
        answer.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        answer.ShouldNotContain("\n0\r\n\r\n");
        answer.ShouldNotContain("<broken>");
    }

    [Fact]
    public async Task An_answer_without_length_that_breaks_off_breaks_off_here_too()
    {
        using var world = new World();
        var box = await new Box(world.Proxy).SendAsync(Get);
        using (var server = await world.Server.AcceptAsync())
        {
            await server.ReceiveAsync(new byte[4096]);
            await server.SendAsync("HTTP/1.0 200 OK\r\n\r\nhalf"u8.ToArray());
            await box.ReadAsync("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf".Length);
            server.LingerState = new System.Net.Sockets.LingerOption(true, 0);
        }
        (await box.ReadToEndAsync()).ShouldBe("<broken>");
        await box.Done;
    }

    [Fact]
    public async Task Behind_a_company_proxy_the_whole_address_is_sent()
    {
        using var world = new World(upstream: UpstreamProxy.Parse("http://u:p@10.0.0.1:3128"));
        var (asked, answer) = await ExchangeAsync(world, Get, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        asked.ShouldStartWith("GET http://example.com/a?b=c HTTP/1.1\r\nHost: example.com\r\n");
        asked.ShouldContain("Proxy-Authorization: Basic dTpw\r\n");
        answer.ShouldStartWith("HTTP/1.1 200 OK");
    }
}
