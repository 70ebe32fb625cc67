using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;
using Codexctl.Settings;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway.Log;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class LogServersTests : IDisposable
{
    private const string Answer = """
        data: {"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":"<b>Hi</b> "}

        data: {"type":"response.output_text.delta","item_id":"m","output_index":0,"delta":"there </script> you all"}

        data: {"type":"response.completed","response":{"id":"r","usage":{"input_tokens":100,"output_tokens":20}}}


        """;

    private readonly string _state = Directory.CreateTempSubdirectory("codexctl-").FullName;

    private Paths Paths => new(new HostEnvironment(new Dictionary<string, string> { ["CODEXCTL_STATE_DIR"] = _state, ["HOME"] = _state }));

    public void Dispose() => Directory.Delete(_state, recursive: true);

    [Fact]
    public async Task The_page_needs_its_token_GET_and_a_host_that_is_this_machine()
    {
        var session = await RecordAsync("codex-a", "/home/me/a");
        await using var view = new WebView(new SessionFinder(Paths), TimeProvider.System);
        var address = await view.StartAsync(0);
        address.Host.ShouldBe("127.0.0.1");
        var host = address.Authority;

        var page = await RawAsync(address, $"GET {address.AbsolutePath} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        page.ShouldStartWith("HTTP/1.1 200");
        page.ShouldContain("Content-Security-Policy: default-src 'none'; script-src 'nonce-");
        page.ShouldNotContain("http://", customMessage: "nothing from elsewhere");
        page.ShouldNotContain("https://");
        (
            await RawAsync(
                address,
                $"GET {address.AbsolutePath}sessions HTTP/1.1\r\nHost: localhost:{address.Port}\r\nConnection: close\r\n\r\n"
            )
        ).ShouldContain(session);

        string[] refused =
        [
            $"GET / HTTP/1.1\r\nHost: {host}",
            $"GET /{new string('0', 32)}/ HTTP/1.1\r\nHost: {host}",
            $"GET /{new string('0', 32)}/sessions HTTP/1.1\r\nHost: {host}",
            $"GET /{new string('0', 32)}/events?session={session} HTTP/1.1\r\nHost: {host}",
            $"POST {address.AbsolutePath} HTTP/1.1\r\nContent-Length: 0\r\nHost: {host}",
            $"GET {address.AbsolutePath} HTTP/1.1\r\nHost: evil.example:{address.Port}",
            $"GET {address.AbsolutePath}sessions HTTP/1.1\r\nHost: 10.0.0.1:{address.Port}",
            $"GET {address.AbsolutePath}%2e%2e/ HTTP/1.1\r\nHost: {host}",
            $"OPTIONS {address.AbsolutePath} HTTP/1.1\r\nHost: {host}",
        ];
        foreach (var request in refused)
        {
            var answer = await RawAsync(address, request + "\r\nConnection: close\r\n\r\n");
            answer.ShouldStartWith("HTTP/1.1 4", customMessage: request);
            answer.ShouldNotContain(session);
            answer.ShouldNotContain("Access-Control-Allow-Origin");
        }
    }

    [Fact]
    public async Task The_page_gets_the_conversation_and_no_markup_leaves_its_json()
    {
        var session = await RecordAsync("codex-a", "/home/me/a");
        await using var view = new WebView(new SessionFinder(Paths), TimeProvider.System);
        var address = await view.StartAsync(0);
        using var http = new HttpClient();
        using var answer = await http.GetAsync(new Uri(address, $"events?session={session}"), HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync());
        var text = new StringBuilder();
        while (!text.ToString().Contains("\"end\"", StringComparison.Ordinal))
        {
            text.AppendLine(await reader.ReadLineAsync());
        }
        text.ToString().ShouldNotContain('<');
        text.ToString().ShouldContain("\\u003Cb\\u003EHi");
        text.ToString().ShouldContain("\"kind\":\"refused\"");
    }

    [Fact]
    public async Task A_replay_gives_the_answers_in_order_with_their_timing_and_then_says_that_there_are_no_more()
    {
        var clock = new FakeTimeProvider();
        await using var replay = new ReplayServer(Calls(), speed: 2, clock);
        var address = await replay.StartAsync(new IPEndPoint(IPAddress.Loopback, 0));
        using var http = new HttpClient { BaseAddress = address };
        ((string?)JsonNode.Parse(await http.GetStringAsync("/v1/models"))!["data"]![0]!["id"]).ShouldBe("m");
        ((string?)JsonNode.Parse(await http.GetStringAsync("/api/tags"))!["models"]![0]!["name"]).ShouldBe("m");
        (await http.GetStringAsync("/api/version")).ShouldContain("0.");

        var answer = Send(http);
        await Task.Delay(200);
        answer.IsCompleted.ShouldBeFalse("the first part came after 10 ms, at twice the speed 5");
        for (var i = 0; i < 600 && !answer.IsCompleted; i++)
        {
            clock.Advance(TimeSpan.FromMilliseconds(5));
            await Task.Delay(5);
        }
        var text = await (await answer).Content.ReadAsStringAsync();
        text.ShouldContain(
            "data: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"output_index\":0,\"delta\":\"<b>Hi</b> \"}\n\n"
        );
        text.ShouldContain("response.completed");

        using var more = await Send(http);
        more.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await more.Content.ReadAsStringAsync()).ShouldContain("no further answer");
    }

    [Fact]
    public async Task A_replay_finds_the_answer_to_the_same_conversation_whatever_the_order()
    {
        const string Later = """{"input":[{"role":"user","content":"a"},{"type":"function_call_output","call_id":"c","output":"x"}]}""";
        List<Exchange> exchanges =
        [
            .. Records.Call(
                "/v1/responses",
                """{"input":[{"role":"user","content":"a"}]}""",
                "text/event-stream",
                ["data: {\"type\":\"first\"}\n\n"],
                1
            ),
            .. Records.Call("/v1/responses", Later, "text/event-stream", ["data: {\"type\":\"second\"}\n\n"], 2),
        ];
        await using var replay = new ReplayServer(exchanges, speed: 0, TimeProvider.System);
        using var http = new HttpClient { BaseAddress = await replay.StartAsync(new IPEndPoint(IPAddress.Loopback, 0)) };

        using var second = await http.PostAsync(
            "/v1/responses",
            new StringContent(Later.Replace("\"x\"", "\"y\"", StringComparison.Ordinal))
        );
        (await second.Content.ReadAsStringAsync()).ShouldContain("second");
        using var other = await http.PostAsync("/v1/responses", new StringContent("""{"input":"anything"}"""));
        (await other.Content.ReadAsStringAsync()).ShouldContain("first");
    }

    [Theory]
    [InlineData("text/event-stream", "data: {\"type\":\"response.output_text.delta\",\"delta\":\"half\"}\n\n")]
    [InlineData("application/x-ndjson", "{\"message\":{\"content\":\"half\"},\"done\":false}\n")]
    [InlineData("application/json", "{\"half\":")]
    public async Task A_replay_breaks_off_where_the_server_did(string type, string answer)
    {
        var broken = Records
            .Call("/api/chat", "{}", type, [answer])
            .Select(exchange => exchange is ModelCall call ? call with { Error = "it broke" } : exchange);
        await using var replay = new ReplayServer([.. broken], speed: 0, TimeProvider.System);
        var address = await replay.StartAsync(new IPEndPoint(IPAddress.Loopback, 0));
        var text = await RawAsync(address, "POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
        text.ShouldContain("half");
        text.ShouldNotContain("\r\n0\r\n\r\n", customMessage: "that would be an end in order");
    }

    [Fact]
    public async Task A_replay_gives_errors_again_also_those_of_which_only_the_words_are_known()
    {
        var refused = Records
            .Call("/v1/responses", "{}", "application/json", ["{\"error\":{\"message\":\"too busy\"}}"])
            .Select(exchange => exchange is CallAnswer answer ? answer with { Status = 429 } : exchange);
        var down = Records
            .Call("/v1/responses", "{}", "application/json", Array.Empty<string>(), 2)
            .Select(exchange => exchange is ModelCall call ? call with { Status = 502, Error = "nobody answers" } : exchange);
        await using var replay = new ReplayServer([.. refused, .. down], speed: 0, TimeProvider.System);
        using var http = new HttpClient { BaseAddress = await replay.StartAsync(new IPEndPoint(IPAddress.Loopback, 0)) };
        using var first = await http.PostAsync("/v1/responses", new StringContent("{}"));
        ((int)first.StatusCode).ShouldBe(429);
        (await first.Content.ReadAsStringAsync()).ShouldContain("too busy");
        using var elsewhere = await http.PostAsync("/api/chat", new StringContent("{}"));
        (await elsewhere.Content.ReadAsStringAsync()).ShouldContain("no further answer for /api/chat, only for /v1/responses");
        using var second = await http.PostAsync("/v1/responses", new StringContent("{}"));
        ((int)second.StatusCode).ShouldBe(502);
        (await second.Content.ReadAsStringAsync()).ShouldContain("nobody answers");
    }

    [Fact]
    public void A_session_without_bodies_cannot_be_replayed_and_it_is_said_how_to_record_one() =>
        Should
            .Throw<UserError>(() =>
                new ReplayServer([new CallStart(Records.At, 1, "POST", "/v1/responses", "turn", "m")], 1, TimeProvider.System)
            )
            .Mend.ShouldNotBeNull()
            .ShouldContain("--record");

    [Fact]
    public void The_archive_has_what_HAR_1_2_demands()
    {
        using var file = new MemoryStream();
        List<Exchange> exchanges =
        [
            .. Calls(),
            new ModelCall(Records.At, "POST", "/api/pull", "refused", null, 403, null, null, null, TimeSpan.Zero, "refused by codexctl"),
            new EgressCall(Records.At, "example.com", 443, false, "it is not on the allow list", 0, 0, TimeSpan.Zero),
        ];
        Har.Write(file, exchanges, "1.0");
        var log = JsonNode.Parse(file.ToArray())!["log"]!;
        ((string?)log["version"]).ShouldBe("1.2");
        ((string?)log["creator"]!["name"]).ShouldBe("codexctl");
        var entries = log["entries"]!.AsArray();
        entries.Count.ShouldBe(3);
        foreach (var entry in entries.Select(entry => entry!.AsObject()))
        {
            Has(entry, "startedDateTime", "time", "request", "response", "cache", "timings");
            DateTimeOffset.Parse((string)entry["startedDateTime"]!, System.Globalization.CultureInfo.InvariantCulture).ShouldBe(Records.At);
            Has(entry["request"]!, "method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize");
            Has(
                entry["response"]!,
                "status",
                "statusText",
                "httpVersion",
                "cookies",
                "headers",
                "content",
                "redirectURL",
                "headersSize",
                "bodySize"
            );
            Has(entry["response"]!["content"]!, "size", "mimeType");
            Has(entry["timings"]!, "send", "wait", "receive");
            ((double)entry["timings"]!["wait"]! + (double)entry["timings"]!["receive"]!).ShouldBe((double)entry["time"]!, 0.01);
        }
        ((string)entries[0]!["response"]!["content"]!["text"]!).ShouldContain("data: {\"type\":\"response.completed\"");
    }

    [Fact]
    public async Task A_session_is_found_by_folder_container_or_the_beginning_of_its_name()
    {
        var a = await RecordAsync("codex-a", "/home/me/a");
        var b = await RecordAsync("codex-b", "/home/me/b");
        var finder = new SessionFinder(Paths);
        finder.Find(null, "/home/me/a").Id.ShouldBe(a);
        finder.Find("codex-b", "/home/me/a").Id.ShouldBe(b);
        finder.Find(a, "/").Id.ShouldBe(a);
        finder.Find(a[^8..], "/").Id.ShouldBe(a);
        Should.Throw<UserError>(() => finder.Find(null, "/elsewhere")).Message.ShouldContain("/elsewhere");
        Should.Throw<UserError>(() => finder.Find("nobody", "/")).Message.ShouldContain("nobody");
        Should.Throw<UserError>(() => finder.Find("2", "/")).Message.ShouldContain("2 sessions begin with 2");
    }

    [Fact]
    public async Task A_follower_sees_what_comes_over_new_parts_and_new_sessions()
    {
        var finder = new SessionFinder(Paths);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var seen = new List<long>();
        var following = Task.Run(async () =>
        {
            await foreach (var line in new RecordFollower(finder.All, TimeProvider.System).FollowAsync("", limit.Token))
            {
                if (line?.Exchange is CallStart call)
                {
                    seen.Add(call.Id);
                    if (call.Id == 60)
                    {
                        return;
                    }
                }
            }
        });
        foreach (var half in (int[])[1, 31])
        {
            await using var recorder = Recorder.Open(
                Paths.Container("docker", "codex-a").Records,
                TimeProvider.System,
                limits: new RecordLimits(1500, 1 << 20, 1 << 20)
            );
            for (var id = half; id < half + 30; id++)
            {
                recorder.Add(new CallStart(Records.At, id, "POST", "/v1/responses", "turn", "m"));
                await recorder.SealAsync();
                await Task.Delay(5);
            }
        }
        await following;
        seen.ShouldBe(Enumerable.Range(1, 60).Select(n => (long)n));
    }

    [Fact]
    public async Task Where_the_gateway_died_a_receipt_is_made_from_the_record_and_is_never_complete()
    {
        var id = await RecordAsync("codex-a", "/home/me/a");
        var files = Paths.Container("docker", "codex-a");
        var path = RecordFile.List(files.Records).Single();
        var lines = await File.ReadAllLinesAsync(path);
        await File.WriteAllLinesAsync(path, lines[..^1]);

        var found = (await new ReceiptFinder(new SessionFinder(Paths)).FindAsync("/home/me/a", default)).ShouldHaveSingleItem();

        found.Receipt.Complete.ShouldBeFalse();
        found.Receipt.Reason.ShouldBe("the gateway died");
        found.Receipt.Session.ShouldBe(id);
        (found.Receipt.ModelCalls, found.Receipt.HostsRefused.Keys.Single()).ShouldBe((1, "example.com"));
    }

    private static List<Exchange> Calls() =>
        Records.Call("/v1/responses", """{"input":"hello"}""", "text/event-stream", Records.Cut(Answer, () => 100));

    private static Task<HttpResponseMessage> Send(HttpClient http) =>
        http.PostAsync("/v1/responses", new StringContent("""{"model":"m","input":"hello"}""", Encoding.UTF8, "application/json"));

    private async Task<string> RecordAsync(string container, string workdir)
    {
        var files = Paths.Container("docker", container);
        await using var recorder = Recorder.Open(
            files.Records,
            TimeProvider.System,
            new SessionInfo(null, "docker", container, workdir, "http://m"),
            bodies: true
        );
        foreach (var exchange in Calls())
        {
            recorder.Add(exchange);
        }
        recorder.Add(new EgressCall(Records.At, "example.com", 443, false, "it is not on the allow list", 0, 0, TimeSpan.Zero));
        return recorder.Session!;
    }

    private static void Has(JsonNode node, params string[] names) =>
        names.Except(node.AsObject().Select(field => field.Key), StringComparer.Ordinal).ShouldBeEmpty();

    private static async Task<string> RawAsync(Uri address, string request)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, address.Port);
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        var text = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            for (int read; (read = await stream.ReadAsync(buffer)) > 0; )
            {
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            text.Append("(reset)");
        }
        return text.ToString();
    }
}
