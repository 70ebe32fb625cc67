using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Codexctl.Settings;

namespace Codexctl.Models;

/// <summary>The model servers that are known; each has its own list of bridge rules.</summary>
public enum ModelServerKind
{
    Ollama,
    LlamaCpp,
    LmStudio,
    Vllm,
    OpenAiCompatible,
}

/// <summary>A model server.</summary>
/// <param name="Address">Without a trailing slash and without /v1; may have a path in front of it.</param>
/// <param name="Version">As the server tells it; null where it does not.</param>
public sealed record ModelServer(ModelServerKind Kind, Uri Address, string? Version = null)
{
    /// <summary>The address of one endpoint.</summary>
    /// <param name="path">With its leading slash, e.g. /v1/responses.</param>
    public Uri At(string path) => new(Display + path);

    /// <summary>The address for people: without a trailing slash.</summary>
    public string Display => Address.AbsoluteUri.TrimEnd('/');

    public string KindName =>
        Kind switch
        {
            ModelServerKind.Ollama => "Ollama",
            ModelServerKind.LlamaCpp => "llama.cpp",
            ModelServerKind.LmStudio => "LM Studio",
            ModelServerKind.Vllm => "vLLM",
            _ => "The model server",
        };
}

/// <summary>The kinds as the settings and JSON name them.</summary>
public static class ModelServerKinds
{
    public static string Word(this ModelServerKind kind) =>
        kind switch
        {
            ModelServerKind.Ollama => "ollama",
            ModelServerKind.LlamaCpp => "llamacpp",
            ModelServerKind.LmStudio => "lmstudio",
            ModelServerKind.Vllm => "vllm",
            _ => "openai-compatible",
        };

    /// <summary>The kind of a word; null for none.</summary>
    public static ModelServerKind? Parse(string? word) =>
        word is null ? null : Enum.GetValues<ModelServerKind>().Cast<ModelServerKind?>().FirstOrDefault(kind => kind!.Value.Word() == word);
}

/// <summary>Where the model server is.</summary>
public static class ModelServerAddress
{
    public static Uri Default { get; } = new("http://127.0.0.1:11434");

    /// <summary>`--model-url` wins, then OLLAMA_HOST, then the default.</summary>
    /// <exception cref="UserError">The address cannot be understood.</exception>
    public static Uri Resolve(string? modelUrl, HostEnvironment environment)
    {
        if (!string.IsNullOrWhiteSpace(modelUrl))
        {
            return FromModelUrl(modelUrl);
        }
        return environment["OLLAMA_HOST"] is { } host ? FromOllamaHost(host) : Default;
    }

    /// <summary>A whole URL; a trailing slash and a trailing /v1 are left out.</summary>
    public static Uri FromModelUrl(string modelUrl)
    {
        var text = modelUrl.Trim();
        if (
            !Uri.TryCreate(text.Contains("://", StringComparison.Ordinal) ? text : "http://" + text, UriKind.Absolute, out var uri)
            || uri.Scheme is not ("http" or "https")
            || uri.Host.Length == 0
        )
        {
            throw new UserError($"{modelUrl} is not the address of a model server.", mend: "Give one such as http://127.0.0.1:8080.");
        }
        if (uri.UserInfo.Length > 0 || uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            throw new UserError(
                "The address of the model server may hold no user name, query or fragment.",
                "It is shown in messages and in recordings.",
                "Give one such as http://127.0.0.1:8080."
            );
        }
        var path = uri.AbsolutePath.TrimEnd('/');
        if (path.EndsWith("/v1", StringComparison.Ordinal))
        {
            path = path[..^3].TrimEnd('/');
        }
        return Connectable(new UriBuilder(uri) { Path = path }.Uri);
    }

    /// <summary>
    /// OLLAMA_HOST as Ollama reads it: host, host:port, :port, scheme://host:port/path, quotes around it. The port is 11434
    /// without a scheme, else the scheme's; one that is no number is replaced by that. An address to listen on everywhere becomes loopback.
    /// </summary>
    public static Uri FromOllamaHost(string value)
    {
        var text = value.Trim().Trim('"', '\'').Trim();
        var (scheme, rest, port) = ("http", text, 11434);
        if (text.Split("://", 2) is [var given, var afterScheme])
        {
            (scheme, rest) = (given, afterScheme);
            port = scheme switch
            {
                "http" => 80,
                "https" => 443,
                _ => port,
            };
        }
        else if (text is "ollama.com")
        {
            (scheme, port) = ("https", 443);
        }
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var path = slash < 0 ? "" : rest[(slash + 1)..].Trim('/');
        var (host, givenPort) = SplitHostPort(slash < 0 ? rest : rest[..slash]);
        if (int.TryParse(givenPort, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= 65535)
        {
            port = number;
        }
        if (scheme is not ("http" or "https"))
        {
            throw new UserError($"OLLAMA_HOST has the scheme {scheme}.", mend: "Set it to something like 127.0.0.1:11434.");
        }
        if (IPAddress.TryParse(host, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6)
        {
            host = $"[{host}]";
        }
        if (!Uri.TryCreate($"{scheme}://{host}:{port}/{path}", UriKind.Absolute, out var uri))
        {
            throw new UserError($"OLLAMA_HOST cannot be understood: {value}", mend: "Set it to something like 127.0.0.1:11434.");
        }
        return Connectable(uri);
    }

    private static (string Host, string? Port) SplitHostPort(string text)
    {
        if (IPAddress.TryParse(text.Trim('[', ']'), out _) && text.Count(c => c == ':') != 1)
        {
            return (text.Trim('[', ']'), null);
        }
        var colon = text.LastIndexOf(':');
        var (host, port) = colon < 0 ? (text, null) : (text[..colon].Trim('[', ']'), text[(colon + 1)..]);
        return (host.Length == 0 ? "127.0.0.1" : host, port);
    }

    // 0.0.0.0 and :: are addresses to listen on, not to connect to.
    private static Uri Connectable(Uri uri)
    {
        var host = uri.Host.Trim('[', ']');
        if (IPAddress.TryParse(host, out var address))
        {
            if (address.Equals(IPAddress.Any))
            {
                return new UriBuilder(uri) { Host = "127.0.0.1" }.Uri;
            }
            if (address.Equals(IPAddress.IPv6Any))
            {
                return new UriBuilder(uri) { Host = "[::1]" }.Uri;
            }
        }
        return uri;
    }
}
