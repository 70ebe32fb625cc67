using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.Gateway.Recording;

/// <summary>Takes secrets out of headers and JSON bodies before they are written down.</summary>
internal static class BodyRedaction
{
    /// <summary>Names of fields whose text is a secret whatever it looks like; without case, hyphens and underscores.</summary>
    private static readonly HashSet<string> _secretNames = new(StringComparer.OrdinalIgnoreCase)
    {
        "authorization",
        "proxyauthorization",
        "cookie",
        "setcookie",
        "apikey",
        "xapikey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authtoken",
        "sessiontoken",
        "bearertoken",
        "secret",
        "clientsecret",
        "password",
        "passwd",
        "passphrase",
        "privatekey",
        "accesskey",
        "secretkey",
        "secretaccesskey",
    };

    /// <summary>Names of requests, items and calls: long and random, and needed to tell what belongs together.</summary>
    private static readonly HashSet<string> _names = new(StringComparer.Ordinal)
    {
        "id",
        "item_id",
        "call_id",
        "tool_call_id",
        "response_id",
        "previous_response_id",
        "prompt_cache_key",
        "session_id",
        "session-id",
        "thread_id",
        "thread-id",
        "turn_id",
        "x-client-request-id",
        "x-codex-window-id",
    };

    /// <summary>Parts of the names of headers that hold what gives access, whoever made the name up: X-Goog-Api-Key, Private-Token, X-Vault-Token.</summary>
    private static readonly string[] _secretHeaders =
    [
        "authorization",
        "cookie",
        "token",
        "key",
        "secret",
        "password",
        "credential",
        "signature",
    ];

    public static KeyValuePair<string, string> Header(string name, string value)
    {
        if (value.Length == 0 || name.Equals("sec-websocket-key", StringComparison.OrdinalIgnoreCase))
        {
            // The latter is a random number of the handshake.
            return new(name, value);
        }
        return _secretHeaders.Any(part => name.Contains(part, StringComparison.OrdinalIgnoreCase))
            ? new(name, Redaction.Mask)
            : new(name, Value(name, value));
    }

    /// <summary>JSON without secrets; text that is no JSON likewise.</summary>
    public static BodyData Body(ReadOnlyMemory<byte> bytes)
    {
        if (Parse(bytes) is { } json)
        {
            return new BodyData(Clean(json), null);
        }
        return new BodyData(null, Secrets.Hide(System.Text.Encoding.UTF8.GetString(bytes.Span)));
    }

    /// <summary>Null for what is no JSON object or array.</summary>
    public static JsonNode? Parse(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            // Two fields of one name make no JSON that could be changed safely; it is kept as text.
            var options = new JsonDocumentOptions { MaxDepth = RecordLine.Depth - 10, AllowDuplicateProperties = false };
            var node = JsonNode.Parse(ReadableJson.From(bytes), null, options);
            return node is JsonObject or JsonArray ? node : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Changes the node in place; returns it, or what stands for it.</summary>
    public static JsonNode? Clean(JsonNode? node, string name = "")
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var (key, value) in fields.ToList())
                {
                    var clean = Clean(value, key);
                    var cleanKey = Secrets.Hide(key);
                    if (cleanKey != key)
                    {
                        fields.Remove(key);
                        fields[cleanKey] = clean?.DeepClone();
                    }
                    else if (!ReferenceEquals(clean, value))
                    {
                        fields[key] = clean;
                    }
                }
                return fields;
            case JsonArray items:
                for (var i = 0; i < items.Count; i++)
                {
                    var clean = Clean(items[i], name);
                    if (!ReferenceEquals(clean, items[i]))
                    {
                        items[i] = clean;
                    }
                }
                return items;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                var text = value.GetValue<string>();
                var hidden = Value(name, text);
                return ReferenceEquals(hidden, text) ? value : JsonValue.Create(hidden);
            default:
                return node;
        }
    }

    /// <summary>A field such as `gitlab_token` with something in it that is no word. A model's `token` is a piece of what it says.</summary>
    private static bool IsSecretByName(string name, string text) =>
        text.Length is >= 12 and <= 4096
        && _endings.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase))
        && !_names.Contains(name)
        && text.Any(char.IsAsciiDigit)
        && text.Any(char.IsAsciiLetter)
        && !text.Any(char.IsWhiteSpace);

    private static readonly string[] _endings = ["token", "key", "secret", "credential", "credentials", "password"];

    private static string Value(string name, string text)
    {
        if (text.Length == 0)
        {
            return text;
        }
        if (_secretNames.Contains(name.Replace("-", "", StringComparison.Ordinal).Replace("_", "", StringComparison.Ordinal)))
        {
            return Redaction.Mask;
        }
        if (name is "images" && text.Length > 64 && !text.Contains("://", StringComparison.Ordinal))
        {
            // Ollama's pictures, without a word before them.
            return Redaction.Mask;
        }
        if (IsSecretByName(name, text))
        {
            return Redaction.Mask;
        }
        if (_names.Contains(name))
        {
            return Redaction.IsKnownToken(text) ? Redaction.Mask : text;
        }
        if (
            text.StartsWith("data:", StringComparison.Ordinal)
            && text.IndexOf(";base64,", StringComparison.Ordinal) is > 0 and < 100 and var at
        )
        {
            // A picture is megabytes of what looks like one long token.
            return $"{text[..at]};base64,{Redaction.Mask}";
        }
        return Secrets.Hide(text);
    }
}
