using System.Globalization;

namespace Codexctl.Models;

/// <summary>What is known before a run, when the run may go on.</summary>
/// <param name="Warnings">Sentences for the person; empty when all is well.</param>
public sealed record PreflightResult(ModelServer Server, LocalModel Model, IReadOnlyList<string> Warnings);

/// <summary>Says before a local run what would go wrong in it, in one sentence and with the command that mends it.</summary>
/// <param name="memory">Bytes of this machine; null to look.</param>
public sealed class ModelPreflight(ModelServerProbe probe, long? memory = null)
{
    /// <summary>Under this Codex's own instructions leave no room: it compacts its history for ever.</summary>
    public const long SmallestContext = 16384;

    /// <summary>Under this a session of some length loses its beginning.</summary>
    public const long GoodContext = 65536;

    private long Memory => memory ?? ModelOverview.Memory;

    private static readonly Version OldestOllama = new(0, 13, 4);
    private static readonly Version GoodOllama = new(0, 32, 7);

    /// <param name="load">Load the model now when its effective context is not known otherwise. That can take minutes.</param>
    /// <param name="offerPull">Called when Ollama misses the model; true when it was pulled meanwhile.</param>
    /// <exception cref="UserError">The run cannot work.</exception>
    public async Task<PreflightResult> CheckAsync(
        Uri address,
        string modelName,
        bool load = false,
        Func<ModelServer, Task<bool>>? offerPull = null,
        CancellationToken cancel = default
    )
    {
        var server = await probe.DetectAsync(address, cancel);
        CheckVersion(server);
        if (server.Kind == ModelServerKind.Ollama && OllamaNames.IsCloud(modelName))
        {
            throw Remote(modelName, "ollama.com");
        }
        try
        {
            var model = await probe.FindAsync(server, modelName, cancel);
            if (model is null && server.Kind == ModelServerKind.Ollama && offerPull is not null && await offerPull(server))
            {
                model = await probe.FindAsync(server, modelName, cancel);
            }
            model = model ?? throw Missing(server, modelName);
            CheckModel(server, model);
            if (load && model.EffectiveContext is null && server.Kind == ModelServerKind.Ollama)
            {
                await probe.LoadAsync(server, model.Name, cancel);
                model = await probe.FindAsync(server, modelName, cancel) ?? throw Missing(server, modelName);
                CheckModel(server, model);
            }
            return new PreflightResult(server, model, Warnings(server, model));
        }
        catch (HttpRequestException error)
        {
            throw ModelServerProbe.NotReachable(server, error.Message);
        }
    }

    /// <summary>Refuses what cannot work.</summary>
    internal static void CheckModel(ModelServer server, LocalModel model)
    {
        if (model.RemoteHost is { } host)
        {
            throw Remote(model.Name, host);
        }
        if (model.Can("tools") == false)
        {
            throw new UserError(
                $"{model.Name} cannot call tools.",
                "Codex does all its work by tool calls.",
                "Choose a model that can, such as gpt-oss:20b, with --model NAME."
            );
        }
        if (model.EffectiveContext is { } context && context < SmallestContext)
        {
            throw new UserError(
                $"{model.Name} runs with a context of {Tokens(context)} tokens; Codex needs at least {Tokens(SmallestContext)}.",
                "With less it summarises its own instructions over and over and never gets to the task.",
                Mend(server)
            );
        }
    }

    internal IReadOnlyList<string> Warnings(ModelServer server, LocalModel model)
    {
        var warnings = new List<string>();
        if (server.Kind == ModelServerKind.Ollama && VersionOf(server.Version) is { } version && version < GoodOllama)
        {
            warnings.Add($"Ollama {server.Version} is old; {GoodOllama} or newer understands Codex better.");
        }
        if (model.EffectiveContext is { } context && context < GoodContext)
        {
            warnings.Add(
                $"{model.Name} runs with a context of {Tokens(context)} tokens; {Tokens(GoodContext)} or more is advised. {Mend(server)}"
            );
        }
        if (server.Address.IsLoopback && ModelOverview.Fit(model.Size, Memory) == MemoryFit.No)
        {
            warnings.Add(
                $"{model.Name} takes {model.Size / 1_000_000_000} GB, and this machine has {Memory / 1_000_000_000} GB of memory: it will be very slow, or not load at all."
            );
        }
        return warnings;
    }

    internal static void CheckVersion(ModelServer server)
    {
        if (server.Kind == ModelServerKind.Ollama && VersionOf(server.Version) is { } version && version < OldestOllama)
        {
            throw new UserError(
                $"Ollama {server.Version} is too old; Codex needs {OldestOllama} or newer.",
                "Older ones have no /v1/responses that Codex can use.",
                "Install a newer one from https://ollama.com/download."
            );
        }
    }

    // A build from source says 0.0.0: that tells nothing about its age.
    internal static Version? VersionOf(string? text)
    {
        var digits = new string([.. (text ?? "").TrimStart('v').TakeWhile(c => char.IsAsciiDigit(c) || c == '.')]);
        return Version.TryParse(digits, out var version) && version > new Version(0, 0, 0) ? version : null;
    }

    private static UserError Missing(ModelServer server, string name) =>
        new(
            $"{server.KindName} at {server.Display} does not have the model {name}.",
            null,
            server.Kind == ModelServerKind.Ollama
                ? $"Get it with: codexctl models pull {name} (or: ollama pull {name})"
                : "Load it there, or name another one with --model NAME."
        );

    private static UserError Remote(string name, string host) =>
        new(
            $"{name} does not run on this machine but at {host}.",
            "In local mode nothing leaves the machine.",
            "Choose a local model with --model NAME."
        );

    private static string Mend(ModelServer server) =>
        server.Kind switch
        {
            ModelServerKind.Ollama => "Start the server with: OLLAMA_CONTEXT_LENGTH=65536 ollama serve",
            ModelServerKind.LlamaCpp => "Start the server with: llama-server --ctx-size 65536 …",
            ModelServerKind.Vllm => "Start the server with: vllm serve --max-model-len 65536 …",
            _ => "Load the model with a context length of 65536.",
        };

    private static string Tokens(long count) => count.ToString(CultureInfo.InvariantCulture);
}
