using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;

namespace Codexctl.Models;

/// <summary>
/// Asks a model server what it is and what it has. Every question has a short time limit; only loading a model may take as
/// long as it takes. Proxy settings are not honoured: the server is the one that was named, reached directly.
/// </summary>
public sealed class ModelServerProbe : IDisposable
{
    /// <summary>Longer than a busy server needs for a small answer, shorter than a person's patience.</summary>
    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(5);

    private const int LongestAnswer = 16 * 1024 * 1024;

    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ModelServerKind? _known;

    /// <param name="known">What the server is, where the person said so; else it is found out by asking.</param>
    public ModelServerProbe(TimeProvider time, string? authorization = null, ModelServerKind? known = null)
    {
        _time = time;
        _known = known;
        _http = Client(authorization);
    }

    /// <summary>A client that reaches the server which was named, directly, and nobody else. Without a time limit of its own.</summary>
    public static HttpClient Client(string? authorization)
    {
        var http = new HttpClient(
            new SocketsHttpHandler
            {
                UseProxy = false,
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = Limit,
                PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            }
        )
        {
            Timeout = Timeout.InfiniteTimeSpan,
            MaxResponseContentBufferSize = LongestAnswer,
        };
        if (authorization is not null)
        {
            http.DefaultRequestHeaders.TryAddWithoutValidation("Authorization", authorization);
        }
        return http;
    }

    /// <summary>Finds out which server listens at an address.</summary>
    /// <exception cref="UserError">Nobody answers there, or nobody who speaks like a model server.</exception>
    public async Task<ModelServer> DetectAsync(Uri address, CancellationToken cancel = default)
    {
        var unknown = new ModelServer(ModelServerKind.OpenAiCompatible, address);
        try
        {
            if (_known is { } kind)
            {
                var said = await GetAsync(unknown, kind == ModelServerKind.Ollama ? "/api/version" : "/v1/models", cancel);
                return new ModelServer(kind, address, kind == ModelServerKind.Ollama ? said?.Text("version") : null);
            }
            if (await GetAsync(unknown, "/api/version", cancel) is { } ollama && ollama.Text("version") is { } ollamaVersion)
            {
                return new ModelServer(ModelServerKind.Ollama, address, ollamaVersion);
            }
            // LM Studio answers 200 to everything it does not know, so that its own endpoint is asked for what only it has.
            if (
                await GetAsync(unknown, "/api/v0/models", cancel) is { } studio
                && studio.Items("data").Any(model => model.Text("state") is not null)
            )
            {
                return new ModelServer(ModelServerKind.LmStudio, address);
            }
            if (await GetAsync(unknown, "/props", cancel) is { } props && props.Get("default_generation_settings") is not null)
            {
                return new ModelServer(ModelServerKind.LlamaCpp, address, props.Text("build_info"));
            }
            if (await GetAsync(unknown, "/version", cancel) is { } vllm && vllm.Text("version") is { } vllmVersion)
            {
                return new ModelServer(ModelServerKind.Vllm, address, vllmVersion);
            }
            if (await GetAsync(unknown, "/v1/models", cancel) is { } list && list.Get("data") is { ValueKind: JsonValueKind.Array })
            {
                return unknown;
            }
        }
        catch (HttpRequestException error)
        {
            throw NotReachable(unknown, error.Message);
        }
        throw new UserError(
            $"What answers at {unknown.Display} is not a model server.",
            "It has neither /api/version nor /v1/models.",
            "Start Ollama with: ollama serve, or name another server with --model-url URL."
        );
    }

    /// <summary>The models that the server has, with what its list says about them and nothing more.</summary>
    /// <exception cref="HttpRequestException">The server does not answer, or not with a list.</exception>
    public async Task<IReadOnlyList<LocalModel>> ListAsync(ModelServer server, CancellationToken cancel = default)
    {
        switch (server.Kind)
        {
            case ModelServerKind.Ollama:
                var tags = await NeedAsync(server, "/api/tags", cancel);
                return
                [
                    .. tags.Items("models")
                        .Where(model => model.Text("name") is not null)
                        .Select(model => new LocalModel(
                            model.Text("name")!,
                            Digest: model.Text("digest"),
                            Family: model.Get("details")?.Text("family"),
                            Capabilities: model.Texts("capabilities"),
                            RemoteHost: model.Text("remote_host"),
                            Size: model.Number("size")
                        )),
                ];
            case ModelServerKind.LmStudio:
                var studio = await NeedAsync(server, "/api/v0/models", cancel);
                return [.. studio.Items("data").Where(model => model.Text("id") is not null).Select(FromLmStudio)];
            default:
                var list = await NeedAsync(server, "/v1/models", cancel);
                return
                [
                    .. list.Items("data")
                        .Where(model => model.Text("id") is not null)
                        .Select(model => new LocalModel(
                            model.Text("id")!,
                            ContextMaximum: model.Get("meta")?.Number("n_ctx_train"),
                            ContextLoaded: model.Number("max_model_len")
                        )),
                ];
        }
    }

    /// <summary>Everything about one model; null when the server does not have it.</summary>
    /// <remarks>
    /// The list is asked first. Ollama answers questions about a name that ends in "cloud" by asking ollama.com, so that a
    /// name which is not in its list of local models must not be sent to it at all.
    /// </remarks>
    /// <exception cref="HttpRequestException">The server does not answer, or not as such a server does.</exception>
    public async Task<LocalModel?> FindAsync(ModelServer server, string name, CancellationToken cancel = default)
    {
        var models = await ListAsync(server, cancel);
        var model = models.FirstOrDefault(model => OllamaNames.Same(model.Name, name, server.Kind));
        if (model is null)
        {
            // One model, whatever it is called in the request.
            model = server.Kind == ModelServerKind.LlamaCpp && models.Count == 1 ? models[0] : null;
        }
        return model is null ? null : await DescribeAsync(server, model, cancel);
    }

    /// <summary>Every model with all that is known about it.</summary>
    public async Task<IReadOnlyList<LocalModel>> DescribeAllAsync(ModelServer server, CancellationToken cancel = default)
    {
        var described = new List<LocalModel>();
        foreach (var model in await ListAsync(server, cancel))
        {
            try
            {
                described.Add(await DescribeAsync(server, model, cancel));
            }
            catch (UnusableModelException)
            {
                // A damaged one, or one that was just removed, must not hide the others.
                described.Add(model);
            }
        }
        return described;
    }

    /// <summary>Makes Ollama load a model with its own settings, so that its effective context is known. Takes as long as it takes.</summary>
    /// <exception cref="UserError">The server cannot load it; with its own words.</exception>
    public async Task LoadAsync(ModelServer server, string name, CancellationToken cancel = default)
    {
        if (server.Kind != ModelServerKind.Ollama)
        {
            return;
        }
        using var answer = await PostAsync(server, "/api/generate", $$"""{"model":{{Quote(name)}},"stream":false}""", cancel);
        if (answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed)
        {
            // It speaks Ollama's language but does not load on demand; what it runs with then shows at the first request.
            return;
        }
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            var words = await answer.Content.ReadAsStringAsync(cancel);
            throw new UserError($"{server.KindName} cannot load {name}.", words.Trim(), "Choose a smaller model with --model NAME.");
        }
    }

    public static UserError NotReachable(ModelServer server, string why) =>
        new(
            $"No model server answers at {server.Display}.",
            why,
            server.Address.Port == ModelServerAddress.Default.Port
                ? "Start it with: ollama serve. For a server elsewhere: --model-url URL."
                : "Start it, or name another one with --model-url URL."
        );

    public void Dispose() => _http.Dispose();

    private async Task<LocalModel> DescribeAsync(ModelServer server, LocalModel model, CancellationToken cancel)
    {
        if (server.Kind == ModelServerKind.LlamaCpp)
        {
            var props = await GetAsync(server, "/props", cancel);
            var vision = props?.Get("modalities")?.Get("vision") is { ValueKind: JsonValueKind.True };
            return model with
            {
                ContextLoaded = props?.Get("default_generation_settings")?.Number("n_ctx"),
                Capabilities = vision ? ["completion", "tools", "vision"] : ["completion", "tools"],
            };
        }
        if (server.Kind != ModelServerKind.Ollama || OllamaNames.IsCloud(model.Name))
        {
            return model;
        }
        using var limit = Limited(cancel);
        using var answer = await PostAsync(server, "/api/show", $$"""{"model":{{Quote(model.Name)}}}""", limit.Token);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            throw new UnusableModelException($"{server.KindName} answers {(int)answer.StatusCode} to /api/show for {model.Name}.");
        }
        var show =
            await ReadAsync(answer, limit.Token) ?? throw new HttpRequestException($"{server.KindName} answers /api/show with no JSON.");
        var running = await GetAsync(server, "/api/ps", cancel);
        var loaded = running
            ?.Items("models")
            .FirstOrDefault(entry => Equal(entry.Text("name"), model.Name) || Equal(entry.Text("digest"), model.Digest));
        return model with
        {
            Family = show.Get("details")?.Text("family") ?? model.Family,
            Capabilities = show.Texts("capabilities") ?? model.Capabilities,
            RemoteHost = show.Text("remote_host") ?? model.RemoteHost,
            ContextMaximum = MaximumOf(show),
            ContextConfigured = NumCtx(show.Text("parameters")),
            ContextLoaded = loaded?.Number("context_length"),
        };
    }

    // Keys are named after the architecture: "gptoss.context_length".
    private static long? MaximumOf(JsonElement show) =>
        show.Get("model_info") is { ValueKind: JsonValueKind.Object } info
            ? info.EnumerateObject()
                .Where(entry => entry.Name.EndsWith(".context_length", StringComparison.Ordinal))
                .Select(entry =>
                    entry.Value.ValueKind == JsonValueKind.Number && entry.Value.TryGetInt64(out var tokens) ? tokens : (long?)null
                )
                .FirstOrDefault(tokens => tokens is not null)
            : null;

    // "num_ctx                        65536", a parameter a line.
    internal static long? NumCtx(string? parameters)
    {
        foreach (var line in (parameters ?? "").Split('\n'))
        {
            var words = line.Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (
                words is ["num_ctx", var value, ..]
                && long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var tokens)
                && tokens > 0
            )
            {
                return tokens;
            }
        }
        return null;
    }

    private static LocalModel FromLmStudio(JsonElement model)
    {
        var capabilities = new List<string> { model.Text("type") is "embeddings" ? "embedding" : "completion" };
        if (model.Texts("capabilities") is { } words && words.Contains("tool_use", StringComparer.Ordinal))
        {
            capabilities.Add("tools");
        }
        if (model.Text("type") is "vlm")
        {
            capabilities.Add("vision");
        }
        return new LocalModel(
            model.Text("id")!,
            Family: model.Text("arch"),
            // Older versions do not list capabilities: then nothing is known.
            Capabilities: model.Get("capabilities") is null ? null : capabilities,
            ContextMaximum: model.Number("max_context_length"),
            ContextLoaded: model.Number("loaded_context_length")
        );
    }

    private async Task<JsonElement> NeedAsync(ModelServer server, string path, CancellationToken cancel) =>
        await GetAsync(server, path, cancel)
        ?? throw new HttpRequestException($"{server.KindName} at {server.Display} does not answer {path} with JSON.");

    /// <summary>The JSON at a path; null when the server has none there. Throws when nobody answers.</summary>
    private async Task<JsonElement?> GetAsync(ModelServer server, string path, CancellationToken cancel)
    {
        using var limit = Limited(cancel);
        try
        {
            using var answer = await _http.GetAsync(server.At(path), HttpCompletionOption.ResponseHeadersRead, limit.Token);
            return answer.StatusCode == HttpStatusCode.OK ? await ReadAsync(answer, limit.Token) : null;
        }
        catch (OperationCanceledException error) when (!cancel.IsCancellationRequested)
        {
            throw new HttpRequestException($"{server.Display}{path} does not answer within {Limit.TotalSeconds} seconds.", error);
        }
    }

    private async Task<HttpResponseMessage> PostAsync(ModelServer server, string path, string json, CancellationToken cancel)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await _http.PostAsync(server.At(path), content, cancel);
    }

    private static async Task<JsonElement?> ReadAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        await answer.Content.LoadIntoBufferAsync(LongestAnswer, cancel);
        try
        {
            using var document = JsonDocument.Parse(await answer.Content.ReadAsByteArrayAsync(cancel));
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // Not a model server's answer; the caller decides what that means.
            return null;
        }
    }

    private LinkedLimit Limited(CancellationToken cancel) => new(_time, cancel);

    private static bool Equal(string? one, string? other) => one is not null && string.Equals(one, other, StringComparison.Ordinal);

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    /// <summary>The server answers, and says that it cannot tell about this model.</summary>
    private sealed class UnusableModelException(string message) : HttpRequestException(message);

    /// <summary>Cancelled by the caller or by the clock, whichever is first.</summary>
    private sealed class LinkedLimit : IDisposable
    {
        private readonly CancellationTokenSource _clock;
        private readonly CancellationTokenSource _both;

        public LinkedLimit(TimeProvider time, CancellationToken cancel)
        {
            _clock = new CancellationTokenSource(Limit, time);
            _both = CancellationTokenSource.CreateLinkedTokenSource(cancel, _clock.Token);
        }

        public CancellationToken Token => _both.Token;

        public void Dispose()
        {
            _both.Dispose();
            _clock.Dispose();
        }
    }
}
