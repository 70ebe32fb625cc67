using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Models;
using Codexctl.ModelServers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway.ModelRoute;

public class ModelRouteTests
{
    private const string Turn = """
        {"model":"gpt-oss:20b","stream":true,"input":[
          {"type":"message","role":"developer","content":[{"type":"input_text","text":"Be kind."}]},
          {"type":"message","role":"user","content":[{"type":"input_text","text":"Hello"}]}]}
        """;

    [Fact]
    public async Task The_model_sees_the_instructions_that_the_server_alone_would_drop()
    {
        await using var host = await RouteHost.StartAsync();

        await RouteHost.TextAsync(await host.PostAsync("/v1/responses", Turn));

        FakeOllama.WhatTheModelSees(JsonNode.Parse(Turn)!.AsObject()).ShouldNotContain("Be kind.");
        FakeOllama.WhatTheModelSees(host.Ollama.Responses.Single().Json).ShouldStartWith("Be kind.");
    }

    [Fact]
    public async Task One_record_tells_tokens_and_times()
    {
        await using var host = await RouteHost.StartAsync();

        var answer = await RouteHost.TextAsync(await host.PostAsync("/v1/responses", Turn));

        answer.ShouldContain("response.completed");
        var call = await host.OneCallAsync();
        (call.Kind, call.Model, call.Status, call.InputTokens, call.OutputTokens, call.Error).ShouldBe(
            ("turn", "gpt-oss:20b", 200, 4321, 21, null)
        );
        call.TimeToFirstByte.ShouldNotBeNull().ShouldBeLessThanOrEqualTo(call.Duration);
    }

    [Fact]
    public async Task Each_piece_arrives_before_the_next_is_sent()
    {
        await using var host = await RouteHost.StartAsync();
        var go = new SemaphoreSlim(0);
        host.Ollama.OnResponses = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            var stream = new FakeStream(context, "m");
            for (var i = 0; i < 5; i++)
            {
                await stream.DeltaAsync($"piece {i}");
                await go.WaitAsync(context.RequestAborted);
            }
            await stream.CompletedAsync(1, 1);
        };

        using var answer = await host.ResponsesAsync(Turn, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        for (var i = 0; i < 5; i++)
        {
            (await ReadEventAsync(reader)).ShouldContain($"piece {i}");
            go.Release();
        }
        (await ReadEventAsync(reader)).ShouldContain("response.completed");
    }

    [Theory]
    [InlineData("/v1/responses")]
    [InlineData("/v1/chat/completions")]
    public async Task Every_byte_is_the_servers_own_at_any_cut(string path)
    {
        await using var host = await RouteHost.StartAsync();
        host.Ollama.Text = "ünïcode 🙂 words";
        host.Ollama.OnResponses = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            var bytes = Encoding.UTF8.GetBytes(
                "event: x\r\ndata: {\"type\":\"x\",\"t\":\"ünïcode 🙂 words\"}\r\n\r\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"usage\":{\"input_tokens\":7,\"output_tokens\":8}}}\n\n"
            );
            foreach (var one in bytes)
            {
                await context.Response.Body.WriteAsync(new[] { one }, context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
        };

        var answer = await RouteHost.TextAsync(await host.PostAsync(path, Turn));

        answer.ShouldContain("🙂");
        if (path == "/v1/responses")
        {
            answer.ShouldStartWith("event: x\r\ndata: {\"type\":\"x\",\"t\":\"ünïcode 🙂 words\"}\r\n\r\n");
            var call = await host.OneCallAsync();
            (call.InputTokens, call.OutputTokens).ShouldBe((7, 8));
        }
    }

    [Fact]
    public async Task When_the_client_leaves_the_server_stops_at_once()
    {
        await using var host = await RouteHost.StartAsync();
        host.Ollama.Mode = AnswerMode.HangBeforeHeaders;
        using var leave = new CancellationTokenSource();

        var answer = host.ResponsesAsync(Turn, leave.Token);
        await UntilAsync(() => host.Ollama.Responses.Any());
        await leave.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(answer);
        await UntilAsync(() => host.Ollama.Aborted == 1);
        var call = await host.OneCallAsync();
        call.Status.ShouldBe(0);
        call.Error.ShouldBe("the client left");
    }

    [Fact]
    public async Task When_the_client_leaves_in_the_middle_the_server_stops_too()
    {
        await using var host = await RouteHost.StartAsync();
        host.Ollama.Mode = AnswerMode.HangAfterHeaders;

        var answer = await host.ResponsesAsync(Turn, TestContext.Current.CancellationToken);
        answer.Dispose();

        await UntilAsync(() => host.Ollama.Aborted == 1);
        (await host.OneCallAsync()).Error.ShouldBe("the client left");
    }

    [Theory]
    [InlineData("/v1/responses")]
    [InlineData("/api/chat")]
    public async Task A_body_of_a_hundred_megabytes_passes(string path)
    {
        await using var host = await RouteHost.StartAsync();
        var padding = new string('x', 100_000_000);

        var answer = await host.PostAsync(
            path,
            $$"""{"model":"gpt-oss:20b","input":[{"role":"user","content":[{"type":"input_text","text":"{{padding}}"}]}]}"""
        );

        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        host.Ollama.Seen.Max(request => request.Body.Length).ShouldBeGreaterThan(100_000_000);
    }

    [Theory]
    [InlineData(AnswerMode.NotFound, "ollama pull gpt-oss:20b")]
    [InlineData(AnswerMode.ServerError, "llama runner process has terminated: exit status 2")]
    [InlineData(AnswerMode.Unavailable, "server busy")]
    public async Task What_the_server_says_before_the_stream_reaches_the_person_as_plain_words(AnswerMode mode, string words)
    {
        await using var host = await RouteHost.StartAsync();
        host.Ollama.Mode = mode;

        var answer = await host.PostAsync("/v1/responses", Turn);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("text/plain");
        (await RouteHost.TextAsync(answer)).ShouldContain(words);
        (await host.OneCallAsync()).Error.ShouldNotBeNull().ShouldContain(words);
        host.Ollama.Responses.Count().ShouldBe(1);
    }

    [Theory]
    [InlineData(AnswerMode.Drop, "connection broke")]
    [InlineData(AnswerMode.EndEarly, "ended before the answer was complete")]
    [InlineData(AnswerMode.ErrorMidStream, "CUDA error: out of memory")]
    [InlineData(AnswerMode.Failed, "boom from the fake")]
    public async Task A_stream_that_fails_ends_once_with_a_failure_that_codex_takes_as_final(AnswerMode mode, string words)
    {
        await using var host = await RouteHost.StartAsync();
        host.Ollama.Mode = mode;

        var answer = await RouteHost.TextAsync(await host.PostAsync("/v1/responses", Turn));

        answer.Split("event: response.failed").Length.ShouldBe(2);
        answer.ShouldContain("\"code\":\"invalid_prompt\"");
        answer.ShouldContain(words);
        answer.ShouldEndWith("\n\n");
        (await host.OneCallAsync()).Error.ShouldNotBeNull().ShouldContain(words);
    }

    [Fact]
    public async Task An_end_is_told_once_even_when_the_server_tells_it_twice()
    {
        await using var host = await RouteHost.StartAsync();
        var read = new SemaphoreSlim(0);
        host.Ollama.OnResponses = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            var stream = new FakeStream(context, "m");
            await stream.CompletedAsync(1, 2);
            await stream.CompletedAsync(3, 4);
            await stream.RawAsync("data: {\"error\":\"too late\"}\n\n");
            await read.WaitAsync(context.RequestAborted);
            context.Abort();
        };

        using var answer = await host.ResponsesAsync(Turn, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        (await ReadEventAsync(reader)).ShouldContain("response.completed");
        read.Release();
        (await ReadEventAsync(reader)).ShouldBeEmpty();
        (await host.OneCallAsync()).OutputTokens.ShouldBe(2);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named_with_the_command_that_starts_it()
    {
        await using var host = await RouteHost.StartAsync(server: new Uri("http://127.0.0.1:1"));

        var answer = await host.PostAsync("/v1/responses", Turn);

        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var words = await RouteHost.TextAsync(answer);
        words.ShouldContain("http://127.0.0.1:1");
        words.ShouldContain("ollama serve");
        (await host.Client.GetAsync("/api/tags", TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.BadGateway);
    }

    [Fact]
    public async Task A_silent_stream_gets_a_ping_every_fifteen_seconds()
    {
        var time = new FakeTimeProvider();
        await using var host = await RouteHost.StartAsync(time: time);
        host.Ollama.Mode = AnswerMode.HangAfterHeaders;

        using var answer = await host.ResponsesAsync(Turn, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        (await ReadEventAsync(reader)).ShouldContain("response.created");
        for (var i = 0; i < 3; i++)
        {
            var next = ReadEventAsync(reader);
            while (!next.IsCompleted)
            {
                time.Advance(TimeSpan.FromSeconds(15));
                await Task.WhenAny(next, Task.Delay(10, TestContext.Current.CancellationToken));
            }
            (await next).ShouldBe("event: ping\ndata: {\"type\":\"ping\"}\n");
        }
    }

    [Fact]
    public async Task The_hidden_title_request_is_answered_without_the_model()
    {
        await using var host = await RouteHost.StartAsync();
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/responses")
        {
            Content = new StringContent(
                """{"model":"gpt-oss:20b","stream":true,"input":[{"role":"user","content":[{"type":"input_text","text":"Generate a title.\n\nUser prompt:\nWrite a program that greets \"people\" of all kinds, please."}]}]}"""
            ),
        };
        request.Headers.Add("x-codex-turn-metadata", """{"thread_source":"thread_title","request_kind":"turn"}""");

        using var answer = await host.Client.SendAsync(request, TestContext.Current.CancellationToken);

        var text = await RouteHost.TextAsync(answer);
        var done = JsonNode.Parse(text.Split('\n').Single(line => line.Contains("\"response.output_item.done\""))["data: ".Length..])!;
        JsonNode.Parse((string)done["item"]!["content"]![0]!["text"]!)!["title"]!
            .ToString()
            .ShouldBe("Write a program that greets \"people\"");
        text.ShouldContain("response.completed");
        host.Ollama.Seen.ShouldBeEmpty();
        (await host.OneCallAsync()).Kind.ShouldBe("title");
    }

    [Theory]
    [InlineData("{\"title\":{\"type\":\"string\"}}", null, true)]
    [InlineData("{\"title\":{\"type\":\"string\"}}", "{\"thread_source\":\"user\"}", false)]
    [InlineData("{\"title\":{},\"body\":{}}", null, false)]
    public void A_persons_own_schema_is_not_a_title_request(string properties, string? metadata, bool expected)
    {
        var body = JsonNode
            .Parse("{\"text\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"properties\":" + properties + "}}}}")!
            .AsObject();

        Codexctl.Gateway.ModelRoute.TitleRequest.Is(body, metadata).ShouldBe(expected);
    }

    [Theory]
    [InlineData("", "New task")]
    [InlineData("  \n ", "New task")]
    [InlineData("Fix it.", "Fix it")]
    [InlineData("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee", "aaaaaaaaaabbbbbbbbbbccccccccccdddddd")]
    [InlineData("one two three four five six seven eight nine", "one two three four five six seven")]
    public void Titles_are_cut_between_words(string prompt, string title)
    {
        Codexctl.Gateway.ModelRoute.TitleRequest.Shorten(prompt).ShouldBe(title);
    }

    [Fact]
    public async Task The_catalogue_has_every_local_model_that_can_call_tools()
    {
        await using var host = await RouteHost.StartAsync();
        host.Ollama.Models.Add(new FakeModel("embed:latest", ["embedding"]));
        host.Ollama.Models.Add(new FakeModel("small:latest", ["completion", "tools", "vision"], NumCtx: 20000));

        var catalog = JsonNode.Parse(await host.GetAsync("/codexctl/catalog?client_version=0.169.0"))!["models"]!.AsArray();

        catalog.Select(model => (string)model!["slug"]!).ShouldBe(["gpt-oss:20b", "qwen3-coder:30b", "small:latest", "small"]);
        ((int)catalog[0]!["context_window"]!).ShouldBe(65536);
        catalog[0]!["supported_reasoning_levels"]!.AsArray().Count.ShouldBe(3);
        catalog[1]!["supported_reasoning_levels"]!.AsArray().ShouldBeEmpty();
        ((int)catalog[2]!["context_window"]!).ShouldBe(20000);
        catalog[2]!["input_modalities"]!.ToJsonString().ShouldBe("[\"text\",\"image\"]");
        (await host.OneCallAsync()).Kind.ShouldBe("catalog");
    }

    [Fact]
    public async Task Many_requests_at_once_each_get_their_own_answer()
    {
        await using var host = await RouteHost.StartAsync();

        var answers = await Task.WhenAll(
            Enumerable.Range(0, 100).Select(async _ => await RouteHost.TextAsync(await host.PostAsync("/v1/responses", Turn)))
        );

        answers.ShouldAllBe(answer => answer.Contains("response.completed"));
        await UntilAsync(() => host.Calls.Count == 100);
        host.Calls.ShouldAllBe(call => call.OutputTokens == 21);
    }

    private static async Task<string> ReadEventAsync(StreamReader reader)
    {
        var text = new StringBuilder();
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
        {
            text.Append(line).Append('\n');
        }
        return text.ToString();
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 1000 && !condition(); i++)
        {
            await Task.Delay(10);
        }
        condition().ShouldBeTrue();
    }
}
