using System.Collections.Frozen;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>What an allowed request is, which decides how it is looked at.</summary>
internal enum Endpoint
{
    /// <summary>No body and no model: passed on as it is.</summary>
    Plain,

    /// <summary>GET of one model by its name.</summary>
    OneModel,

    /// <summary>A JSON body that names a model.</summary>
    Named,

    /// <summary>The Responses API: goes over the bridge.</summary>
    Responses,
}

/// <summary>An allowed request.</summary>
/// <param name="Path">The canonical path, the only one that is sent on; the query is left out.</param>
/// <param name="Model">The model in the path, for <see cref="Endpoint.OneModel"/>.</param>
internal sealed record AllowedTarget(Endpoint Endpoint, string Path, string? Model = null);

/// <summary>
/// The local-only filter: what runs a local model may pass, everything else is refused. The raw target of the request line is
/// compared, before anything decodes or tidies it, so that no spelling of a path can mean one thing here and another upstream.
/// </summary>
internal static class LocalOnly
{
    private const string ModelPrefix = "/v1/models/";

    private static readonly FrozenDictionary<string, Endpoint> Allowed = new Dictionary<string, Endpoint>(StringComparer.Ordinal)
    {
        ["GET /"] = Endpoint.Plain,
        ["HEAD /"] = Endpoint.Plain,
        ["GET /v1/models"] = Endpoint.Plain,
        ["GET /api/version"] = Endpoint.Plain,
        ["GET /api/tags"] = Endpoint.Plain,
        ["GET /api/ps"] = Endpoint.Plain,
        ["POST /v1/responses"] = Endpoint.Responses,
        ["POST /v1/chat/completions"] = Endpoint.Named,
        ["POST /v1/completions"] = Endpoint.Named,
        ["POST /v1/embeddings"] = Endpoint.Named,
        ["POST /api/show"] = Endpoint.Named,
        ["POST /api/chat"] = Endpoint.Named,
        ["POST /api/generate"] = Endpoint.Named,
        ["POST /api/embed"] = Endpoint.Named,
        ["POST /api/embeddings"] = Endpoint.Named,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    // What the person can type on the host instead, by the last word of the endpoint.
    private static readonly (string Path, string Instead)[] WaysOut =
    [
        ("/api/pull", "Pull it on the host: ollama pull NAME"),
        ("/api/push", "Push it on the host: ollama push NAME"),
        ("/api/create", "Create it on the host: ollama create NAME"),
        ("/api/copy", "Copy it on the host: ollama cp FROM TO"),
        ("/api/delete", "Remove it on the host: ollama rm NAME"),
        ("/api/blobs", "Create the model on the host: ollama create NAME"),
        ("/api/signin", "Sign in on the host: ollama signin"),
        ("/api/signout", "Sign out on the host: ollama signout"),
        ("/api/me", "Ask on the host: ollama signin"),
        ("/api/experimental/web_search", "Web search leaves the machine; open single hosts with codexctl run --allow HOST"),
        ("/api/experimental/web_fetch", "Fetching leaves the machine; open single hosts with codexctl run --allow HOST"),
        ("/api/web_search", "Web search leaves the machine; open single hosts with codexctl run --allow HOST"),
        ("/api/web_fetch", "Fetching leaves the machine; open single hosts with codexctl run --allow HOST"),
    ];

    /// <summary>The allowed target, or null when the request must be refused.</summary>
    /// <param name="rawTarget">The target of the request line, byte for byte.</param>
    public static AllowedTarget? Find(string method, string rawTarget)
    {
        var query = rawTarget.IndexOf('?', StringComparison.Ordinal);
        var path = query < 0 ? rawTarget : rawTarget[..query];
        if (Allowed.TryGetValue($"{method} {path}", out var endpoint))
        {
            return new AllowedTarget(endpoint, path);
        }
        if (method is "GET" && path.StartsWith(ModelPrefix, StringComparison.Ordinal) && IsModelName(path.AsSpan(ModelPrefix.Length)))
        {
            return new AllowedTarget(Endpoint.OneModel, path, path[ModelPrefix.Length..]);
        }
        return null;
    }

    /// <summary>Why a request is refused and what to type instead.</summary>
    public static string Explain(string method, string rawTarget)
    {
        var plain = Forgiving(rawTarget);
        foreach (var (path, instead) in WaysOut)
        {
            if (plain.Contains(path, StringComparison.Ordinal))
            {
                return $"codexctl refuses {path}: in local mode only what runs a local model may pass. {instead}";
            }
        }
        return $"codexctl refuses {Shown(method, 16)} {Shown(rawTarget, 100)}: it is not one of the requests that run a local model.";
    }

    // For the message only; no decision is taken on it.
    private static string Forgiving(string target)
    {
        var query = target.IndexOf('?', StringComparison.Ordinal);
        var path = Uri.UnescapeDataString(query < 0 ? target : target[..query]).Replace('\\', '/').ToLowerInvariant();
        var parts = new List<string>();
        foreach (var part in path.Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            if (part is ".." && parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is not ("." or ".."))
            {
                parts.Add(part);
            }
        }
        return "/" + string.Join('/', parts);
    }

    private static string Shown(string text, int length)
    {
        var shown = new string([.. text.Take(length).Select(c => c is > ' ' and < '\u007f' ? c : '?')]);
        return text.Length > length ? shown + "…" : shown;
    }

    // Letters, digits and a few signs, in parts that are not only dots: nothing that any server decodes or tidies.
    private static bool IsModelName(ReadOnlySpan<char> name)
    {
        foreach (var part in name.Split('/'))
        {
            var text = name[part];
            if (text.Trim('.').IsEmpty)
            {
                return false;
            }
            foreach (var c in text)
            {
                if (!char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or ':' or '-'))
                {
                    return false;
                }
            }
        }
        return !name.IsEmpty;
    }
}
