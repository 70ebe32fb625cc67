using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Proxy;
using Codexctl.Gateway.Recording;
using Codexctl.Tests.Gateway.Recording;

namespace Codexctl.Tests.Gateway.Proxy;

/// <summary>What is recorded of, and shown from, the plain relay.</summary>
public sealed class RelayRecordingTests
{
    private const string Question =
        """{"model":"gpt-oss:20b","messages":[{"role":"user","content":"hi, my key is sk-proj-abcdefghijklmnop1234"}]}""";

    [Fact]
    public async Task A_chat_over_the_plain_relay_is_shown_whatever_the_chunks()
    {
        string[] answer =
        [
            """{"model":"gpt-oss:20b","message":{"role":"assistant","thinking":"A gree""",
            "ting.\"}}\n{\"message\":{\"content\":\"Hel",
            "lo there.\"}}\n{\"done\":true,\"message\":{\"content\":\"\"},\"prompt_eval_count\":12,\"eval_count\":3,\"eval_duration\":100000000}\n",
        ];

        var (shown, seen) = await AskAsync("/api/chat", Question, "application/x-ndjson", answer);

        shown.ShouldContain("turn     #");
        shown.ShouldContain(" gpt-oss:20b\n");
        shown.ShouldContain("person   hi, my key is [redacted]\n");
        shown.ShouldContain("thinks   A greeting.\n");
        shown.ShouldContain("answer   Hello there.\n");
        shown.ShouldContain("12 tokens in, 3 out · first token ");
        shown.ShouldContain(" 30.0 tokens/s");
        var call = seen.OfType<ModelCall>().ShouldHaveSingleItem();
        (call.Kind, call.Model, call.Status, call.InputTokens, call.OutputTokens).ShouldBe(("turn", "gpt-oss:20b", 200, 12, 3));
    }

    [Fact]
    public async Task A_stream_of_events_is_understood_too()
    {
        var (shown, seen) = await AskAsync(
            "/v1/responses",
            """{"model":"m","input":"hi","stream":true}""",
            "text/event-stream",
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"delta\":\"Hello\"}\n",
            "\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":{\"input_tokens\":7,\"output_tokens\":2}}}\n\n"
        );

        shown.ShouldContain("answer   Hello\n");
        shown.ShouldContain("7 tokens in, 2 out");
        seen.OfType<ModelCall>().Single().TimeToFirstToken.ShouldNotBeNull();
    }

    [Fact]
    public async Task What_is_no_question_to_a_model_is_shown_by_its_path_and_without_its_query()
    {
        var (shown, _) = await AskAsync("/api/tags?token=secret", "", "application/json", "{\"models\":[]}");

        shown.ShouldContain("pass     #");
        shown.ShouldContain("POST /api/tags\n");
        shown.ShouldNotContain("secret");
    }

    [Theory]
    [InlineData("application/octet-stream", "", "the answer is application/octet-stream")]
    [InlineData("application/json", "Content-Encoding: zstd\r\n", "the answer is compressed (zstd)")]
    [InlineData("application/json", "Content-Encoding: gzip, br\r\n", "the answer is compressed (gzip, br)")]
    [InlineData("application/json", "Content-Encoding: gzip\r\n", "the answer cannot be read: it is no gzip")]
    public async Task What_cannot_be_read_is_left_out_and_that_is_said(string type, string header, string why)
    {
        var (shown, seen) = await AskAsync(
            "/api/chat",
            Question,
            type + (header.Length > 0 ? "\r\n" + header.TrimEnd() : ""),
            "\u0001\u0002"
        );

        shown.ShouldContain(why);
        seen.OfType<CallPart>().ShouldBeEmpty();
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    public async Task What_is_compressed_passes_as_it_is_and_is_understood(string coding)
    {
        const string Answer =
            "{\"message\":{\"content\":\"Hello there.\"},\"done\":false}\n"
            + "{\"done\":true,\"message\":{\"content\":\"\"},\"prompt_eval_count\":12,\"eval_count\":3}\n";
        string Packed(string text) => Encoding.Latin1.GetString(BodyDecoderTests.Compress(coding, Encoding.UTF8.GetBytes(text)));
        var answer = Packed(Answer);

        var (shown, seen) = await AskAsync(
            "/api/chat",
            Packed(Question),
            $"application/x-ndjson\r\nContent-Encoding: {coding}",
            [answer[..5], answer[5..20], answer[20..]],
            $"Content-Encoding: {coding}\r\n"
        );

        shown.ShouldContain("person   hi, my key is [redacted]\n");
        shown.ShouldContain("answer   Hello there.\n");
        shown.ShouldContain("12 tokens in, 3 out");
        seen.OfType<ModelCall>().Single().Model.ShouldBe("gpt-oss:20b");
    }

    [Fact]
    public async Task A_request_that_is_too_long_passes_whole_and_is_not_recorded()
    {
        var (shown, seen) = await AskAsync("/api/chat", new string(' ', (16 << 20) + 1), "application/json", "{}");

        shown.ShouldContain("the request is longer than 16 MB");
        seen.OfType<CallRequest>().ShouldBeEmpty();
        seen.OfType<ModelCall>().Single().Status.ShouldBe(200);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_shown_with_the_request()
    {
        var watched = new List<Exchange>();
        await using (var recorder = Recorder.Watching(TimeProvider.System, watched.Add))
        await using (var host = RelayHost.Start(_ => Task.CompletedTask, recorder))
        {
            host.StopServer();
            await host.AskAsync("GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n");
            await Task.Delay(100);
        }

        var shown = Show(watched);
        shown.ShouldContain("GET /api/tags");
        shown.ShouldContain("ollama serve");
    }

    [Fact]
    public async Task A_name_that_is_no_text_passes_too()
    {
        var (_, seen) = await AskAsync(
            "/api/chat",
            """{"model":"\ud800","\udc00":1}""",
            "application/json",
            """{"error":"\udbff","usage":{}}"""
        );

        var call = seen.OfType<ModelCall>().ShouldHaveSingleItem();
        (call.Model, call.Status, call.Error).ShouldBe((null, 200, null));
    }

    [Fact]
    public async Task What_comes_by_http2_is_shown_as_everything_else()
    {
        var watched = new List<Exchange>();
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        await using (var recorder = Recorder.Watching(TimeProvider.System, watched.Add))
        {
            var target = new Uri($"http://{server.LocalEndpoint}");
            using var forwarded = new ForwardedRequests(target, recorder, TimeProvider.System);
            await using var proxy = new ProxyServer(
                new HttpRelay(target, new HostRule([]), recorder, TimeProvider.System),
                forwarded.HandleAsync,
                everythingToRequests: false
            );
            await proxy.StartAsync();
            using var front = new TcpListener(IPAddress.Loopback, 0);
            front.Start();
            using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false });
            using var question = new HttpRequestMessage(HttpMethod.Post, $"http://{front.LocalEndpoint}/api/chat")
            {
                Version = HttpVersion.Version20,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
                Content = new StringContent(Question, Encoding.UTF8, "application/json"),
            };
            var asked = client.SendAsync(question, TestContext.Current.CancellationToken);
            proxy.Accept(await front.AcceptSocketAsync(TestContext.Current.CancellationToken));
            using var serving = await server.AcceptSocketAsync(TestContext.Current.CancellationToken);
            (await RelayHost.ReadUntilAsync(serving, "}]}")).ShouldContain("sk-proj-abcdefghijklmnop1234");
            const string Answer =
                "{\"message\":{\"content\":\"Hello there.\"}}\n{\"done\":true,\"message\":{\"content\":\"\"},\"prompt_eval_count\":12,\"eval_count\":3}\n";
            await RelayHost.SayAsync(
                serving,
                $"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nContent-Length: {Answer.Length}\r\n\r\n{Answer}"
            );
            using var answered = await asked;
            (answered.Version, await answered.Content.ReadAsStringAsync()).ShouldBe((HttpVersion.Version20, Answer));
            await IsToldAsync(watched);
        }

        var shown = Show(watched);
        shown.ShouldContain("person   hi, my key is [redacted]\n");
        shown.ShouldContain("answer   Hello there.\n");
        shown.ShouldContain("12 tokens in, 3 out");
        var call = watched.OfType<ModelCall>().ShouldHaveSingleItem();
        (call.Kind, call.Model, call.Status, call.Error).ShouldBe(("turn", "gpt-oss:20b", 200, null));
    }

    private static Task<(string Shown, List<Exchange> Seen)> AskAsync(string path, string body, string type, params string[] answer) =>
        AskAsync(path, body, type, answer, "");

    private static async Task<(string Shown, List<Exchange> Seen)> AskAsync(
        string path,
        string body,
        string type,
        string[] answer,
        string header
    )
    {
        var watched = new List<Exchange>();
        await using (var recorder = Recorder.Watching(TimeProvider.System, watched.Add))
        await using (
            var host = RelayHost.Start(
                async server =>
                {
                    var head = await RelayHost.ReadUntilAsync(server, "\r\n\r\n");
                    for (var left = body.Length - (head.Length - head.IndexOf("\r\n\r\n", StringComparison.Ordinal) - 4); left > 0; )
                    {
                        left -= await server.ReceiveAsync(new byte[Math.Min(left, 1 << 16)]);
                    }
                    await RelayHost.SayAsync(server, $"HTTP/1.1 200 OK\r\nContent-Type: {type}\r\nTransfer-Encoding: chunked\r\n\r\n");
                    foreach (var piece in answer)
                    {
                        await RelayHost.SayAsync(server, $"{piece.Length:x}\r\n{piece}\r\n");
                        await Task.Delay(20);
                    }
                    await RelayHost.SayAsync(server, "0\r\n\r\n");
                },
                recorder
            )
        )
        {
            var got = await host.AskAsync(
                $"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}Content-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"
            );
            got.ShouldStartWith("HTTP/1.1 200 OK\r\n");
            got.ShouldEndWith("0\r\n\r\n");
            await IsToldAsync(watched);
        }
        return (Show(watched), watched);
    }

    /// <summary>The call is told of when the connection's end was seen.</summary>
    private static async Task IsToldAsync(List<Exchange> watched)
    {
        for (var i = 0; i < 500 && !watched.ToArray().OfType<ModelCall>().Any(); i++)
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    private static string Show(IEnumerable<Exchange> watched)
    {
        var text = new StringWriter();
        var renderer = new ConversationRenderer(text, colours: false);
        foreach (var exchange in watched)
        {
            renderer.Add(exchange);
        }
        return text.ToString();
    }
}
