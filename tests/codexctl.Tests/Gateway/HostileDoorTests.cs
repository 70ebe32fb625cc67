using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway;
using Codexctl.Gateway.Egress;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Models;
using Codexctl.ModelServers;
using Codexctl.Policy;
using Codexctl.Tests.Gateway.Egress;
using Codexctl.Tests.Gateway.Proxy;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway;

/// <summary>
/// Hostile bytes on the real socket of the door, where its two halves meet: the model's HTTP server and the egress proxy. What the model
/// server sees decides.
/// </summary>
public sealed class HostileDoorTests : IAsyncLifetime
{
    private const string Pull = "POST /api/pull HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";

    private const string Last = "GET /codexctl/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-door-").FullName;
    private readonly ListSink _sink = new();
    private FakeOllama _ollama = null!;
    private ModelRouteHandler _model = null!;
    private DoorHost _door = null!;

    private string Door => Path.Combine(_folder, "door.sock");

    public async ValueTask InitializeAsync()
    {
        _ollama = await FakeOllama.StartAsync();
        _model = new ModelRouteHandler(new ModelServer(ModelServerKind.Ollama, _ollama.Address), _sink, TimeProvider.System);
        DoorHost? door = null;
        _door = door = new DoorHost(
            _model.HandleAsync,
            new EgressProxy(
                () => door!.AllowList,
                _sink,
                TimeProvider.System,
                new FakeNetwork(),
                limits: new EgressLimits { Connections = 8, Linger = TimeSpan.FromMilliseconds(50) }
            ),
            TimeProvider.System
        );
        await _door.StartAsync(Door);
    }

    public async ValueTask DisposeAsync()
    {
        await _door.StopAsync();
        await _door.DisposeAsync();
        _model.Dispose();
        await _ollama.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private Task<Socket> ConnectAsync() => ConnectAsync(Door);

    private static async Task<Socket> ConnectAsync(string door)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(door));
        return socket;
    }

    /// <summary>
    /// Sends all of it and reads to the end. The sending side stays open: on the model's half a client that closes it has left, so that the
    /// model stops working for nobody. What is a proper request is followed by one more, at whose answer the door closes.
    /// </summary>
    private async Task<string> AskAsync(string text)
    {
        using var socket = await ConnectAsync();
        var got = new StringBuilder();
        var buffer = new byte[4096];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await socket.SendAsync(Encoding.Latin1.GetBytes(text + Last), limit.Token);
        }
        catch (SocketException)
        {
            // Answered and closed before the end.
        }
        try
        {
            while (await socket.ReceiveAsync(buffer, limit.Token) is > 0 and var count)
            {
                got.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            // Broken off, or still waiting for more of some body.
            return got.ToString();
        }
        return got.ToString();
    }

    private static int Answers(string text) => text.Split("HTTP/1.1 ").Length - 1;

    [Fact]
    public async Task A_client_of_the_model_that_closes_its_sending_side_has_left()
    {
        _ollama.Mode = AnswerMode.HangBeforeHeaders;
        using var socket = await ConnectAsync();
        const string body = """{"model":"gpt-oss:20b","input":"hi","stream":true}""";
        await socket.SendAsync(
            Encoding.ASCII.GetBytes($"POST /v1/responses HTTP/1.1\r\nHost: x\r\nContent-Length: {body.Length}\r\n\r\n{body}")
        );
        while (!_ollama.Responses.Any())
        {
            await Task.Delay(10);
        }
        socket.Shutdown(SocketShutdown.Send);
        // The door gives up on the model, which would never have answered.
        while (_sink.Exchanges.IsEmpty)
        {
            await Task.Delay(10);
        }
        await DoorIsFineAsync();
    }

    private async Task DoorIsFineAsync()
    {
        (await AskAsync("GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n")).ShouldStartWith("HTTP/1.1 200 ");
        _ollama.Seen.ShouldNotContain(request => request.Target.Contains("pull") || request.Headers.ContainsKey("X-Content-Length"));
    }

    public static TheoryData<string> Smuggled() =>
        [
            // Both kinds of length, each way round.
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: {5 + Pull.Length}\r\n\r\n0\r\n\r\n{Pull}",
            $"GET /api/tags HTTP/1.1\r\nHost: x\r\nContent-Length: {Pull.Length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Pull}",
            $"GET /api/tags HTTP/1.1\r\nHost: x\r\nContent-Length: {Pull.Length}\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: {Pull.Length}\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nContent-Length: 0, {Pull.Length}\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nContent-Length : {Pull.Length}\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\u000bchunked\r\nContent-Length: 0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;\n{{}}\r\n0\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{Pull}",
            // In a header, in the target, in a trailer.
            $"GET /api/tags HTTP/1.1\r\nHost: x\r\nX: a\n\n{Pull}",
            $"GET /api/tags HTTP/1.1\r\nHost: x\r\nX: a\r\r\n{Pull}",
            $"GET /api/tags HTTP/1.1\r\nHost: x\r\nX: a\0\r\n\r\n{Pull}",
            $"GET /v1/models/a\r\n\r\n{Pull}",
            $"GET /v1/models/a%0d%0a%0d%0aPOST%20/api/pull HTTP/1.1\r\nHost: x\r\n\r\n",
            $"GET /v1/models/a?x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n{Pull}",
            $"POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n{Pull}",
            // One after the other, in good order: each is looked at.
            $"GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n{Pull}",
            // A server that agreed would make a tunnel past the filter.
            $"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{Pull}",
            $"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{Pull}",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ];

    [Theory, MemberData(nameof(Smuggled))]
    public async Task No_request_is_hidden_in_another_on_the_way_to_the_model(string text)
    {
        await AskAsync(text);
        await DoorIsFineAsync();
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("GET /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")]
    [InlineData("POST /v1/responses HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c, WebSocket\r\nContent-Length: 0\r\n\r\n")]
    public async Task A_websocket_to_the_model_is_declined_with_the_status_at_which_clients_fall_back(string text)
    {
        (await AskAsync(text)).ShouldStartWith("HTTP/1.1 426 ");
        _ollama.Seen.ShouldNotContain(request => request.Headers.ContainsKey("Upgrade"));
        await DoorIsFineAsync();
    }

    [Theory]
    [InlineData("CONNECT evil.org:443 HTTP/1.1\r\nHost: evil.org:443\r\n\r\n")]
    [InlineData("CONNECT evil.org HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://evil.org/ HTTP/1.1\r\nHost: evil.org\r\n\r\n")]
    [InlineData("GET http://evil.org/ HTTP/1.1\r\nHost: evil.org\r\nContent-Length: 0\r\n\r\n")]
    public async Task What_follows_a_refused_proxy_request_is_nobodys_request(string refused)
    {
        var answer = await AskAsync($"{refused}GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n{Pull}");
        answer.ShouldStartWith("HTTP/1.1 4");
        Answers(answer).ShouldBe(1);
        _ollama.Seen.ShouldBeEmpty();
        await DoorIsFineAsync();
    }

    [Theory]
    [InlineData("CONNECT codexctl:443 HTTP/1.1\r\n\r\n")]
    [InlineData("GET http://127.0.0.1:11434/api/version HTTP/1.1\r\nHost: 127.0.0.1:11434\r\n\r\n")]
    [InlineData("GET http://localhost/codexctl/ping HTTP/1.1\r\nHost: localhost\r\n\r\n")]
    public async Task The_proxy_is_no_way_around_to_the_model(string text)
    {
        (await AskAsync(text)).ShouldStartWith("HTTP/1.1 403 ");
        _ollama.Seen.ShouldBeEmpty();
    }

    [Fact]
    public async Task Huge_and_endless_heads_are_cut_off_on_both_halves()
    {
        foreach (
            var begin in (string[])
                ["GET /api/version HTTP/1.1\r\nHost: x\r\n", "CONNECT evil.org:443 HTTP/1.1\r\n", "GET http://evil.org/ HTTP/1.1\r\n"]
        )
        {
            (await AskAsync($"{begin}X: {new string('a', 3_000_000)}\r\n\r\n")).ShouldNotContain("HTTP/1.1 200");
            (await AskAsync(begin + string.Concat(Enumerable.Repeat("X: a\r\n", 500_000)))).ShouldNotContain("HTTP/1.1 200");
        }
        (await AskAsync("GET /" + new string('a', 3_000_000))).ShouldNotContain("HTTP/1.1 200");
        (await AskAsync(new string('a', 3_000_000))).ShouldNotContain("HTTP/1.1 200");
        await DoorIsFineAsync();
    }

    [Fact]
    public async Task Peers_that_dawdle_vanish_or_half_close_hold_nobody_up()
    {
        var held = new List<Socket>();
        string[] beginnings =
        [
            "",
            "G",
            "CONNECT",
            "CONNECT evil.org:443 HTTP/1.1\r\nX",
            "GET /api/version HTTP/1.1\r\nHost: x\r\nX",
            "POST /api/show HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
            "POST /api/show HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
        ];
        foreach (var beginning in beginnings)
        {
            held.Add(await ConnectAsync());
            await held[^1].SendAsync(Encoding.ASCII.GetBytes(beginning));
            // One of each kind goes away in the middle.
            using var gone = await ConnectAsync();
            await gone.SendAsync(Encoding.ASCII.GetBytes(beginning));
        }
        // More than the proxy serves at one time: it says so, and the model's half goes on. Some of ours are turned away too, while those that
        // are gone still count.
        string answer;
        do
        {
            held.Count.ShouldBeLessThan(100);
            held.Add(await ConnectAsync());
            await held[^1].SendAsync("CONNECT evil.org:443 HTTP/1.1\r\n"u8.ToArray());
            answer = await AskAsync("CONNECT evil.org:443 HTTP/1.1\r\n\r\n");
        } while (!answer.StartsWith("HTTP/1.1 503 ", StringComparison.Ordinal));
        await DoorIsFineAsync();

        held.ForEach(socket => socket.Dispose());
        do
        {
            answer = await AskAsync("CONNECT evil.org:443 HTTP/1.1\r\n\r\n");
        } while (!answer.StartsWith("HTTP/1.1 403 ", StringComparison.Ordinal));
        await DoorIsFineAsync();
    }

    [Fact]
    public async Task Who_opens_a_connection_and_says_no_first_line_loses_it()
    {
        var time = new FakeTimeProvider();
        await using var door = new DoorHost(
            _model.HandleAsync,
            new EgressProxy(() => AllowList.Empty, _sink, time, new FakeNetwork()),
            time
        );
        var path = Path.Combine(_folder, "slow.sock");
        await door.StartAsync(path);
        using var silent = await ConnectAsync(path);
        using var slow = await ConnectAsync(path);
        await slow.SendAsync("CONN"u8.ToArray());
        using var proper = await ConnectAsync(path);
        await proper.SendAsync("GET /codexctl/ping HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        (await RelayHost.ReadUntilAsync(proper, "pong\n\r\n0\r\n\r\n")).ShouldStartWith("HTTP/1.1 200 ");

        foreach (var socket in (Socket[])[silent, slow])
        {
            var end = RelayHost.ReadToEndAsync(socket);
            while (!end.IsCompleted)
            {
                time.Advance(TimeSpan.FromSeconds(31));
                await Task.Delay(10);
            }
            (await end).ShouldBeOneOf("", "(reset)");
        }

        await proper.SendAsync("GET /codexctl/ping HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        (await RelayHost.ReadUntilAsync(proper, "pong\n\r\n0\r\n\r\n")).ShouldStartWith("HTTP/1.1 200 ");
        await door.StopAsync();
    }
}
