using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Codexctl.Auth;

/// <summary>
/// Changes single values of a JSON document where they stand, so that everything else stays as it is, byte for byte: a field that we do not
/// know is not ours to lose.
/// </summary>
internal static class JsonEdit
{
    /// <summary>Replaces each string or null for which <paramref name="choose"/> gives a text.</summary>
    /// <param name="choose">Gets the names on the way to the value, joined by dots (`tokens.access_token`).</param>
    public static byte[] Replace(ReadOnlySpan<byte> json, Func<string, string?> choose)
    {
        using var output = new MemoryStream(json.Length + 256);
        var copied = 0;
        foreach (var (path, start, end) in Values(json))
        {
            if (choose(path) is { } text)
            {
                output.Write(json[copied..start]);
                output.Write(Quote(text));
                copied = end;
            }
        }
        output.Write(json[copied..]);
        return output.ToArray();
    }

    /// <summary>Adds a member at the beginning of an object ("" for the document itself).</summary>
    public static byte[] Insert(ReadOnlySpan<byte> json, string path, string name, string value)
    {
        var reader = new Utf8JsonReader(json);
        var names = new Stack<string>();
        var current = "";
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    current = reader.GetString()!;
                    break;
                case JsonTokenType.StartObject:
                    names.Push(current);
                    if (string.Equals(string.Join('.', names.Reverse().Skip(1)), path, StringComparison.Ordinal))
                    {
                        var at = (int)reader.TokenStartIndex + 1;
                        reader.Read();
                        var comma = reader.TokenType == JsonTokenType.EndObject ? "" : ",";
                        return [.. json[..at], .. Quote(name), (byte)':', .. Quote(value), .. Encoding.UTF8.GetBytes(comma), .. json[at..]];
                    }
                    break;
                case JsonTokenType.StartArray:
                    names.Push(current);
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    names.Pop();
                    break;
            }
        }
        throw new ArgumentException($"There is no object '{path}' in the document.", nameof(path));
    }

    /// <summary>All strings and nulls that are members of objects: their path, and where they begin and end.</summary>
    private static List<(string Path, int Start, int End)> Values(ReadOnlySpan<byte> json)
    {
        var found = new List<(string, int, int)>();
        var names = new Stack<string>();
        var current = "";
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    current = reader.GetString()!;
                    break;
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    names.Push(current);
                    current = "";
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    names.Pop();
                    current = "";
                    break;
                case JsonTokenType.String or JsonTokenType.Null when current.Length > 0:
                    // The outermost object has no name.
                    var path = string.Join('.', names.Reverse().Skip(1).Append(current));
                    found.Add((path, (int)reader.TokenStartIndex, (int)reader.BytesConsumed));
                    current = "";
                    break;
            }
        }
        return found;
    }

    private static byte[] Quote(string text) =>
        [(byte)'"', .. JavaScriptEncoder.UnsafeRelaxedJsonEscaping.EncodeUtf8Bytes(text), (byte)'"'];

    private static byte[] EncodeUtf8Bytes(this JavaScriptEncoder encoder, string text) => Encoding.UTF8.GetBytes(encoder.Encode(text));
}
