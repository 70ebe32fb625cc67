using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>A person's MCP server in the box: the real Codex offers its tools, and a local model calls them through the bridge.</summary>
public class McpTests
{
    // Enough of the protocol for Codex: a message a line.
    private const string Server = """
        #!/bin/bash
        while IFS= read -r line; do
            id=$(jq -c '.id // empty' <<<"$line")
            [ -n "$id" ] || continue
            case $(jq -r .method <<<"$line") in
            initialize) jq -c '{jsonrpc: "2.0", id, result: {protocolVersion: .params.protocolVersion, capabilities: {tools: {}}, serverInfo: {name: "tiny", version: "1"}}}' <<<"$line" ;;
            tools/list) jq -c '{jsonrpc: "2.0", id, result: {tools: [{name: "add-up", description: "Adds two numbers", inputSchema: {type: "object", properties: {a: {type: "number"}, b: {type: "number"}}, required: ["a", "b"]}}]}}' <<<"$line" ;;
            tools/call) jq -c '{jsonrpc: "2.0", id, result: {content: [{type: "text", text: ("the sum is " + (.params.arguments | .a + .b | tostring))}]}}' <<<"$line" ;;
            *) jq -c '{jsonrpc: "2.0", id, error: {code: -32601, message: "unknown"}}' <<<"$line" ;;
            esac
        done
        """;

    [Theory, BothEngines]
    public async Task A_local_model_calls_a_tool_of_an_mcp_server_and_gets_its_answer(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var settings = Directory.CreateDirectory(Path.Combine(scene.Work, ".codex")).FullName;
        await File.WriteAllTextAsync(Path.Combine(settings, "tiny.sh"), Server);
        // Required: else Codex asks the model before the server is up.
        await File.WriteAllTextAsync(
            Path.Combine(settings, "config.toml"),
            "[mcp_servers.my-tiny]\ncommand = \"bash\"\nargs = [\"/workdir/.codex/tiny.sh\"]\nrequired = true\n"
        );
        scene.Model.OnResponses = async (context, body) =>
        {
            context.Response.ContentType = "text/event-stream";
            var stream = new FakeStream(context, "gpt-oss:20b");
            await stream.CreatedAsync();
            var last = (JsonObject)body["input"]!.AsArray()[^1]!;
            if ((string?)last["type"] == "function_call_output")
            {
                await stream.MessageAsync($"It said: {last["output"]}");
            }
            else
            {
                await stream.CallAsync("mcp__my_tiny__add_up", new JsonObject { ["a"] = 19, ["b"] = 23 });
            }
            await stream.CompletedAsync(10, 5);
        };

        var outcome = await scene.RunAsync("run", "--", "exec", "add up 19 and 23");

        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldContain("the sum is 42");
        var requests = scene.Model.Responses.Select(request => request.Json).ToList();
        requests.Count.ShouldBe(2);
        foreach (var request in requests)
        {
            request["tools"]!.AsArray().ShouldAllBe(tool => (string?)tool!["type"] == "function");
            request["tools"]!
                .AsArray()
                .Count(tool => (string?)tool!["name"] == "mcp__my_tiny__add_up" && (string?)tool["description"] == "Adds two numbers")
                .ShouldBe(1);
        }
        // The model sees its own call under the name that it used.
        var call = requests[1]["input"]!.AsArray().Single(item => (string?)item!["type"] == "function_call")!.AsObject();
        ((string?)call["name"], call.ContainsKey("namespace")).ShouldBe(("mcp__my_tiny__add_up", false));
    }
}
