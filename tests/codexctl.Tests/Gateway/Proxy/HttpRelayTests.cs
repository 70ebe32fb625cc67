using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway.Proxy;

public sealed class HttpRelayTests
{
    private const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    [Fact]
    public async Task A_request_goes_on_as_it_is_but_for_the_host()
    {
        var seen = "";
        await using var host = RelayHost.Start(async server =>
        {
            seen = await RelayHost.ReadUntilAsync(server, "hello");
            await RelayHost.SayAsync(server, Ok);
        });

        var answer = await host.AskAsync(
            "BREW /a%2e%2E/b?q=%7e HTTP/1.1\r\nHost: 192.168.64.1:8080\r\nX-Odd: a  b\r\nAccept-Encoding: zstd\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
        );

        answer.ShouldStartWith("HTTP/1.1 200 OK\r\n");
        answer.ShouldEndWith("\r\n\r\nok");
        seen.ShouldStartWith("BREW /a%2e%2E/b?q=%7e HTTP/1.1\r\nHost: 127.0.0.1:");
        seen.ShouldContain("\r\nX-Odd: a  b\r\nAccept-Encoding: zstd\r\n");
        seen.ShouldNotContain("192.168.64.1");
    }

    [Fact]
    public async Task Trailers_go_both_ways()
    {
        var seen = "";
        await using var host = RelayHost.Start(async server =>
        {
            seen = await RelayHost.ReadUntilAsync(server, "X-Up: 1\r\n\r\n");
            await RelayHost.SayAsync(
                server,
                "HTTP/1.1 200 OK\r\nTrailer: X-Down\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Down: 2\r\n\r\n"
            );
        });

        var answer = await host.AskAsync(
            "POST / HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nTrailer: X-Up\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Up: 1\r\n\r\n"
        );

        seen.ShouldContain("\r\nTrailer: X-Up\r\n");
        seen.ShouldContain("\r\nTE: trailers\r\n");
        answer.ShouldContain("\r\nTrailer: X-Down\r\n");
        answer.ShouldEndWith("3\r\nabc\r\n0\r\nX-Down: 2\r\n\r\n");
    }

    [Fact]
    public async Task Requests_of_one_connection_share_one_to_the_server_also_when_they_are_sent_at_once()
    {
        await using var host = RelayHost.Start(async server =>
        {
            await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
            await RelayHost.SayAsync(server, Ok);
            await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
            await RelayHost.SayAsync(server, Ok);
        });

        var answer = await host.AskAsync(
            "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        );

        answer.Split("HTTP/1.1 200 OK").Length.ShouldBe(3);
        host.Connections.ShouldBe(1);
    }

    [Fact]
    public async Task A_web_socket_passes_and_each_side_ends_by_itself()
    {
        await using var host = RelayHost.Start(async server =>
        {
            (await RelayHost.ReadUntilAsync(server, "\r\n\r\n")).ShouldContain("Upgrade: websocket\r\nConnection: Upgrade\r\n");
            await RelayHost.SayAsync(server, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst");
            var rest = await RelayHost.ReadToEndAsync(server);
            await RelayHost.SayAsync(server, $"<{rest}>");
            server.Shutdown(SocketShutdown.Send);
        });
        using var client = await host.ConnectAsync();
        await RelayHost.SayAsync(client, "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        (await RelayHost.ReadUntilAsync(client, "first")).ShouldStartWith("HTTP/1.1 101 Switching\r\n");

        await RelayHost.SayAsync(client, "last words");
        client.Shutdown(SocketShutdown.Send);

        (await RelayHost.ReadToEndAsync(client)).ShouldBe("<last words>");
    }

    [Fact]
    public async Task A_client_that_leaves_is_noticed_by_the_server_while_it_still_thinks()
    {
        var left = new TaskCompletionSource<string>();
        await using var host = RelayHost.Start(async server =>
        {
            await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
            left.SetResult(await RelayHost.ReadToEndAsync(server));
            server.Dispose();
        });
        using (var client = await host.ConnectAsync())
        {
            await RelayHost.SayAsync(client, "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
            await Task.Delay(100);
        }

        await left.Task.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: loc", "HTTP/1.1 408 ")]
    [InlineData("", "")]
    public async Task A_client_that_dawdles_is_not_waited_for_for_ever(string begun, string answer)
    {
        var time = new FakeTimeProvider();
        await using var host = RelayHost.Start(_ => throw new InvalidOperationException("the server is not asked"), time: time);
        using var client = await host.ConnectAsync();
        await RelayHost.SayAsync(client, begun);

        var end = RelayHost.ReadToEndAsync(client);
        while (!end.IsCompleted)
        {
            time.Advance(TimeSpan.FromMinutes(2));
            await Task.Delay(10);
        }

        (await end).ShouldStartWith(answer);
        host.Connections.ShouldBe(0);
    }

    [Fact]
    public async Task A_client_that_only_says_that_it_sends_no_more_gets_its_answer()
    {
        await using var host = RelayHost.Start(async server =>
        {
            await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
            await Task.Delay(200);
            await RelayHost.SayAsync(server, Ok);
        });
        using var client = await host.ConnectAsync();
        await RelayHost.SayAsync(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.Shutdown(SocketShutdown.Send);

        (await RelayHost.ReadToEndAsync(client)).ShouldEndWith("\r\n\r\nok");
    }

    [Fact]
    public async Task An_answer_that_is_cut_is_cut_for_the_client_too()
    {
        await using var host = RelayHost.Start(async server =>
        {
            await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
            await RelayHost.SayAsync(server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            await Task.Delay(100);
            server.Dispose();
        });

        var answer = await host.AskAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");

        answer.ShouldContain("abc");
        answer.ShouldNotContain("0\r\n\r\n");
        (await host.OneCallAsync()).Error.ShouldNotBeNull();
    }

    [Theory]
    [InlineData("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc")]
    [InlineData("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc")]
    [InlineData("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n")]
    [InlineData("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nabc")]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\nHost: localhost\n\n")]
    [InlineData("CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n")]
    [InlineData("\x16\x03\x01 hello\r\n\r\n")]
    public async Task What_could_be_read_in_two_ways_is_refused(string request)
    {
        await using var host = RelayHost.Start(server => RelayHost.ReadToEndAsync(server));

        (await host.AskAsync(request)).ShouldStartWith("HTTP/1.1 400 Bad Request\r\n");
    }

    [Theory]
    [InlineData("evil.example", "403")]
    [InlineData("evil.example:8080", "403")]
    [InlineData("localhost:8080", "200")]
    [InlineData("[::1]:8080", "200")]
    [InlineData("192.168.64.1", "200")]
    [InlineData("host.docker.internal:11434", "200")]
    public async Task A_name_that_a_web_page_could_have_is_refused(string name, string status)
    {
        await using var host = RelayHost.Start(async server =>
        {
            await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
            await RelayHost.SayAsync(server, Ok);
        });

        var answer = await host.AskAsync($"GET /api/tags HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");

        answer.ShouldStartWith($"HTTP/1.1 {status} ");
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_told_in_words()
    {
        var host = RelayHost.Start(_ => Task.CompletedTask);
        await using (host)
        {
            host.StopServer();

            var answer = await host.AskAsync("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");

            answer.ShouldStartWith("HTTP/1.1 502 Bad Gateway\r\n");
            answer.ShouldContain("ollama serve");
        }
    }

    [Fact]
    public async Task Bodies_of_any_size_pass_whole()
    {
        const int size = 30_000_000;
        await using var host = RelayHost.Start(async server =>
        {
            await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
            // The head's last read may hold a part of the body; the count below is of what comes back.
            var buffer = new byte[1 << 16];
            await RelayHost.SayAsync(server, $"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            for (var left = size; left > 0; )
            {
                left -= await server.SendAsync(buffer.AsMemory(0, Math.Min(left, buffer.Length)));
            }
        });

        var answer = await host.AskAsync("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");

        (answer.Length - answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) - 4).ShouldBe(size);
    }

    [Fact]
    public async Task Chunks_of_any_length_keep_their_bytes_and_their_order()
    {
        int[] lengths = [1, 4095, 4096, 4097, 65536, 300_000, 2];
        var random = new Random(1);
        var chunks = lengths.Select(length => new string([.. Enumerable.Range(0, length).Select(_ => (char)random.Next(256))])).ToList();
        var message = string.Concat(chunks.Select(chunk => $"{chunk.Length:x}\r\n{chunk}\r\n")) + "0\r\n\r\n";
        await using var host = RelayHost.Start(async server =>
        {
            // The body in chunks of whatever length comes back as it is.
            var request = await RelayHost.ReadUntilAsync(server, "0\r\n\r\n");
            await RelayHost.SayAsync(
                server,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + request[(request.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..]
            );
        });

        var answer = await host.AskAsync(
            $"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{message}"
        );

        Body(answer).ShouldBe(string.Concat(chunks));
    }

    private static string Body(string answer)
    {
        var rest = answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..];
        var body = new StringBuilder();
        while (true)
        {
            var end = rest.IndexOf("\r\n", StringComparison.Ordinal);
            var length = Convert.ToInt32(rest[..end], 16);
            if (length == 0)
            {
                rest[end..].ShouldBe("\r\n\r\n");
                return body.ToString();
            }
            body.Append(rest, end + 2, length);
            rest.Substring(end + 2 + length, 2).ShouldBe("\r\n");
            rest = rest[(end + 4 + length)..];
        }
    }

    [Fact]
    public async Task Nonsense_of_any_kind_gets_an_answer_or_an_end_and_nothing_reaches_the_server()
    {
        var reached = 0;
        await using var host = RelayHost.Start(server =>
        {
            Interlocked.Increment(ref reached);
            return RelayHost.ReadToEndAsync(server);
        });
        var random = new Random(7);
        for (var i = 0; i < 200; i++)
        {
            var bytes = new byte[random.Next(1, 300)];
            random.NextBytes(bytes);
            using var client = await host.ConnectAsync();
            await client.SendAsync(bytes);
            client.Shutdown(SocketShutdown.Send);
            var answer = await RelayHost.ReadToEndAsync(client);
            (answer.Length == 0 || answer.StartsWith("HTTP/1.1 400 ", StringComparison.Ordinal)).ShouldBeTrue(
                Encoding.Latin1.GetString(bytes) + " gave " + answer
            );
        }
        reached.ShouldBe(0);
    }
}
