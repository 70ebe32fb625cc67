using System.Buffers.Text;
using System.Text.Json;

namespace Codexctl.Auth;

/// <summary>
/// What the tokens of a login say about themselves. Their signatures are not checked: OpenAI does that, and nothing here is decided for
/// anybody else than the person whose tokens they are.
/// </summary>
public sealed record Jwt(DateTimeOffset? Expires, string? Email, string? Plan)
{
    /// <summary>Null when the text is no such token.</summary>
    public static Jwt? Read(string? token)
    {
        var parts = token?.Split('.');
        if (parts is not { Length: 3 })
        {
            return null;
        }
        try
        {
            using var claims = JsonDocument.Parse(Base64Url.DecodeFromChars(parts[1]));
            var root = claims.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                return null;
            }
            DateTimeOffset? expires =
                root.TryGetProperty("exp", out var exp)
                && exp.ValueKind == JsonValueKind.Number
                && exp.TryGetInt64(out var seconds)
                && seconds is > 0 and < 253_402_300_800
                    ? DateTimeOffset.FromUnixTimeSeconds(seconds)
                    : null;
            var plan =
                root.TryGetProperty("https://api.openai.com/auth", out var auth) && auth.ValueKind == JsonValueKind.Object
                    ? Text(auth, "chatgpt_plan_type")
                    : null;
            return new Jwt(expires, Text(root, "email"), plan);
        }
        catch (Exception error) when (error is FormatException or JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
