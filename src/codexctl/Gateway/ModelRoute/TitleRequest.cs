using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Models;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// The hidden request for a thread's title that Codex's screen sends beside the first turn. It cannot be switched off, and on
/// a machine with one model it would queue against the real turn and throw its cache away; a few words of the prompt do.
/// </summary>
internal static class TitleRequest
{
    public const int LongestTitle = 36;

    private const string Marker = "User prompt:\n";

    /// <param name="metadata">The header x-codex-turn-metadata, JSON; null where there is none.</param>
    public static bool Is(JsonObject body, string? metadata)
    {
        if (TurnMetadata.Field(metadata, "thread_source") is { } source)
        {
            return source is "thread_title";
        }
        var hasTools = body["tools"] is JsonArray { Count: > 0 };
        return !hasTools
            && (body["text"] as JsonObject)?["format"] is JsonObject format
            && RequestGuard.AsText(format["type"]) is "json_schema"
            && (format["schema"] as JsonObject)?["properties"] is JsonObject { Count: 1 } properties
            && properties.ContainsKey("title");
    }

    /// <summary>A title of at most 36 characters, cut between words, made from the person's prompt.</summary>
    public static string Title(JsonObject body)
    {
        var prompt = "";
        if (body["input"] is JsonArray { Count: > 0 } input && input[^1] is JsonObject last)
        {
            prompt =
                RequestGuard.AsText(last["content"])
                ?? string.Concat((last["content"] as JsonArray ?? []).Select(part => RequestGuard.AsText((part as JsonObject)?["text"])));
        }
        var marker = prompt.IndexOf(Marker, StringComparison.Ordinal);
        return Shorten(marker < 0 ? prompt : prompt[(marker + Marker.Length)..]);
    }

    internal static string Shorten(string prompt)
    {
        var title = new StringBuilder();
        foreach (var word in prompt.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (title.Length + 1 + word.Length > LongestTitle)
            {
                break;
            }
            title.Append(title.Length == 0 ? "" : " ").Append(word);
        }
        if (title.Length == 0)
        {
            // One long word, or none.
            foreach (var rune in prompt.Trim().EnumerateRunes())
            {
                if (Rune.IsWhiteSpace(rune) || title.Length + rune.Utf16SequenceLength > LongestTitle)
                {
                    break;
                }
                title.Append(rune.ToString());
            }
        }
        var text = title.ToString().TrimEnd('.', ',', ';', ':', '!', '?');
        return text.Length == 0 ? "New task" : text;
    }

    /// <summary>The whole answer as an event stream.</summary>
    public static string Answer(JsonObject body, string title)
    {
        var text = new JsonObject { ["title"] = title }.ToJsonString();
        return ResponseEvents.Message("resp_title", RequestGuard.AsText(body["model"]) ?? "", text);
    }
}

/// <summary>Reads the JSON header that Codex describes each request with.</summary>
internal static class TurnMetadata
{
    public const string Header = "x-codex-turn-metadata";

    public static string? Field(string? metadata, string name)
    {
        if (string.IsNullOrEmpty(metadata))
        {
            return null;
        }
        try
        {
            using var document = JsonDocument.Parse(metadata);
            return document.RootElement.Get(name)?.AsText();
        }
        catch (JsonException)
        {
            // A header of some other program: says nothing.
            return null;
        }
    }
}
