using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Models;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>One way in which Codex's request and a model server's expectation do not fit, and its mend.</summary>
/// <param name="Name">For tests and logs.</param>
/// <param name="Apply">Changes the body in place; doing it twice changes nothing more; never throws.</param>
internal sealed record BridgeRule(string Name, Action<JsonObject, LocalModel> Apply);

/// <summary>The rules of the model bridge: each small and pure, and one list for each kind of server.</summary>
internal static class BridgeRules
{
    // Relaxed: the result goes to a JSON parser, never into HTML.
    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Codex sends every instruction as a developer message. Ollama's templates drop those, others refuse more than one: all
    /// of them take one `instructions` text.
    /// </summary>
    public static BridgeRule Instructions { get; } = new("instructions", (body, _) => MergeInstructions(body));

    /// <summary>The tools of MCP servers come in namespaces, which no local server can take or give back.</summary>
    public static BridgeRule Namespaces { get; } = new("namespaces", (body, _) => NamespaceTools.Flatten(body));

    /// <summary>Only functions: other tools are run by the server itself (some at the vendor's), or not understood.</summary>
    public static BridgeRule FunctionsOnly { get; } = new("functions-only", (body, _) => KeepFunctions(body));

    /// <summary>Items of the conversation that the server would answer with 400 become ones that it takes, or go.</summary>
    public static BridgeRule KnownItems { get; } = new("known-items", (body, _) => ConvertItems(body));

    /// <summary>Effort is an error for a model that does not think, and only some words for it are understood by every version.</summary>
    public static BridgeRule Effort { get; } = new("effort", FitEffort);

    public static IReadOnlyList<BridgeRule> For(ModelServerKind kind) =>
        kind switch
        {
            ModelServerKind.Ollama => [KnownItems, Namespaces, FunctionsOnly, Instructions, Effort],
            // Takes developer messages, but the templates of many models refuse the second one.
            ModelServerKind.LlamaCpp => [KnownItems, Namespaces, FunctionsOnly, Instructions],
            ModelServerKind.LmStudio => [KnownItems, Namespaces, FunctionsOnly, Instructions, Effort],
            ModelServerKind.Vllm => [KnownItems, Namespaces, FunctionsOnly, Instructions],
            _ => [KnownItems, Namespaces, FunctionsOnly, Instructions],
        };

    public static void Apply(ModelServerKind kind, JsonObject body, LocalModel model)
    {
        foreach (var rule in For(kind))
        {
            rule.Apply(body, model);
        }
    }

    private static void MergeInstructions(JsonObject body)
    {
        if (body["input"] is not JsonArray input)
        {
            return;
        }
        var texts = new List<string>();
        for (var i = 0; i < input.Count; )
        {
            if (input[i] is JsonObject item && IsMessage(item) && RequestGuard.AsText(item["role"]) is "developer" or "system")
            {
                texts.Add(TextOf(((JsonObject)input[i]!)["content"]));
                input.RemoveAt(i);
            }
            else
            {
                i++;
            }
        }
        if (texts.Count > 0)
        {
            texts.Insert(0, RequestGuard.AsText(body["instructions"]) ?? "");
            body["instructions"] = string.Join("\n\n", texts.Where(text => text.Length > 0));
        }
    }

    private static void KeepFunctions(JsonObject body)
    {
        if (body["tools"] is { } offered)
        {
            var tools = offered as JsonArray ?? [];
            for (var i = tools.Count - 1; i >= 0; i--)
            {
                if (tools[i] is not JsonObject tool || RequestGuard.AsText(tool["type"]) is not "function")
                {
                    tools.RemoveAt(i);
                }
            }
            if (tools.Count == 0)
            {
                body.Remove("tools");
            }
        }
        if (body["tools"] is not JsonArray left)
        {
            body.Remove("tool_choice");
            body.Remove("parallel_tool_calls");
            return;
        }
        // A choice of a tool that is not there any more.
        if (body["tool_choice"] is JsonObject choice)
        {
            var name = RequestGuard.AsText(choice["name"]);
            var there =
                RequestGuard.AsText(choice["type"]) is "function"
                && left.Any(tool =>
                    tool is JsonObject entry
                    && name is not null
                    && string.Equals(RequestGuard.AsText(entry["name"]), name, StringComparison.Ordinal)
                );
            if (!there)
            {
                body["tool_choice"] = "auto";
            }
        }
    }

    private static void ConvertItems(JsonObject body)
    {
        if (body["input"] is not JsonArray input)
        {
            return;
        }
        for (var i = input.Count - 1; i >= 0; i--)
        {
            if (input[i] is not JsonObject item || !ConvertItem(item))
            {
                input.RemoveAt(i);
            }
        }
    }

    /// <returns>False when the item has to go.</returns>
    private static bool ConvertItem(JsonObject item)
    {
        if (IsMessage(item))
        {
            KeepKnownParts(item, "content");
            return true;
        }
        switch (RequestGuard.AsText(item["type"]))
        {
            case "function_call":
                item["arguments"] = AsArguments(item["arguments"]);
                return true;
            case "custom_tool_call":
                item["type"] = "function_call";
                item["arguments"] = AsArguments(item["input"]);
                item.Remove("input");
                return true;
            case "local_shell_call":
                item["type"] = "function_call";
                item["name"] = "local_shell";
                item["arguments"] = AsArguments(item["action"]);
                item.Remove("action");
                return true;
            case "custom_tool_call_output" or "local_shell_call_output":
                item["type"] = "function_call_output";
                FitOutput(item);
                return true;
            case "function_call_output":
                FitOutput(item);
                return true;
            case "reasoning":
                return true;
            default:
                return false;
        }
    }

    // Older servers take a text only; newer ones also a list, which is kept where there is a picture in it.
    private static void FitOutput(JsonObject item)
    {
        KeepKnownParts(item, "output");
        if (item["output"] is JsonArray parts && parts.All(part => RequestGuard.AsText((part as JsonObject)?["type"]) is not "input_image"))
        {
            item["output"] = TextOf(parts);
        }
        else if (item["output"] is not (JsonArray or null) && RequestGuard.AsText(item["output"]) is null)
        {
            item["output"] = item["output"]!.ToJsonString(Plain);
        }
    }

    private static void KeepKnownParts(JsonObject item, string name)
    {
        if (item[name] is not JsonArray parts)
        {
            return;
        }
        for (var i = parts.Count - 1; i >= 0; i--)
        {
            var part = parts[i] as JsonObject;
            switch (RequestGuard.AsText(part?["type"]))
            {
                case "input_text" or "output_text" or "input_image":
                    break;
                case "refusal":
                    parts[i] = new JsonObject { ["type"] = "output_text", ["text"] = RequestGuard.AsText(part!["refusal"]) ?? "" };
                    break;
                case "text" or "summary_text" or "reasoning_text":
                    part!["type"] = "input_text";
                    break;
                default:
                    parts.RemoveAt(i);
                    break;
            }
        }
    }

    /// <summary>Arguments are a text that holds a JSON object; anything else is put into one.</summary>
    private static string AsArguments(JsonNode? node)
    {
        if (node is JsonObject already)
        {
            return already.ToJsonString(Plain);
        }
        var text = RequestGuard.AsText(node) ?? node?.ToJsonString(Plain) ?? "";
        if (text.Length == 0)
        {
            return "{}";
        }
        try
        {
            if (JsonNode.Parse(text) is JsonObject)
            {
                return text;
            }
        }
        catch (JsonException)
        {
            // A model's own slip, or free text: wrapped below, so that the conversation can go on.
        }
        return new JsonObject { ["input"] = text }.ToJsonString(Plain);
    }

    private static void FitEffort(JsonObject body, LocalModel model)
    {
        if (body["reasoning"] is not JsonObject reasoning || reasoning["effort"] is not { } given)
        {
            return;
        }
        // Unknown capabilities: what the person set is not taken away.
        var fitting = model.Can("thinking") == false ? null : Fitting(RequestGuard.AsText(given));
        if (fitting is not null)
        {
            reasoning["effort"] = fitting;
            return;
        }
        reasoning.Remove("effort");
        if (reasoning.Count == 0)
        {
            body.Remove("reasoning");
        }
    }

    private static string? Fitting(string? effort) =>
        effort switch
        {
            "none" or "low" or "medium" or "high" => effort,
            "minimal" => "low",
            "xhigh" or "max" or "ultra" => "high",
            _ => null,
        };

    private static bool IsMessage(JsonObject item) =>
        RequestGuard.AsText(item["type"]) is "message" || (item["type"] is null && RequestGuard.AsText(item["role"]) is { Length: > 0 });

    private static string TextOf(JsonNode? content)
    {
        if (RequestGuard.AsText(content) is { } text)
        {
            return text;
        }
        var joined = new StringBuilder();
        foreach (var part in content as JsonArray ?? [])
        {
            joined.Append(RequestGuard.AsText((part as JsonObject)?["text"]));
        }
        return joined.ToString();
    }
}
