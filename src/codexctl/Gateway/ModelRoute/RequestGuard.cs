using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>A request that is refused for what its body says.</summary>
/// <param name="status">400 where it cannot be read, 403 where it would leave the machine.</param>
internal sealed class RefusedException(int status, string message) : Exception(message)
{
    public int Status { get; } = status;
}

/// <summary>
/// Reads request bodies so that nobody upstream can read them differently. The servers' parsers disagree about names that
/// occur twice and about upper and lower case (Go's takes "Model" for "model", and the last one wins), so both are refused
/// where they would matter; then what leads off the machine is refused.
/// </summary>
internal static class RequestGuard
{
    private const string NotUnicode = "The body of the request holds text that is not Unicode.";

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 512 };

    // Names that decide which model runs, where, and with what.
    private static readonly FrozenSet<string> TopNames = FrozenSet.Create(
        StringComparer.Ordinal,
        "model",
        "name",
        "input",
        "messages",
        "prompt",
        "instructions",
        "tools",
        "tool_choice",
        "images",
        "stream",
        "reasoning",
        "options"
    );

    private static readonly FrozenSet<string> InnerNames = FrozenSet.Create(
        StringComparer.Ordinal,
        "type",
        "role",
        "content",
        "tools",
        "function",
        "url",
        "image_url",
        "video_url",
        "audio_url",
        "file_url"
    );

    private static readonly FrozenSet<string> Links = FrozenSet.Create(
        StringComparer.Ordinal,
        "image_url",
        "video_url",
        "audio_url",
        "file_url"
    );

    // Not part of any request that runs a model.
    private static readonly FrozenSet<string> WaysOut = FrozenSet.Create(
        StringComparer.Ordinal,
        "remote_host",
        "remote_model",
        "from",
        "modelfile",
        "files",
        "adapters",
        "web_search_options"
    );

    // Free-form inside: schemas of tools may name their properties as they like.
    private static readonly FrozenSet<string> Opaque = FrozenSet.Create(
        StringComparer.Ordinal,
        "parameters",
        "schema",
        "format",
        "response_format",
        "text",
        "arguments",
        "metadata",
        "client_metadata",
        "options"
    );

    /// <summary>The body as an object in which every name means one thing. It reads from the bytes for as long as it is used; nothing is copied.</summary>
    /// <exception cref="RefusedException">It is no such object, or it would lead off the machine.</exception>
    public static JsonObject Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            RefuseBrokenText(body.Span);
            // Not disposed: the object lives on what the document knows.
            var document = JsonDocument.Parse(body, Strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object || JsonObject.Create(document.RootElement) is not { } root)
            {
                throw new RefusedException(400, "The body of the request is not a JSON object.");
            }
            foreach (var (name, _) in root)
            {
                var folded = Fold(name);
                if (WaysOut.Contains(folded))
                {
                    throw new RefusedException(403, $"codexctl refuses \"{folded}\" in a request: it leads off this machine.");
                }
                RefuseVariant(name, folded, TopNames);
            }
            foreach (var (name, value) in root)
            {
                if (!Opaque.Contains(name))
                {
                    Walk(value);
                }
            }
            return root;
        }
        catch (JsonException)
        {
            throw new RefusedException(
                400,
                "The body of the request is not JSON that means one thing: it is broken, or a name occurs twice."
            );
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair.
            throw new RefusedException(400, NotUnicode);
        }
    }

    /// <summary>The model that a body names.</summary>
    public static string ModelOf(JsonObject body, bool nameToo = false)
    {
        var node = body["model"] ?? (nameToo ? body["name"] : null);
        return AsText(node) is { Length: > 0 } model ? model : throw new RefusedException(400, "The request names no model.");
    }

    /// <summary>Outside the Responses API tools are not rewritten: one that is not a function is refused.</summary>
    public static void RefuseServerTools(JsonObject body)
    {
        switch (body["tools"])
        {
            case null:
                return;
            case JsonArray tools:
                foreach (var tool in tools)
                {
                    if (
                        tool is not JsonObject entry
                        || AsText(entry["type"]) is not ("function" or null)
                        || entry["type"] is not (null or JsonValue)
                    )
                    {
                        throw new RefusedException(
                            403,
                            "codexctl refuses tools that the server would run itself; only functions may pass."
                        );
                    }
                }
                return;
            default:
                throw new RefusedException(400, "\"tools\" is not a list.");
        }
    }

    public static string? AsText(JsonNode? node) =>
        node is JsonValue value && value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : null;

    /// <summary>As Go folds names: lower case, and the two letters outside ASCII whose capital or small form is inside.</summary>
    internal static string Fold(string name)
    {
        var folded = new StringBuilder(name.Length);
        foreach (var c in name)
        {
            folded.Append(
                c switch
                {
                    'ſ' => 's',
                    '\u212A' => 'k',
                    _ => char.ToLowerInvariant(c),
                }
            );
        }
        return folded.ToString();
    }

    // Servers repair broken text each in its own way; and it would only be noticed later, where it is read.
    private static void RefuseBrokenText(ReadOnlySpan<byte> body)
    {
        if (!Utf8.IsValid(body))
        {
            throw new RefusedException(400, NotUnicode);
        }
        // One letter is looked for much faster than two, and large bodies have pictures in them, which hold none.
        var first = body.IndexOf((byte)'\\');
        if (first < 0 || (body[first..].IndexOf("\\ud"u8) < 0 && body[first..].IndexOf("\\uD"u8) < 0))
        {
            return;
        }
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = Strict.MaxDepth });
        while (reader.Read())
        {
            if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
            {
                _ = reader.GetString();
            }
        }
    }

    private static void RefuseVariant(string name, string folded, FrozenSet<string> names)
    {
        if (names.Contains(folded) && !string.Equals(name, folded, StringComparison.Ordinal))
        {
            throw new RefusedException(
                400,
                $"The body of the request spells \"{folded}\" in another case: servers disagree about what that means."
            );
        }
    }

    private static void Walk(JsonNode? node)
    {
        switch (node)
        {
            case JsonArray array:
                foreach (var item in array)
                {
                    Walk(item);
                }
                break;
            case JsonObject entry:
                foreach (var (name, value) in entry)
                {
                    RefuseVariant(name, Fold(name), InnerNames);
                    if (Links.Contains(name))
                    {
                        RefuseLink(value);
                    }
                    else if (!Opaque.Contains(name))
                    {
                        Walk(value);
                    }
                }
                break;
        }
    }

    // Some servers fetch pictures and files from anywhere, local files included.
    private static void RefuseLink(JsonNode? value)
    {
        var link = AsText(value) ?? (value is JsonObject entry ? AsText(entry["url"]) : null);
        var inside = value is null || link?.StartsWith("data:", StringComparison.Ordinal) == true;
        if (value is JsonObject other)
        {
            foreach (var (name, _) in other)
            {
                RefuseVariant(name, Fold(name), InnerNames);
            }
        }
        if (!inside)
        {
            throw new RefusedException(403, "codexctl refuses pictures and files by address; only data: ones stay on this machine.");
        }
    }
}
