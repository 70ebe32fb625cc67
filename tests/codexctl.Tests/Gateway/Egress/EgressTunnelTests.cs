using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.Egress;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway.Egress;

public class EgressTunnelTests
{
    private static async Task<(Box Box, Socket Server)> OpenAsync(
        World world,
        string extra = "",
        CancellationToken cancel = default,
        PipeOptions? options = null
    )
    {
        var box = new Box(world.Proxy, cancel, options);
        await box.SendAsync("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n" + extra);
        var server = await world.Server.AcceptAsync();
        (await box.ReadAsync(World.Established.Length)).ShouldBe(World.Established);
        return (box, server);
    }

    private static async Task<string> ReceiveAsync(Socket socket, int bytes)
    {
        var buffer = new byte[bytes];
        var got = 0;
        while (got < bytes)
        {
            var count = await socket.ReceiveAsync(buffer.AsMemory(got)).AsTask().WaitAsync(TimeSpan.FromSeconds(20));
            if (count == 0)
            {
                break;
            }
            got += count;
        }
        return Encoding.Latin1.GetString(buffer, 0, got);
    }

    [Fact]
    public async Task Bytes_go_both_ways_untouched_also_those_that_came_with_the_request()
    {
        using var world = new World();
        var (box, server) = await OpenAsync(world, extra: "\u0016\u0003\u0001hello\0");
        (await ReceiveAsync(server, 9)).ShouldBe("\u0016\u0003\u0001hello\0");
        await server.SendAsync("\u0000\u00ffanswer"u8.ToArray());
        (await box.ReadAsync(9)).ShouldBe(Encoding.Latin1.GetString("\u0000\u00ffanswer"u8));
        await box.Output.CompleteAsync();
        (await ReceiveAsync(server, 1)).ShouldBe("");
        server.Dispose();
        await box.Done;
        var call = world.Sink.Only;
        (call.Host, call.Allowed, call.Reason, call.BytesUp, call.BytesDown).ShouldBe(("example.com", true, null, 9, 9));
    }

    [Fact]
    public async Task The_box_may_finish_sending_first()
    {
        using var world = new World();
        var (box, server) = await OpenAsync(world);
        await box.SendAsync("question");
        await box.Output.CompleteAsync();
        (await ReceiveAsync(server, 100)).ShouldBe("question");
        await server.SendAsync("late answer"u8.ToArray());
        server.Dispose();
        (await box.ReadToEndAsync()).ShouldBe("late answer");
        await box.Done;
        world.Sink.Only.Reason.ShouldBeNull();
    }

    [Fact]
    public async Task The_host_may_finish_sending_first()
    {
        using var world = new World();
        var (box, server) = await OpenAsync(world);
        await server.SendAsync("greeting"u8.ToArray());
        server.Shutdown(SocketShutdown.Send);
        (await box.ReadToEndAsync()).ShouldBe("greeting");
        await box.SendAsync("still talking");
        await box.Output.CompleteAsync();
        (await ReceiveAsync(server, 100)).ShouldBe("still talking");
        await box.Done;
    }

    [Fact]
    public async Task A_slow_reader_holds_the_sender_up_and_nothing_is_lost()
    {
        using var world = new World();
        var (box, server) = await OpenAsync(world);
        const int total = 64 * 1024 * 1024;
        var sent = 0L;
        var sending = Task.Run(async () =>
        {
            var block = new byte[64 * 1024];
            while (sent < total)
            {
                await server.SendAsync(block);
                Interlocked.Add(ref sent, block.Length);
            }
            server.Shutdown(SocketShutdown.Send);
        });
        // Wait until it stands still, without a reader: what is on the way then is what the proxy and the kernel hold.
        for (var before = -1L; before != Interlocked.Read(ref sent); )
        {
            before = Interlocked.Read(ref sent);
            await Task.Delay(300);
        }
        Interlocked.Read(ref sent).ShouldBeLessThan(total / 2);

        var received = 0L;
        while (true)
        {
            var result = await box.Input.ReadAsync();
            received += result.Buffer.Length;
            box.Input.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                break;
            }
        }
        await sending;
        received.ShouldBe(total);
        await box.Output.CompleteAsync();
        await box.Done;
        world.Sink.Only.BytesDown.ShouldBe(total);
    }

    [Fact]
    public async Task A_host_that_stops_reading_holds_the_box_up()
    {
        using var world = new World();
        var (box, server) = await OpenAsync(world);
        const int total = 64 * 1024 * 1024;
        var sending = Task.Run(async () =>
        {
            var block = new byte[64 * 1024];
            for (var sent = 0; sent < total; sent += block.Length)
            {
                await box.Output.WriteAsync(block);
            }
            await box.Output.CompleteAsync();
        });
        await Task.Delay(300);
        sending.IsCompleted.ShouldBeFalse();
        var buffer = new byte[1 << 20];
        var received = 0L;
        for (int count; (count = await server.ReceiveAsync(buffer)) > 0; )
        {
            received += count;
        }
        received.ShouldBe(total);
        await sending;
        server.Dispose();
        await box.Done;
    }

    [Fact]
    public async Task A_host_that_vanishes_ends_the_connection()
    {
        using var world = new World();
        var (box, server) = await OpenAsync(world);
        server.LingerState = new LingerOption(true, 0);
        server.Dispose();
        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        (await box.ReadToEndAsync()).ShouldBe("<broken>");
        world.Proxy.Open.ShouldBe(0);
    }

    [Fact]
    public async Task A_box_that_vanishes_ends_the_connection_and_the_host_sees_it()
    {
        using var world = new World();
        var (box, server) = await OpenAsync(world);
        await box.Input.CompleteAsync();
        await box.Output.CompleteAsync(new IOException("reset"));
        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        await Should.ThrowAsync<SocketException>(async () => await server.ReceiveAsync(new byte[1]));
        world.Proxy.Open.ShouldBe(0);
    }

    [Fact]
    public async Task The_end_of_the_gateway_ends_the_connection()
    {
        using var world = new World();
        using var stop = new CancellationTokenSource();
        var (box, _) = await OpenAsync(world, cancel: stop.Token);
        await stop.CancelAsync();
        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        world.Sink.Only.Reason.ShouldBe("the gateway ended");
    }

    [Fact]
    public async Task A_tunnel_in_which_nothing_moves_is_closed_after_an_hour_and_not_before()
    {
        var time = new FakeTimeProvider();
        using var world = new World(time: time);
        var (box, server) = await OpenAsync(world);
        time.Advance(TimeSpan.FromMinutes(45));
        await server.SendAsync("x"u8.ToArray());
        await box.ReadAsync(1);
        // The stamp is set after the byte was handed over.
        while (world.Sink.Exchanges.IsEmpty && box.Done.IsCompleted) { }
        await Task.Delay(50);
        time.Advance(TimeSpan.FromMinutes(45));
        box.Done.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromMinutes(30));
        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        world.Sink.Only.Reason.ShouldNotBeNull().ShouldContain("nothing moved");
    }

    [Fact]
    public async Task A_request_that_never_ends_is_answered_in_the_end()
    {
        var time = new FakeTimeProvider();
        using var world = new World(time: time);
        var box = await new Box(world.Proxy).SendAsync("CONNECT example.com:443 HTTP/1.1\r\nX: ");
        while (world.Proxy.Open == 0)
        {
            await Task.Yield();
        }
        await Task.Delay(50);
        time.Advance(TimeSpan.FromMinutes(2));
        (await box.ReadToEndAsync()).ShouldStartWith("HTTP/1.1 408 ");
        await box.Done;
    }

    [Fact]
    public async Task Behind_a_company_proxy_the_tunnel_goes_through_it()
    {
        using var world = new World(upstream: UpstreamProxy.Parse("http://me:p%40ss@10.0.0.1:3128"));
        var box = await new Box(world.Proxy).SendAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
        using var proxy = await world.Server.AcceptAsync();
        var asked = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n";
        (await ReceiveAsync(proxy, asked.Length)).ShouldBe(asked);
        await proxy.SendAsync("HTTP/1.1 200 OK\r\nVia: x\r\n\r\nearly"u8.ToArray());
        (await box.ReadAsync(World.Established.Length + 5)).ShouldBe(World.Established + "early");
        await box.SendAsync("ping");
        (await ReceiveAsync(proxy, 4)).ShouldBe("ping");
        await box.Output.CompleteAsync();
        proxy.Dispose();
        await box.Done;
        world.Network.Connections.ShouldHaveSingleItem().ToString().ShouldBe("10.0.0.1:3128");
        world.Sink.Only.Host.ShouldBe("example.com");
    }

    [Theory]
    [InlineData("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "answered 407")]
    [InlineData("SSH-2.0-x\r\n\r\n", "something else than HTTP")]
    [InlineData("", "closed the connection")]
    public async Task A_company_proxy_that_says_no_is_a_bad_gateway_with_words(string answer, string words)
    {
        using var world = new World(upstream: UpstreamProxy.Parse("10.0.0.1:3128"));
        var asking = world.AskAsync("CONNECT example.com:443 HTTP/1.1\r\n\r\n");
        await world.Server.AnswerAsync(answer);
        var got = await asking;
        got.ShouldStartWith("HTTP/1.1 502 ");
        got.ShouldContain(words);
    }

    [Fact]
    public async Task Behind_a_company_proxy_addresses_and_local_names_stay_refused()
    {
        using var world = new World(upstream: UpstreamProxy.Parse("10.0.0.1:3128"));
        (await world.AskAsync("CONNECT 10.0.0.5:443 HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 403 ");
        (await world.AskAsync("CONNECT localhost:443 HTTP/1.1\r\n\r\n")).ShouldStartWith("HTTP/1.1 403 ");
        world.Network.Connections.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("https://proxy:443")]
    [InlineData("socks5://proxy")]
    [InlineData("http://")]
    public void A_company_proxy_of_another_kind_is_an_error_that_shows_no_password(string text) =>
        Should.Throw<UserError>(() => UpstreamProxy.Parse(text)).Mend.ShouldNotBeNull();
}
