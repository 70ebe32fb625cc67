using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.Egress;

namespace Codexctl.Tests.Gateway.Egress;

public class WebSocketTests
{
    private const string Ask =
        "GET http://example.com/ws?a=b HTTP/1.1\r\nHost: example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    private const string Asked =
        "GET /ws?a=b HTTP/1.1\r\nHost: example.com\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

    private const string Consent =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

    private const string Consented =
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

    private static async Task<string> ReceiveAsync(Socket socket, int bytes)
    {
        var buffer = new byte[bytes];
        var got = 0;
        while (
            got < bytes && await socket.ReceiveAsync(buffer.AsMemory(got)).AsTask().WaitAsync(TimeSpan.FromSeconds(20)) is > 0 and var count
        )
        {
            got += count;
        }
        return Encoding.Latin1.GetString(buffer, 0, got);
    }

    [Fact]
    public async Task To_an_allowed_host_it_passes_and_frames_go_both_ways_untouched()
    {
        using var world = new World();
        // Impatient clients send their first frame with the request.
        var box = await new Box(world.Proxy).SendAsync(Ask + "\u0081early");
        using var server = await world.Server.AcceptAsync();
        (await ReceiveAsync(server, Asked.Length)).ShouldBe(Asked);
        server.Available.ShouldBe(0);
        await server.SendAsync(Encoding.Latin1.GetBytes(Consent + "\u0082first"));
        (await box.ReadAsync(Consented.Length + 6)).ShouldBe(Consented + "\u0082first");
        (await ReceiveAsync(server, 6)).ShouldBe("\u0081early");
        await box.SendAsync("\0more");
        (await ReceiveAsync(server, 5)).ShouldBe("\0more");
        await box.Output.CompleteAsync();
        (await ReceiveAsync(server, 1)).ShouldBe("");
        server.Dispose();
        await box.Done;
        var call = world.Sink.Only;
        (call.Host, call.Port, call.Allowed, call.Reason, call.BytesUp, call.BytesDown).ShouldBe(("example.com", 80, true, null, 11, 6));
    }

    [Fact]
    public async Task To_any_other_host_it_is_refused_at_once_with_the_flag()
    {
        using var world = new World("npm");
        var answer = await world.AskAsync(Ask);
        answer.ShouldStartWith("HTTP/1.1 403 Refused by codexctl: use --allow example.com\r\n");
        world.Network.Connections.ShouldBeEmpty();
        world.Sink.Only.Allowed.ShouldBeFalse();
    }

    [Fact]
    public async Task A_host_that_does_not_want_it_answers_as_to_any_request_and_gets_no_frames()
    {
        using var world = new World();
        var serving = world.Server.AnswerAsync("HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno");
        var answer = await world.AskAsync(Ask + "GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n");
        answer.ShouldBe("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        (await serving).ShouldBe(Asked);
    }

    [Theory]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h3\r\nConnection: Upgrade\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket, x\r\nConnection: Upgrade\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade, Content-Type\r\n\r\n")]
    public async Task A_consent_to_something_else_is_a_bad_gateway(string sent)
    {
        using var world = new World();
        var serving = world.Server.AnswerAsync(sent);
        (await world.AskAsync(Ask)).ShouldStartWith("HTTP/1.1 502 ");
        (await serving).ShouldBe(Asked);
    }

    [Theory]
    [InlineData("POST", "HTTP/1.1", "Connection: Upgrade\r\n")]
    [InlineData("GET", "HTTP/1.0", "Connection: Upgrade\r\n")]
    [InlineData("GET", "HTTP/1.1", "")]
    [InlineData("GET", "HTTP/1.1", "Connection: close\r\n")]
    [InlineData("GET", "HTTP/1.1", "Connection: Upgrade\r\nContent-Length: 5\r\n")]
    [InlineData("GET", "HTTP/1.1", "Connection: Upgrade\r\nTransfer-Encoding: chunked\r\n")]
    [InlineData("GET", "HTTP/1.1", "Connection: Upgrade, Host\r\n")]
    public async Task An_improper_one_is_told_so(string method, string version, string headers)
    {
        using var world = new World();
        var answer = await world.AskAsync($"{method} http://example.com/ {version}\r\nHost: x\r\nUpgrade: websocket\r\n{headers}\r\n");
        answer.ShouldStartWith("HTTP/1.1 400 ");
        world.Network.Connections.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("tls/1.0")]
    [InlineData("websocket, h3")]
    [InlineData("websocket/13")]
    public async Task Any_other_protocol_is_refused_at_once(string protocol)
    {
        using var world = new World();
        var answer = await world.AskAsync(
            $"GET http://example.com/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"
        );
        answer.ShouldStartWith("HTTP/1.1 403 Refused by codexctl: no protocol change over http\r\n");
        world.Network.Connections.ShouldBeEmpty();
        world.Sink.Only.Allowed.ShouldBeFalse();
    }

    [Fact]
    public async Task Behind_a_company_proxy_it_goes_through_a_tunnel()
    {
        using var world = new World(upstream: UpstreamProxy.Parse("http://u:p@10.0.0.1:3128"));
        var box = await new Box(world.Proxy).SendAsync(Ask);
        using var proxy = await world.Server.AcceptAsync();
        const string connect = "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\nProxy-Authorization: Basic dTpw\r\n\r\n";
        (await ReceiveAsync(proxy, connect.Length)).ShouldBe(connect);
        await proxy.SendAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray());
        (await ReceiveAsync(proxy, Asked.Length)).ShouldBe(Asked);
        await proxy.SendAsync(Encoding.Latin1.GetBytes(Consent));
        (await box.ReadAsync(Consented.Length)).ShouldBe(Consented);
        await box.Output.CompleteAsync();
        proxy.Dispose();
        await box.Done;
    }

    [Fact]
    public async Task A_denial_cuts_it()
    {
        using var world = new World();
        var box = await new Box(world.Proxy).SendAsync(Ask);
        using var server = await world.Server.AcceptAsync();
        await ReceiveAsync(server, Asked.Length);
        await server.SendAsync(Encoding.Latin1.GetBytes(Consent));
        await box.ReadAsync(Consented.Length);

        world.Allow = world.Allow.Deny("*.example.com").Deny("example.com");
        world.Proxy.CutDenied();

        await box.Done.WaitAsync(TimeSpan.FromSeconds(20));
        world.Sink.Only.Reason.ShouldBe("it was denied while it was open");
    }
}
