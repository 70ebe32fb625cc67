using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;

namespace Codexctl.Tests.Gateway.Log;

public class ConversationTests
{
    private const string Responses = """
        event: response.created
        data: {"type":"response.created","response":{"id":"r","status":"in_progress"}}

        event: response.reasoning_summary_text.delta
        data: {"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"delta":"Let me "}

        data: {"type":"response.reasoning_summary_text.delta","item_id":"rs","output_index":0,"delta":"think."}

        event: response.output_item.done
        data: {"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"Let me think."}]}}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","item_id":"m","output_index":1,"delta":"Grüß "}

        event: response.output_text.delta
        data: {"type":"response.output_text.delta","item_id":"m","output_index":1,"delta":"dich 🙂"}

        event: response.output_item.done
        data: {"type":"response.output_item.done","output_index":1,"item":{"type":"message","id":"m","content":[{"type":"output_text","text":"Grüß dich 🙂"}]}}

        event: response.output_item.done
        data: {"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","call_id":"c1","name":"exec_command","arguments":"{\"cmd\":\"ls\"}"}}

        event: response.completed
        data: {"type":"response.completed","response":{"id":"r","usage":{"input_tokens":100,"output_tokens":20}}}


        """;

    private const string Completions = """
        data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}

        data: {"choices":[{"index":0,"delta":{"reasoning_content":"Let me "}}]}

        data: {"choices":[{"index":0,"delta":{"reasoning_content":"think."}}]}

        data: {"choices":[{"index":0,"delta":{"content":"Grüß "}}]}

        data: {"choices":[{"index":0,"delta":{"content":"dich 🙂"}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"exec_command","arguments":"{\"cm"}}]}}]}

        data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"d\":\"ls\"}"}}]}}]}

        data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}

        data: {"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20}}

        data: [DONE]


        """;

    private const string Ollama = """
        {"model":"m","message":{"role":"assistant","content":"","thinking":"Let me "},"done":false}
        {"model":"m","message":{"role":"assistant","content":"","thinking":"think."},"done":false}
        {"model":"m","message":{"role":"assistant","content":"Grüß "},"done":false}
        {"model":"m","message":{"role":"assistant","content":"dich 🙂"},"done":false}
        {"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"id":"c1","function":{"name":"exec_command","arguments":{"cmd":"ls"}}}]},"done":false}
        {"model":"m","message":{"role":"assistant","content":""},"done":true,"prompt_eval_count":100,"eval_count":20}

        """;

    public static TheoryData<string, string, string> Streams =>
        new()
        {
            { "/v1/responses", "text/event-stream", Responses },
            { "/v1/responses", "text/event-stream; charset=utf-8", Responses.Replace("\n", "\r\n", StringComparison.Ordinal) },
            { "/v1/responses", "text/event-stream", "\ufeff" + Responses.Replace('\n', '\r') },
            { "/v1/chat/completions", "text/event-stream", Completions },
            { "/v1/chat/completions", "text/event-stream", Completions.Replace("\n", "\r\n", StringComparison.Ordinal) },
            { "/v1/chat/completions", "text/event-stream", Completions.Replace('\n', '\r') },
            { "/api/chat", "application/x-ndjson", Ollama },
            { "/api/chat", "application/x-ndjson", Ollama.Replace("\n", "\r\n", StringComparison.Ordinal) },
        };

    [Theory, MemberData(nameof(Streams))]
    public void A_stream_is_understood_wherever_its_chunks_end(string path, string type, string stream)
    {
        var random = new Random(4711);
        foreach (var size in (Func<int>[])[() => 1, () => 7, () => random.Next(1, 300), () => int.MaxValue])
        {
            var items = Items(Records.Call(path, "{}", type, Records.Cut(stream, size)));

            Text(items, ConversationKind.Reasoning).ShouldBe("Let me think.");
            Text(items, ConversationKind.Answer).ShouldBe("Grüß dich 🙂");
            var call = items.Single(item => item.Kind == ConversationKind.ToolCall);
            (call.Name, call.CallId, call.Text).ShouldBe(("exec_command", "c1", """{"cmd":"ls"}"""));
            var numbers = items.Single(item => item.Kind == ConversationKind.Done).Numbers!;
            (numbers.InputTokens, numbers.OutputTokens).ShouldBe((100, 20));
            items.ShouldNotContain(item => item.Kind == ConversationKind.Error);
        }
    }

    [Theory]
    [InlineData(
        "/v1/responses",
        """{"output":[{"type":"message","content":[{"type":"output_text","text":"Hello"}]}],"usage":{"input_tokens":1,"output_tokens":2}}"""
    )]
    [InlineData(
        "/v1/chat/completions",
        """{"choices":[{"message":{"role":"assistant","content":"Hello"}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"""
    )]
    [InlineData("/api/chat", """{"message":{"role":"assistant","content":"Hello"},"done":true,"prompt_eval_count":1,"eval_count":2}""")]
    [InlineData("/api/generate", """{"response":"Hello","done":true,"prompt_eval_count":1,"eval_count":2}""")]
    public void An_answer_in_one_piece_is_understood(string path, string body)
    {
        var items = Items(Records.Call(path, "{}", "application/json", Records.Cut(body, () => 5)));
        Text(items, ConversationKind.Answer).ShouldBe("Hello");
        items[^1].Numbers!.OutputTokens.ShouldBe(2);
    }

    [Fact]
    public void Of_a_longer_conversation_only_what_is_new_is_shown_again()
    {
        var conversation = new Conversation();
        List<ConversationItem> Turn(long id, string input) =>
            [
                .. Records
                    .Call("/v1/responses", $$"""{"instructions":"be good","input":[{{input}}]}""", "text/event-stream", [Responses], id)
                    .SelectMany(conversation.Add),
            ];
        const string First = """{"type":"message","role":"user","content":[{"type":"input_text","text":"list the files"}]}""";

        Turn(1, First).Count(item => item.Kind is ConversationKind.User or ConversationKind.Instructions).ShouldBe(2);
        var second = Turn(
            2,
            First
                + """,{"type":"reasoning","summary":[]},{"type":"function_call","call_id":"c1","name":"exec_command","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"a.txt"}"""
        );

        second
            .Where(item => item.Kind is not ConversationKind.Reasoning and not ConversationKind.Answer)
            .Select(item => item.Kind)
            .ShouldBe([ConversationKind.Call, ConversationKind.ToolOutput, ConversationKind.ToolCall, ConversationKind.Done]);
        second.Single(item => item.Kind == ConversationKind.ToolOutput).Text.ShouldBe("a.txt");
    }

    [Fact]
    public void A_call_that_nobody_saw_the_end_of_is_told_as_lost()
    {
        var conversation = new Conversation();
        var call = Records.Call("/v1/responses", "{}", "text/event-stream", [Responses]);
        foreach (var exchange in call.SkipLast(1))
        {
            _ = conversation.Add(exchange).ToList();
        }
        conversation
            .Add(new SessionStart(Records.At, new SessionInfo("s"), 1, Again: true, Bodies: true))
            .First()
            .Kind.ShouldBe(ConversationKind.Lost);
    }

    [Fact]
    public void What_the_model_says_cannot_move_the_cursor()
    {
        var output = new StringWriter();
        var renderer = new ConversationRenderer(output, colours: false);
        foreach (
            var exchange in Records.Call(
                "/api/chat",
                """{"messages":[{"role":"user","content":"\u001b]0;title\u0007 \u009b31m \u202e"}]}""",
                "application/x-ndjson",
                ["{\"message\":{\"content\":\"\\u001b[2J\\u001b[1;1Hgone\\r\\nnext\"},\"done\":true}\n"]
            )
        )
        {
            renderer.Add(exchange);
        }
        renderer.Add(new EgressCall(Records.At, "evil\x1b[2J.example", 443, false, "why\x1b[m", 0, 0, TimeSpan.Zero));

        var text = output.ToString();
        text.Where(c => char.IsControl(c) && c != '\n').ShouldBeEmpty();
        text.ShouldNotContain('\u202e');
        text.ShouldContain("␛[2J␛[1;1Hgone");
    }

    [Fact]
    public void Without_colours_the_text_is_plain_and_with_them_the_reasoning_looks_different()
    {
        var call = Records.Call("/v1/responses", "{}", "text/event-stream", [Responses]);
        string Render(bool colours)
        {
            var output = new StringWriter();
            var renderer = new ConversationRenderer(output, colours);
            call.ForEach(renderer.Add);
            return output.ToString();
        }

        var plain = Render(false);
        plain.ShouldNotContain('\x1b');
        plain.ShouldContain("thinks   Let me think.\n");
        plain.ShouldContain("answer   Grüß dich 🙂\n");
        plain.ShouldContain("tool     exec_command ls\n");
        plain.ShouldContain("100 tokens in, 20 out");
        Render(true).ShouldContain("\x1b[2;3mLet me \x1b[0m\x1b[2;3mthink.\x1b[0m\n");
    }

    private static List<ConversationItem> Items(IEnumerable<Exchange> exchanges)
    {
        var conversation = new Conversation();
        return [.. exchanges.SelectMany(conversation.Add)];
    }

    private static string Text(IEnumerable<ConversationItem> items, ConversationKind kind) =>
        string.Concat(items.Where(item => item.Kind == kind).Select(item => item.Text));
}
