using System.Text.Json;

namespace Codexctl.Engines;

/// <summary>How engines' JSON is read: what is missing, or of another kind than expected, is none, and no error.</summary>
internal static class EngineJson
{
    public static JsonElement Child(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var child) ? child : default;

    public static string? Text(JsonElement element, string name) =>
        Child(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

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
