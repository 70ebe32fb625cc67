using System.Text.Json;

namespace Codexctl.Engines;

/// <summary>How engines' JSON is read: what is missing, or of another kind than expected, is none, and no error.</summary>
internal static class EngineJson
{
    public static JsonElement Child(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var child) ? child : default;

    public static string? Text(JsonElement element, string name) =>
        Child(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>The objects of a list.</summary>
    /// <param name="who">The engine, as a sentence begins with it.</param>
    /// <param name="check">The command by which a person looks at it alone.</param>
    /// <exception cref="UserError">It is no list.</exception>
    public static List<JsonElement> Elements(string json, string who, string check)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var list = document.RootElement;
            if (list.ValueKind != JsonValueKind.Array)
            {
                throw new JsonException("It is not a list.");
            }
            return [.. list.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.Object).Select(e => e.Clone())];
        }
        catch (JsonException error)
        {
            // On somebody's terminal nothing but text.
            var begin = string.Concat(json.Trim().Select(c => char.IsControl(c) ? ' ' : c));
            throw new UserError(
                $"{who} answered with something that is not the expected JSON.",
                begin.Length == 0 ? "It said nothing." : $"{error.Message} It began with: {begin[..Math.Min(80, begin.Length)]}",
                $"Check it by itself ({check}), or choose another engine with --engine."
            );
        }
    }

    public static Dictionary<string, string> Labels(JsonElement values)
    {
        var labels = new Dictionary<string, string>(StringComparer.Ordinal);
        if (values.ValueKind == JsonValueKind.Object)
        {
            foreach (var label in values.EnumerateObject().Where(label => label.Value.ValueKind == JsonValueKind.String))
            {
                labels[label.Name] = label.Value.GetString()!;
            }
        }
        return labels;
    }
}
