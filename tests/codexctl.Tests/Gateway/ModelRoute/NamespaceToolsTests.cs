using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Gateway.ModelRoute;
using Codexctl.ModelServers;

namespace Codexctl.Tests.Gateway.ModelRoute;

/// <summary>Tools of MCP servers: flat for the model server, with their namespace for Codex. The bodies are as Codex 0.169 sends them.</summary>
public class NamespaceToolsTests
{
    private const string Tiny =
        """{"type":"namespace","name":"mcp__tiny","description":"Tools in the mcp__tiny namespace.","tools":[{"type":"function","name":"add_up","description":"Adds","strict":false,"parameters":{"type":"object"}},{"type":"function","name":"word","parameters":{}}]}""";

    [Fact]
    public void Each_tool_of_a_namespace_is_a_function_in_its_place()
    {
        var body = Flattened($$"""{"tools":[{"type":"function","name":"first"},{{Tiny}},{"type":"function","name":"last"}]}""");

        Names(body).ShouldBe(["first", "mcp__tiny__add_up", "mcp__tiny__word", "last"]);
        body["tools"]![1]!
            .ToJsonString()
            .ShouldBe(
                """{"type":"function","name":"mcp__tiny__add_up","description":"Adds","strict":false,"parameters":{"type":"object"}}"""
            );
    }

    [Fact]
    public void Earlier_calls_get_the_same_name_also_when_their_server_is_gone()
    {
        const string Call = """{"type":"function_call","call_id":"c","name":"add_up","namespace":"mcp__tiny","arguments":"{}"}""";
        string[] bodies = [$$"""{"tools":[{{Tiny}}],"input":[{{Call}}]}""", $$"""{"input":[{{Call}}]}"""];
        foreach (var body in bodies.Select(Flattened))
        {
            body["input"]![0]!
                .ToJsonString()
                .ShouldBe("""{"type":"function_call","call_id":"c","name":"mcp__tiny__add_up","arguments":"{}"}""");
        }
    }

    [Fact]
    public void Two_tools_never_share_a_name()
    {
        var body = Flattened(
            """
            {"tools":[{"type":"function","name":"a__b"},{"type":"namespace","name":"a","tools":[{"type":"function","name":"b"}]},
             {"type":"namespace","name":"x","tools":[{"type":"function","name":"y__z"},{"type":"function","name":"y__z"}]},
             {"type":"namespace","name":"x__y","tools":[{"type":"function","name":"z"}]}]}
            """
        );

        var names = Names(body);
        names.Count.ShouldBe(4);
        names.ShouldBeUnique();
        names[0].ShouldBe("a__b");
    }

    [Theory]
    [InlineData("mcp__tiny", "a name with spaces and ünïcode 🙂")]
    [InlineData("mcp__a_server_with_a_name_that_goes_on_and_on_and_on", "and_a_tool_whose_name_does_so_too")]
    public void Names_are_such_that_the_strictest_server_takes_them_and_calls_find_back(string space, string name)
    {
        var json = new JsonObject
        {
            ["tools"] = new JsonArray(
                new JsonObject
                {
                    ["type"] = "namespace",
                    ["name"] = space,
                    ["tools"] = new JsonArray(new JsonObject { ["type"] = "function", ["name"] = name }),
                }
            ),
        }.ToJsonString();

        var flat = Names(Flattened(json)).ShouldHaveSingleItem();

        flat.Length.ShouldBeLessThanOrEqualTo(64);
        flat.ShouldAllBe(c => char.IsAsciiLetterOrDigit(c) || c == '_' || c == '-');
        var item = Restored(json, $$"""{"type":"function_call","name":"{{flat}}"}""");
        ((string?)item["namespace"], (string?)item["name"]).ShouldBe((space, name));
    }

    [Theory]
    [InlineData("""{"type":"namespace","name":"empty","tools":[]}""")]
    [InlineData("""{"type":"namespace","name":"none"}""")]
    [InlineData("""{"type":"namespace","tools":[{"type":"function","name":"x"}]}""")]
    [InlineData("""{"type":"namespace","name":"n","tools":[{"type":"web_search","name":"x"},5,null,{"type":"function"}]}""")]
    public void What_holds_no_function_offers_nothing(string tool)
    {
        var body = Flattened($$"""{"tools":[{{tool}}]}""");
        BridgeRules.FunctionsOnly.Apply(body, new("m"));
        body.ContainsKey("tools").ShouldBeFalse();
    }

    [Fact]
    public void Only_calls_of_such_tools_are_changed()
    {
        Restored($$"""{"tools":[{{Tiny}}]}""", """{"type":"function_call","name":"exec_command"}""")
            .ContainsKey("namespace")
            .ShouldBeFalse();
        var names = NamespaceTools.In(Parse($$"""{"tools":[{{Tiny}}]}"""));
        foreach (
            var one in (string[])
                [
                    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"function_call mcp__tiny__add_up\"}\n\n",
                    "data: {\"function_call\n\n",
                    ": function_call\n\n",
                    "data: [\"function_call\"]\n\n",
                ]
        )
        {
            Encoding.UTF8.GetString(names.Restore(Encoding.UTF8.GetBytes(one)).Span).ShouldBe(one);
        }
    }

    [Fact]
    public async Task A_call_comes_back_with_its_namespace_in_a_stream_and_in_a_whole_answer()
    {
        await using var host = await RouteHost.StartAsync();
        var turn = $$"""{"model":"gpt-oss:20b","stream":true,"tools":[{{Tiny}}],"input":[{"role":"user","content":"2+3?"}]}""";
        host.Ollama.OnResponses = async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            var stream = new FakeStream(context, "m");
            await stream.CallAsync("mcp__tiny__add_up", new JsonObject { ["a"] = "<ü>" });
            await stream.CompletedAsync(1, 1);
        };

        var events = await RouteHost.TextAsync(await host.PostAsync("/v1/responses", turn));

        host.Ollama.Responses.Last().Json["tools"]!.AsArray().Select(tool => (string?)tool!["name"]).ShouldContain("mcp__tiny__add_up");
        events.ShouldStartWith("event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\"");
        var item = JsonNode.Parse(events.Split('\n')[1]["data: ".Length..])!["item"]!;
        ((string?)item["namespace"], (string?)item["name"]).ShouldBe(("mcp__tiny", "add_up"));
        JsonNode.Parse((string)item["arguments"]!)!["a"]!.ToString().ShouldBe("<ü>");
        events.ShouldContain("response.completed");

        host.Ollama.OnResponses = async (context, _) =>
        {
            context.Response.ContentType = "application/json";
            await Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(
                context.Response,
                """{"output":[{"type":"function_call","name":"mcp__tiny__word"}]}"""
            );
        };
        (
            await RouteHost.TextAsync(await host.PostAsync("/v1/responses", turn.Replace("true", "false", StringComparison.Ordinal)))
        ).ShouldBe("""{"output":[{"type":"function_call","name":"word","namespace":"mcp__tiny"}]}""");
    }

    private static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    private static JsonObject Flattened(string json)
    {
        var body = Parse(json);
        NamespaceTools.Flatten(body);
        return body;
    }

    private static List<string> Names(JsonObject body) => [.. body["tools"]!.AsArray().Select(tool => (string)tool!["name"]!)];

    private static JsonObject Restored(string body, string item)
    {
        var one = Encoding.UTF8.GetBytes($"data: {{\"type\":\"response.output_item.done\",\"item\":{item}}}\n\n");
        var text = Encoding.UTF8.GetString(NamespaceTools.In(Parse(body)).Restore(one).Span);
        return Parse(text.Split('\n').First(line => line.StartsWith("data:", StringComparison.Ordinal))["data:".Length..])[
            "item"
        ]!.AsObject();
    }
}
