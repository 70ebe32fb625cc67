using System.Text.Json.Nodes;
using Codexctl.Gateway.ModelRoute;
using Codexctl.Models;
using CsCheck;

namespace Codexctl.Tests.Gateway.ModelRoute;

public class BridgeRulesTests
{
    private static readonly LocalModel Thinking = new("a", Capabilities: ["tools", "thinking"]);
    private static readonly LocalModel Plain = new("b", Capabilities: ["tools"]);

    [Fact]
    public void Developer_and_system_items_become_one_instructions_text_in_their_order()
    {
        var body = Apply(
            BridgeRules.Instructions,
            """
            {"instructions":"zero","input":[
              {"type":"message","role":"developer","content":[{"type":"input_text","text":"one"}]},
              {"type":"message","role":"user","content":[{"type":"input_text","text":"hello"}]},
              {"role":"system","content":"two"},
              {"type":"message","role":"developer","content":[{"type":"input_text","text":"thr"},{"type":"input_text","text":"ee"}]}]}
            """
        );

        ((string?)body["instructions"]).ShouldBe("zero\n\none\n\ntwo\n\nthree");
        body["input"]!.AsArray().ShouldHaveSingleItem()!["role"]!.ToString().ShouldBe("user");
    }

    [Fact]
    public void Without_such_items_nothing_is_written()
    {
        Apply(BridgeRules.Instructions, """{"input":"hello"}""").ToJsonString().ShouldBe("""{"input":"hello"}""");
        Apply(BridgeRules.Instructions, """{"input":[]}""").ContainsKey("instructions").ShouldBeFalse();
    }

    [Fact]
    public void Only_functions_are_offered()
    {
        var body = Apply(
            BridgeRules.FunctionsOnly,
            """
            {"tool_choice":"auto","tools":[{"type":"web_search"},{"type":"function","name":"exec_command"},{"type":"namespace","name":"n","tools":[]},
             {"type":"custom","name":"apply_patch"},{"type":"mcp","server_url":"https://x"},{"type":"image_generation"},{"type":"file_search"},
             {"type":"code_interpreter"},{"type":"computer_use_preview"},{"type":"local_shell"},{"name":"no type"},"rubbish",null]}
            """
        );

        body["tools"]!.AsArray().ShouldHaveSingleItem()!["name"]!.ToString().ShouldBe("exec_command");
        ((string?)body["tool_choice"]).ShouldBe("auto");
    }

    [Theory]
    [InlineData("""{"type":"web_search"}""", "\"auto\"")]
    [InlineData("""{"type":"function","name":"gone"}""", "\"auto\"")]
    [InlineData("""{"type":"function","name":"here"}""", """{"type":"function","name":"here"}""")]
    [InlineData("\"required\"", "\"required\"")]
    public void The_choice_of_a_tool_that_is_gone_becomes_auto(string choice, string expected)
    {
        var body = Apply(
            BridgeRules.FunctionsOnly,
            $$"""{"tool_choice":{{choice}},"tools":[{"type":"function","name":"here"},{"type":"web_search"}]}"""
        );

        body["tool_choice"]!.ToJsonString().ShouldBe(expected);
    }

    [Fact]
    public void Where_no_tool_is_left_nothing_speaks_of_tools()
    {
        Apply(
                BridgeRules.FunctionsOnly,
                """{"model":"m","tools":[{"type":"web_search"}],"tool_choice":"required","parallel_tool_calls":true}"""
            )
            .ToJsonString()
            .ShouldBe("""{"model":"m"}""");
    }

    [Fact]
    public void Custom_tool_calls_become_function_calls()
    {
        var items = Items("""{"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"*** Begin Patch"}""");

        items[0]!["type"]!.ToString().ShouldBe("function_call");
        items[0]!["arguments"]!.ToString().ShouldBe("""{"input":"*** Begin Patch"}""");
        items[0]!["call_id"]!.ToString().ShouldBe("c");
    }

    [Fact]
    public void Custom_tool_outputs_become_function_outputs()
    {
        var items = Items(
            """{"type":"custom_tool_call_output","call_id":"c","output":[{"type":"input_text","text":"a"},{"type":"output_text","text":"b"}]}"""
        );

        items[0]!.ToJsonString().ShouldBe("""{"type":"function_call_output","call_id":"c","output":"ab"}""");
    }

    [Theory]
    [InlineData("{\\\"a\\\":1}", "{\"a\":1}")]
    [InlineData("", "{}")]
    [InlineData("not json", "{\"input\":\"not json\"}")]
    [InlineData("[1]", "{\"input\":\"[1]\"}")]
    public void Arguments_are_always_an_object(string arguments, string expected)
    {
        Items($$"""{"type":"function_call","arguments":"{{arguments}}"}""")[0]!["arguments"]!.ToString().ShouldBe(expected);
    }

    [Fact]
    public void Unknown_items_and_parts_are_left_out()
    {
        var items = Items(
            """
            {"type":"web_search_call"},{"type":"compaction"},{"type":"image_generation_call"},5,null,"x",{"no":"type"},
            {"type":"reasoning","summary":[]},
            {"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"no"},{"type":"input_file"},{"type":"output_text","text":"yes"}]}
            """
        );

        items.Count.ShouldBe(2);
        items[0]!["type"]!.ToString().ShouldBe("reasoning");
        items[1]!["content"]!.ToJsonString().ShouldBe("""[{"type":"output_text","text":"no"},{"type":"output_text","text":"yes"}]""");
    }

    [Fact]
    public void A_picture_in_a_tool_output_stays()
    {
        Items("""{"type":"function_call_output","call_id":"c","output":[{"type":"input_image","image_url":"data:,x"}]}""")[0]!
            ["output"]
            .ShouldBeOfType<JsonArray>();
    }

    [Fact]
    public void Effort_goes_for_a_model_that_does_not_think()
    {
        Apply(BridgeRules.Effort, """{"reasoning":{"effort":"high","summary":"auto"}}""", Plain)
            .ToJsonString()
            .ShouldBe("""{"reasoning":{"summary":"auto"}}""");
        Apply(BridgeRules.Effort, """{"reasoning":{"effort":"high"}}""", Plain).ToJsonString().ShouldBe("{}");
    }

    [Theory]
    [InlineData("none", "none")]
    [InlineData("minimal", "low")]
    [InlineData("low", "low")]
    [InlineData("medium", "medium")]
    [InlineData("high", "high")]
    [InlineData("xhigh", "high")]
    [InlineData("max", "high")]
    [InlineData("ultra", "high")]
    [InlineData("rubbish", null)]
    public void Effort_is_said_in_words_that_every_version_knows(string given, string? expected)
    {
        var body = Apply(BridgeRules.Effort, "{\"reasoning\":{\"effort\":\"" + given + "\"}}", Thinking);

        ((string?)body["reasoning"]?["effort"]).ShouldBe(expected);
    }

    [Fact]
    public void Every_kind_of_server_merges_instructions_and_takes_functions_only()
    {
        foreach (var kind in Enum.GetValues<ModelServerKind>())
        {
            BridgeRules.For(kind).ShouldContain(BridgeRules.Instructions);
            BridgeRules.For(kind).ShouldContain(BridgeRules.FunctionsOnly);
        }
        BridgeRules.For(ModelServerKind.Ollama).ShouldContain(BridgeRules.Effort);
    }

    [Fact]
    public void Whatever_comes_in_the_rules_do_not_throw_are_idempotent_and_leave_no_developer_item()
    {
        Bodies.Sample(
            text =>
            {
                foreach (var kind in Enum.GetValues<ModelServerKind>())
                {
                    foreach (var model in (LocalModel[])[Thinking, Plain])
                    {
                        var body = JsonNode.Parse(text)!.AsObject();
                        BridgeRules.Apply(kind, body, model);
                        var once = body.ToJsonString();
                        BridgeRules.Apply(kind, body, model);
                        if (once != body.ToJsonString())
                        {
                            throw new InvalidOperationException($"Not idempotent: {text}\n{once}\n{body.ToJsonString()}");
                        }
                        if (
                            body["input"] is JsonArray input
                            && input.Any(item =>
                                item is JsonObject entry && IsMessage(entry) && Text(entry["role"]) is "developer" or "system"
                            )
                        )
                        {
                            throw new InvalidOperationException($"A developer item is left: {once}");
                        }
                        if (body["tools"] is JsonArray tools && tools.Any(tool => Text(tool?["type"]) != "function"))
                        {
                            throw new InvalidOperationException($"A tool of the server's is left: {once}");
                        }
                    }
                }
            },
            iter: 2000
        );
    }

    // Random trees made of the words that the rules look for, so that they are hit.
    private static readonly Gen<string> Word = OneOf(
        "type",
        "role",
        "content",
        "input",
        "output",
        "text",
        "tools",
        "tool_choice",
        "name",
        "arguments",
        "reasoning",
        "effort",
        "instructions",
        "action",
        "namespace",
        "x"
    );

    private static readonly Gen<string> Value = OneOf(
        "\"message\"",
        "\"developer\"",
        "\"system\"",
        "\"user\"",
        "\"function\"",
        "\"namespace\"",
        "\"function_call\"",
        "\"function_call_output\"",
        "\"custom_tool_call\"",
        "\"custom_tool_call_output\"",
        "\"local_shell_call\"",
        "\"reasoning\"",
        "\"input_text\"",
        "\"refusal\"",
        "\"input_image\"",
        "\"text\"",
        "\"web_search\"",
        "\"high\"",
        "\"{}\"",
        "\"\"",
        "1.5e300",
        "null",
        "true",
        "\"\\u00e9\\n\""
    );

    private static Gen<string> OneOf(params string[] words) => Gen.Int[0, words.Length - 1].Select(i => words[i]);

    private static Gen<string> Tree(int depth) =>
        depth == 0
            ? Value
            : Gen.Frequency(
                (2, Value),
                (2, Tree(depth - 1).Array[0, 4].Select(items => $"[{string.Join(',', items)}]")),
                (3, Object(depth))
            );

    private static Gen<string> Object(int depth) =>
        Gen.Select(Word, Tree(depth - 1))
            .Array[0, 5]
            .Select(pairs =>
                $"{{{string.Join(',', pairs.DistinctBy(pair => pair.Item1).Select(pair => $"\"{pair.Item1}\":{pair.Item2}"))}}}"
            );

    private static readonly Gen<string> Bodies = Gen.Select(
        Object(2).Array[0, 5],
        Object(1).Array[0, 4],
        Tree(2),
        Tree(1),
        (input, tools, choice, reasoning) =>
            $"{{\"input\":[{string.Join(',', input)}],\"tools\":[{string.Join(',', tools)}],\"tool_choice\":{choice},\"reasoning\":{reasoning}}}"
    );

    private static bool IsMessage(JsonObject item) => Text(item["type"]) == "message" || item["type"] is null;

    private static string? Text(JsonNode? node) => RequestGuard.AsText(node);

    private static JsonObject Apply(BridgeRule rule, string json, LocalModel? model = null)
    {
        var body = JsonNode.Parse(json)!.AsObject();
        rule.Apply(body, model ?? Thinking);
        return body;
    }

    private static JsonArray Items(string items) => Apply(BridgeRules.KnownItems, $$"""{"input":[{{items}}]}""")["input"]!.AsArray();
}
