using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Codexctl.Auth;

public enum LoginKind
{
    /// <summary>Nothing that OpenAI would accept for long: no refresh token, no key.</summary>
    None,

    /// <summary>An account, by tokens that are renewed with a refresh token.</summary>
    ChatGpt,
    ApiKey,
}

/// <summary>
/// Codex's auth.json. Kept as the bytes that it came in: what we do not know in it is passed on unchanged. Its text form shows no secret.
/// </summary>
public sealed partial class AuthDocument
{
    /// <summary>Real ones have 5 kB. Bytes.</summary>
    public const int Largest = 256 * 1024;

    private static readonly string[] _known =
    [
        "auth_mode",
        "OPENAI_API_KEY",
        "tokens",
        "tokens.id_token",
        "tokens.access_token",
        "tokens.account_id",
        "tokens.oauth_provenance",
        "tokens.oauth_provenance.issuer",
        "tokens.oauth_provenance.client_id",
        "last_refresh",
    ];

    private readonly byte[] _bytes;
    private readonly Dictionary<string, string> _texts;

    private AuthDocument(byte[] bytes, Dictionary<string, string> texts) => (_bytes, _texts) = (bytes, texts);

    public ReadOnlyMemory<byte> Bytes => _bytes;

    public string? Mode => Text("auth_mode");

    public string? ApiKey => Text("OPENAI_API_KEY");

    /// <summary>Under `tokens`, or at the top as older ones have it.</summary>
    public string? RefreshToken => Text("tokens.refresh_token") ?? Text("refresh_token");

    public string? AccessToken => Text("tokens.access_token") ?? Text("access_token");

    public string? IdToken => Text("tokens.id_token");

    public string? AccountId => Text("tokens.account_id");

    /// <summary>Who gave the tokens, and to which client; older documents do not say, and then it was OpenAI to Codex.</summary>
    public (string Issuer, string Client) IssuedBy =>
        (
            (Text("tokens.oauth_provenance.issuer") ?? "https://auth.openai.com").TrimEnd('/'),
            Text("tokens.oauth_provenance.client_id") ?? "app_EMoamEEZ73f0CkXaXp7hrann"
        );

    /// <summary>
    /// Null where none is told or it is no time of ISO 8601. The parser alone would take `12:00` for today's noon, and the agent can write that.
    /// </summary>
    public DateTimeOffset? LastRefresh =>
        Text("last_refresh") is { } text
        && IsoTime().IsMatch(text)
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : null;

    public LoginKind Kind =>
        RefreshToken is not null && Mode is not "apikey" ? LoginKind.ChatGpt
        : ApiKey is not null && Mode is null or "apikey" ? LoginKind.ApiKey
        : LoginKind.None;

    /// <summary>Reads the document; says why when it is none. The reason holds nothing of it.</summary>
    public static AuthDocument? TryParse(ReadOnlySpan<byte> bytes, out string? problem)
    {
        if (bytes.Length > Largest)
        {
            problem = "it is too large to be a login";
            return null;
        }
        if (bytes.Trim(" \t\r\n"u8).IsEmpty)
        {
            problem = "it is empty";
            return null;
        }
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(bytes);
            problem = Collect(bytes, texts);
        }
        catch (Exception error) when (error is JsonException or DecoderFallbackException or InvalidOperationException)
        {
            // The last one: half a surrogate pair, written as an escape.
            problem = "it is not whole";
        }
        return problem is null ? new AuthDocument(bytes.ToArray(), texts) : null;
    }

    /// <exception cref="InvalidDataException">It is none.</exception>
    public static AuthDocument Parse(ReadOnlySpan<byte> bytes) =>
        TryParse(bytes, out var problem) ?? throw new InvalidDataException($"This is no auth.json: {problem}.");

    public static AuthDocument ForApiKey(string key)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("auth_mode", "apikey");
            json.WriteString("OPENAI_API_KEY", key);
            json.WriteEndObject();
        }
        return Parse(stream.ToArray());
    }

    /// <summary>The same login, but whoever has it cannot renew it.</summary>
    public AuthDocument WithoutRefreshToken() =>
        Parse(
            JsonEdit.Replace(
                _bytes,
                path => path == "refresh_token" || path.EndsWith(".refresh_token", StringComparison.Ordinal) ? "" : null
            )
        );

    /// <summary>The same login after a refresh.</summary>
    /// <param name="idToken">Null to keep the one that is there.</param>
    /// <param name="refreshToken">Null to keep the one that is there.</param>
    public AuthDocument WithTokens(string accessToken, string? idToken, string? refreshToken, DateTimeOffset refreshed)
    {
        var time = refreshed.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
        var place = _texts.Keys.Any(path => path.StartsWith("tokens.", StringComparison.Ordinal)) ? "tokens." : "";
        var top = !_texts.ContainsKey("tokens.refresh_token") && _texts.ContainsKey("refresh_token");
        var wanted = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [place + "access_token"] = accessToken,
            ["last_refresh"] = time,
        };
        if (idToken is not null)
        {
            wanted[place + "id_token"] = idToken;
        }
        if (refreshToken is not null)
        {
            wanted[top ? "refresh_token" : "tokens.refresh_token"] = refreshToken;
        }
        var missing = new Dictionary<string, string>(wanted, StringComparer.Ordinal);
        var bytes = JsonEdit.Replace(
            _bytes,
            path =>
            {
                missing.Remove(path);
                return wanted.GetValueOrDefault(path);
            }
        );
        foreach (var (path, value) in missing)
        {
            var dot = path.LastIndexOf('.');
            bytes = JsonEdit.Insert(bytes, dot < 0 ? "" : path[..dot], path[(dot + 1)..], value);
        }
        return Parse(bytes);
    }

    public bool SameBytes(AuthDocument? other) => other is not null && _bytes.AsSpan().SequenceEqual(other._bytes);

    public override string ToString() => $"auth.json ({Kind})";

    [GeneratedRegex(
        @"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex IsoTime();

    private string? Text(string path) => _texts.TryGetValue(path, out var text) && text.Length > 0 ? text : null;

    /// <summary>The strings that matter. A member that is there twice would mean one thing here and another to Codex.</summary>
    private static string? Collect(ReadOnlySpan<byte> bytes, Dictionary<string, string> texts)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var names = new Stack<string>();
        var current = "";
        var reader = new Utf8JsonReader(bytes);
        while (reader.Read())
        {
            if (names.Count == 0 && reader.TokenType != JsonTokenType.StartObject && reader.CurrentDepth == 0 && seen.Count == 0)
            {
                if (reader.TokenType != JsonTokenType.EndObject)
                {
                    return "it is not a JSON object";
                }
            }
            switch (reader.TokenType)
            {
                case JsonTokenType.PropertyName:
                    current = reader.GetString()!;
                    var path = string.Join('.', names.Reverse().Skip(1).Append(current));
                    var matters = _known.Contains(path, StringComparer.Ordinal) || current == "refresh_token";
                    if (matters && !seen.Add(path))
                    {
                        return $"'{path}' is there twice";
                    }
                    break;
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    names.Push(current);
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    names.Pop();
                    break;
                case JsonTokenType.String when names.Count > 0:
                    texts[string.Join('.', names.Reverse().Skip(1).Append(current))] = reader.GetString()!;
                    break;
            }
        }
        return null;
    }
}
