using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// Codex offers the tools of an MCP server as one tool of the kind `namespace` with functions in it, and takes a call back only with the
/// namespace beside the function's name. Local servers know plain functions: each gets one name out of both, and calls of it are told apart again.
/// </summary>
internal sealed class NamespaceTools
{
    /// <summary>What the strictest servers take.</summary>
    private const int LongestName = 64;

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Dictionary<string, (string Space, string Name)> _byFlat = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Space, string Name), string> _flat = [];

    private NamespaceTools() { }

    /// <summary>The names for what a request offers; none where it offers no namespace.</summary>
    public static NamespaceTools In(JsonObject body)
    {
        var found = new NamespaceTools();
        if (body["tools"] is not JsonArray tools)
        {
            return found;
        }
        HashSet<string>? plain = null;
        foreach (var (space, function) in tools.SelectMany(FunctionsOf))
        {
            plain ??= tools
                .OfType<JsonObject>()
                .Where(tool => RequestGuard.AsText(tool["type"]) is "function")
                .Select(tool => RequestGuard.AsText(tool["name"]) ?? "")
                .ToHashSet(StringComparer.Ordinal);
            var key = (space, RequestGuard.AsText(function["name"])!);
            if (found._flat.ContainsKey(key))
            {
                continue;
            }
            var flat = Joined(key);
            if (plain.Contains(flat) || found._byFlat.ContainsKey(flat))
            {
                flat = Hashed(key);
            }
            found._flat[key] = flat;
            found._byFlat[flat] = key;
        }
        return found;
    }

    /// <summary>Namespaces become the functions in them, here and in the calls of earlier turns.</summary>
    public static void Flatten(JsonObject body)
    {
        var names = In(body);
        if (names._flat.Count > 0)
        {
            var tools = (JsonArray)body["tools"]!;
            var offered = new HashSet<string>(StringComparer.Ordinal);
            for (var i = 0; i < tools.Count; i++)
            {
                var functions = FunctionsOf(tools[i]).ToList();
                if (functions.Count == 0)
                {
                    continue;
                }
                tools.RemoveAt(i);
                foreach (var (space, function) in functions)
                {
                    var flat = names._flat[(space, RequestGuard.AsText(function["name"])!)];
                    if (offered.Add(flat))
                    {
                        var copy = (JsonObject)function.DeepClone();
                        copy["name"] = flat;
                        tools.Insert(i++, copy);
                    }
                }
                i--;
            }
        }
        foreach (var item in (body["input"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (
                RequestGuard.AsText(item["type"]) is "function_call"
                && RequestGuard.AsText(item["namespace"]) is { } space
                && RequestGuard.AsText(item["name"]) is { } name
            )
            {
                // A server that is not offered any more is still part of the conversation.
                item["name"] = names._flat.GetValueOrDefault((space, name)) ?? Joined((space, name));
                item.Remove("namespace");
            }
        }
    }

    /// <summary>An event of an answer as Codex takes it: calls have their namespace again. The same bytes where nothing is to be done.</summary>
    public ReadOnlyMemory<byte> Restore(ReadOnlyMemory<byte> one)
    {
        if (_byFlat.Count == 0 || one.Span.IndexOf("function_call"u8) < 0)
        {
            return one;
        }
        try
        {
            if (JsonNode.Parse(StreamEvent.Data(one.Span).Span) is not JsonObject data)
            {
                return one;
            }
            // Both, not the first that has something to do.
            var changed = Restore(data["item"]);
            changed |= RestoreAll(data["response"] as JsonObject);
            return changed && RequestGuard.AsText(data["type"]) is { } type
                ? Encoding.UTF8.GetBytes($"event: {type}\ndata: {data.ToJsonString(Plain)}\n\n")
                : one;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            // Not JSON, or not such that it means one thing: the client decides.
            return one;
        }
    }

    /// <summary>The same for an answer that comes as a whole.</summary>
    public byte[] RestoreWhole(byte[] answer)
    {
        if (_byFlat.Count == 0)
        {
            return answer;
        }
        try
        {
            return JsonNode.Parse(answer) is JsonObject response && RestoreAll(response)
                ? Encoding.UTF8.GetBytes(response.ToJsonString(Plain))
                : answer;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            return answer;
        }
    }

    private bool RestoreAll(JsonObject? response)
    {
        var changed = false;
        foreach (var item in response?["output"] as JsonArray ?? [])
        {
            changed |= Restore(item);
        }
        return changed;
    }

    private bool Restore(JsonNode? node)
    {
        if (
            node is not JsonObject item
            || RequestGuard.AsText(item["type"]) is not "function_call"
            || RequestGuard.AsText(item["name"]) is not { } flat
            || !_byFlat.TryGetValue(flat, out var key)
        )
        {
            return false;
        }
        item["name"] = key.Name;
        item["namespace"] = key.Space;
        return true;
    }

    private static IEnumerable<(string Space, JsonObject Function)> FunctionsOf(JsonNode? tool)
    {
        if (
            tool is not JsonObject entry
            || RequestGuard.AsText(entry["type"]) is not "namespace"
            || RequestGuard.AsText(entry["name"]) is not { Length: > 0 } space
            || entry["tools"] is not JsonArray inside
        )
        {
            yield break;
        }
        foreach (var function in inside.OfType<JsonObject>())
        {
            if (RequestGuard.AsText(function["type"]) is "function" && RequestGuard.AsText(function["name"]) is { Length: > 0 })
            {
                yield return (space, function);
            }
        }
    }

    private static string Joined((string Space, string Name) key)
    {
        var joined = $"{key.Space}__{key.Name}";
        return joined.Length <= LongestName && joined.All(IsUsual) ? joined : Hashed(key);
    }

    /// <summary>
    /// For names that are taken, or that the strictest servers would not take: the same in every turn, or the model would not know its own calls
    /// again.
    /// </summary>
    private static string Hashed((string Space, string Name) key)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{key.Space}\0{key.Name}")))[..8];
        var usual = $"{key.Space}__{key.Name}".Select(c => IsUsual(c) ? c : '_').Take(LongestName - hash.Length - 1);
        return $"{string.Concat(usual)}_{hash}";
    }

    private static bool IsUsual(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-';
}
