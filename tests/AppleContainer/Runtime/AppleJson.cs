using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>JSON as Apple's encoder prints it: keys sorted, slashes escaped, `"key" : value` when pretty.</summary>
internal static class AppleJson
{
    public static string Compact(JsonNode? node) => Write(node, pretty: false);

    /// <summary>Two spaces a level; an empty array is `[`, an empty line and `]`.</summary>
    public static string Pretty(JsonNode? node) => Write(node, pretty: true);

    public static string Date(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static JsonArray Array(IEnumerable<string> texts)
    {
        var array = new JsonArray();
        foreach (var text in texts)
        {
            array.Add((JsonNode?)JsonValue.Create(text));
        }
        return array;
    }

    private static string Write(JsonNode? node, bool pretty)
    {
        var text = new StringBuilder();
        Write(text, node, pretty, 0);
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonNode? node, bool pretty, int depth)
    {
        switch (node)
        {
            case null:
                text.Append("null");
                break;
            case JsonObject o:
                WriteMany(
                    text,
                    pretty,
                    depth,
                    '{',
                    '}',
                    [.. o.Where(p => p.Value is not null).OrderBy(p => p.Key, StringComparer.Ordinal)]
                );
                break;
            case JsonArray a:
                WriteMany(text, pretty, depth, '[', ']', [.. a.Select(item => new KeyValuePair<string, JsonNode?>("", item))]);
                break;
            default:
                if (node.GetValueKind() == JsonValueKind.String)
                {
                    WriteText(text, node.GetValue<string>());
                }
                else
                {
                    text.Append(node.ToJsonString());
                }
                break;
        }
    }

    private static void WriteMany(
        StringBuilder text,
        bool pretty,
        int depth,
        char open,
        char close,
        KeyValuePair<string, JsonNode?>[] items
    )
    {
        text.Append(open);
        for (var i = 0; i < items.Length; i++)
        {
            text.Append(i > 0 ? "," : "");
            NewLine(text, pretty, depth + 1);
            if (open == '{')
            {
                WriteText(text, items[i].Key);
                text.Append(pretty ? " : " : ":");
            }
            Write(text, items[i].Value, pretty, depth + 1);
        }
        if (items.Length == 0 && pretty)
        {
            text.Append('\n');
        }
        NewLine(text, pretty, depth);
        text.Append(close);
    }

    private static void NewLine(StringBuilder text, bool pretty, int depth)
    {
        if (pretty)
        {
            text.Append('\n').Append(' ', depth * 2);
        }
    }

    private static void WriteText(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '/' => text.Append("\\/"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                < ' ' => text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => text.Append(c),
            };
        }
        text.Append('"');
    }
}
