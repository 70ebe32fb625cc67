using System.Collections.Concurrent;
using Codexctl.Models;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>
/// What the server says about the models that requests name, remembered for a short while: every turn names one, and asking
/// each time would cost two calls a turn.
/// </summary>
internal sealed class ModelFacts(ModelServer server, ModelServerProbe probe, TimeProvider time, TimeSpan age)
{
    // Names come from inside the box: their number is bounded because only those that the server lists are kept.
    private readonly ConcurrentDictionary<string, (LocalModel Model, long At)> _known = new(StringComparer.Ordinal);

    /// <summary>The facts about a model that runs on this machine.</summary>
    /// <exception cref="RefusedException">The server does not have it (404), or it runs elsewhere (403).</exception>
    /// <exception cref="HttpRequestException">The server does not answer.</exception>
    public async ValueTask<LocalModel> GetAsync(string name, CancellationToken cancel)
    {
        if (server.Kind != ModelServerKind.Ollama)
        {
            // The others run what they have loaded and nothing else; what they cannot say is unknown.
            return new LocalModel(name);
        }
        if (OllamaNames.IsCloud(name))
        {
            throw Remote(name, "ollama.com");
        }
        if (_known.TryGetValue(name, out var known) && time.GetElapsedTime(known.At) < age)
        {
            return known.Model;
        }
        var model = await probe.FindAsync(server, name, cancel);
        if (model is null)
        {
            _known.TryRemove(name, out _);
            throw new RefusedException(404, Missing(server, name));
        }
        if (model.RemoteHost is { } host)
        {
            throw Remote(name, host);
        }
        _known[name] = (model, time.GetTimestamp());
        return model;
    }

    public static string Missing(ModelServer server, string name) =>
        server.Kind == ModelServerKind.Ollama
            ? $"The model {name} is not on this machine. On the host type: codexctl models pull {name} (or: ollama pull {name})"
            : $"{server.KindName} at {server.Display} does not have the model {name}.";

    private static RefusedException Remote(string name, string host) =>
        new(
            403,
            $"codexctl refuses the model {name}: it does not run on this machine but at {host}. In local mode nothing leaves the machine; choose a local model with --model NAME."
        );
}
