using System.Text.Json;

namespace Codexctl.Models;

/// <summary>Reads what other people's servers say without falling over what they leave out.</summary>
internal static class JsonReading
{
    public static JsonElement? Get(this JsonElement element, string name)
    {
        try
        {
            return
                element.ValueKind == JsonValueKind.Object
                && element.TryGetProperty(name, out var value)
                && value.ValueKind != JsonValueKind.Null
                ? value
                : null;
        }
        catch (InvalidOperationException)
        {
            // Half of an emoji among the names.
            return null;
        }
    }

    public static string? Text(this JsonElement element, string name) => element.Get(name)?.AsText() is { Length: > 0 } text ? text : null;

    /// <summary>A string; null for what is none, and for one that .NET cannot read (half of an emoji, bytes that are no UTF-8).</summary>
    public static string? AsText(this JsonElement element)
    {
        try
        {
            return element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    public static long? Number(this JsonElement element, string name) =>
        element.Get(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) ? number : null;

    public static IEnumerable<JsonElement> Items(this JsonElement element, string name) =>
        element.Get(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : [];

    public static IReadOnlyList<string>? Texts(this JsonElement element, string name) =>
        element.Get(name) is { ValueKind: JsonValueKind.Array } value ? [.. value.EnumerateArray().Select(AsText).OfType<string>()] : null;
}
