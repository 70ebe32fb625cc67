using System.Text;
using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;
using Codexctl.ModelServers;

namespace Codexctl.Tests.Gateway.ModelRoute;

/// <summary>What the model route tells the recorder.</summary>
public class RouteRecordingTests
{
    public static TheoryData<string, string> Requests =>
        new()
        {
            { "/v1/responses", """{"model":"gpt-oss:20b","stream":true,"input":[{"role":"user","content":"hello"}]}""" },
            { "/v1/chat/completions", """{"model":"gpt-oss:20b","stream":true,"messages":[{"role":"user","content":"hello"}]}""" },
            { "/api/chat", """{"model":"gpt-oss:20b","messages":[{"role":"user","content":"hello"}]}""" },
            { "/api/generate", """{"model":"gpt-oss:20b","prompt":"hello"}""" },
        };

    [Theory, MemberData(nameof(Requests))]
    public async Task With_bodies_the_conversation_is_in_the_record_and_the_box_gets_the_same_bytes(string path, string request)
    {
        await using var host = await RouteHost.StartAsync();
        host.Ollama.Text = "Hello from the fake.";
        var without = await RouteHost.TextAsync(await host.PostAsync(path, request));
        await WaitAsync(host, 1);
        host.Exchanges.OfType<CallBytes>().ShouldBeEmpty();

        host.WantsBodies = true;
        var with = await RouteHost.TextAsync(await host.PostAsync(path, request));
        await WaitAsync(host, 2);

        with.ShouldBe(without);
        var events = new BodyEvents();
        var conversation = new Conversation();
        var items = host.Exchanges.SelectMany(events.Of).SelectMany(conversation.Add).ToList();
        items.Single(item => item.Kind == ConversationKind.User).Text.ShouldBe("hello");
        string.Concat(items.Where(item => item.Kind == ConversationKind.Answer).Select(item => item.Text!.Trim()))
            .Replace(" ", "", StringComparison.Ordinal)
            .ShouldBe("Hellofromthefake.");
        host.Calls[1].Id.ShouldNotBeNull();
        host.Calls[1].Context.ShouldBe(65536);
        host.Calls[1].TimeToFirstToken.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(
        "/api/chat",
        "{\"message\":{\"content\":\"Hi\"},\"done\":false}\n{\"message\":{\"content\":\"\"},\"done\":true,\"prompt_eval_count\":7,\"eval_count\":5,\"eval_duration\":250000000}\n",
        "application/x-ndjson"
    )]
    [InlineData(
        "/v1/chat/completions",
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n",
        "text/event-stream"
    )]
    public void Tokens_of_streams_that_are_passed_on_are_counted_wherever_the_chunks_end(string path, string stream, string type)
    {
        foreach (var size in (int[])[1, 3, 50, 10_000])
        {
            var call = new Codexctl.Gateway.ModelRoute.CallRecord(TimeProvider.System, new Microsoft.AspNetCore.Http.DefaultHttpContext());
            var meter = new Codexctl.Gateway.ModelRoute.AnswerMeter(MessageSplitter.FormOf(type, path), call);
            foreach (var chunk in Log.Records.Cut(stream, () => size))
            {
                meter.Add(chunk);
            }
            meter.End();
            (call.InputTokens, call.OutputTokens).ShouldBe((7, 5));
            call.AwaitsToken.ShouldBeFalse();
            call.Generation.ShouldBe(path == "/api/chat" ? TimeSpan.FromMilliseconds(250) : null);
        }
    }

    [Fact]
    public async Task A_refusal_and_a_list_have_no_bodies_in_the_record()
    {
        await using var host = await RouteHost.StartAsync();
        host.WantsBodies = true;
        await host.PostAsync("/api/pull", """{"model":"x"}""");
        await host.GetAsync("/api/tags");
        await WaitAsync(host, 2);
        host.Exchanges.ShouldAllBe(exchange => exchange is ModelCall);
    }

    private static async Task WaitAsync(RouteHost host, int calls)
    {
        for (var i = 0; i < 500 && host.Calls.Count < calls; i++)
        {
            await Task.Delay(10);
        }
        host.Calls.Count.ShouldBe(calls);
    }
}
