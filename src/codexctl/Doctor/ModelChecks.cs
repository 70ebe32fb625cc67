using System.Net;
using System.Net.NetworkInformation;
using Codexctl.Models;
using Codexctl.Settings;

namespace Codexctl.Doctor;

/// <summary>The model server, who can reach it, the model and its context.</summary>
public static class ModelChecks
{
    /// <param name="choose">Which model on which server; may throw for wrong settings.</param>
    /// <param name="others">Servers to name when the chosen one does not answer.</param>
    /// <param name="pull">Pulls a model.</param>
    public static Check Model(
        Func<ModelChoice> choose,
        Func<CancellationToken, Task<IReadOnlyList<FoundServer>>> others,
        HostEnvironment environment,
        TimeProvider clock,
        Func<IEnumerable<IPEndPoint>> listeners,
        Func<ModelServer, string, CancellationToken, Task> pull
    ) =>
        new(
            "model",
            async cancel =>
            {
                var findings = new List<Finding>();
                var choice = choose();
                using var probe = choice.Probe(environment, clock);
                ModelServer server;
                try
                {
                    server = await probe.DetectAsync(choice.Url, cancel);
                }
                catch (UserError error)
                {
                    var there = (await others(cancel))
                        .Where(found => found.Server is not null && found.Url != choice.Url)
                        .Select(found => found.Name)
                        .ToList();
                    var mend =
                        there.Count == 0
                            ? error.Mend
                            : $"{error.Mend}\nOr use one that answers: codexctl config set model.server {there[0]}";
                    return [new Finding("model server", Level.Problem, error.Message, error.Why, mend)];
                }
                findings.Add(
                    Finding.Ok(
                        "model server",
                        $"{server.KindName}{(server.Version is { } version ? $" {version}" : "")} at {server.Display}"
                    )
                );
                if (choice.Url.IsLoopback && Open(listeners(), choice.Url.Port) is { } address)
                {
                    findings.Add(
                        new Finding(
                            "model server",
                            Level.Warning,
                            $"{server.KindName} listens on all addresses ({address}), not only on this machine's own.",
                            "Everybody in your network can use it, and Ollama asks nobody for a password. codexctl needs none of that: the door reaches it on 127.0.0.1.",
                            server.Kind == ModelServerKind.Ollama
                                ? "Start it with: OLLAMA_HOST=127.0.0.1 ollama serve"
                                : "Start it with --host 127.0.0.1"
                        )
                    );
                }
                if (!choice.Url.IsLoopback)
                {
                    findings.Add(
                        new Finding(
                            "model server",
                            Level.Warning,
                            $"The model server is not on this machine but at {choice.Url.Authority}.",
                            "Prompts, and the files that Codex reads, go there.",
                            "Fine if it is yours. Else: codexctl config unset model.url"
                        )
                    );
                }
                findings.AddRange(await LookAsync(probe, choice, server, pull, cancel));
                return findings;
            }
        );

    /// <summary>Every address that something on this machine listens on.</summary>
    public static IEnumerable<IPEndPoint> Listeners() => IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners();

    private static async Task<IEnumerable<Finding>> LookAsync(
        ModelServerProbe probe,
        ModelChoice choice,
        ModelServer server,
        Func<ModelServer, string, CancellationToken, Task> pull,
        CancellationToken cancel
    )
    {
        try
        {
            var found = await new ModelPreflight(probe).CheckAsync(choice.Url, choice.Model, load: false, cancel: cancel);
            var context = found.Model.EffectiveContext is { } tokens ? $"{tokens} tokens" : "not known before the model is loaded";
            return
            [
                Finding.Ok("model", $"{choice.Model} is there and can call tools"),
                .. found.Warnings.Select(warning => new Finding(
                    warning.Contains("context", StringComparison.Ordinal) ? "context" : "model",
                    Level.Warning,
                    warning
                )),
                .. found.Warnings.Any(warning => warning.Contains("context", StringComparison.Ordinal))
                    ? []
                    : (Finding[])[Finding.Ok("context", context)],
            ];
        }
        catch (UserError error)
        {
            var missing =
                server.Kind == ModelServerKind.Ollama && error.Message.Contains("does not have the model", StringComparison.Ordinal);
            var check = error.Message.Contains("context", StringComparison.Ordinal) ? "context" : "model";
            return [Finding.From(check, Level.Problem, error, missing ? stop => pull(server, choice.Model, stop) : null)];
        }
    }

    private static IPAddress? Open(IEnumerable<IPEndPoint> listeners, int port) =>
        listeners
            .Where(listener => listener.Port == port)
            .Select(listener => listener.Address)
            .FirstOrDefault(address => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));
}
