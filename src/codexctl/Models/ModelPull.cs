using System.Net;
using System.Text;
using System.Text.Json;

namespace Codexctl.Models;

/// <summary>How far a pull is.</summary>
/// <param name="Status">The server's words.</param>
/// <param name="Done">Bytes of all layers that are there; those of an earlier, broken pull count.</param>
/// <param name="Total">Bytes of all layers that the server named so far; null before the first.</param>
public sealed record PullProgress(string Status, long Done, long? Total);

/// <summary>
/// Pulls a model by Ollama's own stream, from the host. The server keeps what it has of a broken pull, so that asking again
/// goes on where it stopped.
/// </summary>
public sealed class ModelPull(HttpClient http, TimeProvider clock)
{
    private const int Tries = 5;

    /// <summary>A pull that says nothing for so long is taken for broken: the server tells its progress several times a second.</summary>
    private static readonly TimeSpan _silence = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan _pause = TimeSpan.FromSeconds(2);

    /// <param name="broken">Called before it goes on after a broken connection, with the reason.</param>
    /// <exception cref="UserError">The server cannot pull it, in its own words; or the connection broke again and again.</exception>
    public async Task RunAsync(
        ModelServer server,
        string name,
        Action<PullProgress> report,
        Action<string> broken,
        CancellationToken cancel = default
    )
    {
        if (server.Kind != ModelServerKind.Ollama)
        {
            throw new UserError($"{server.KindName} at {server.Display} does not pull models.", null, Elsewhere(server.Kind, name));
        }
        if (OllamaNames.IsCloud(name))
        {
            throw new UserError(
                $"{name} would not run on this machine but at ollama.com.",
                "In local mode nothing leaves the machine.",
                "Choose a model without the tag cloud."
            );
        }
        for (var left = Tries; ; )
        {
            var before = -1L;
            try
            {
                await OnceAsync(
                    server,
                    name,
                    progress =>
                    {
                        // Whoever gets on is given its tries again: a large model over a bad line breaks often.
                        left = before >= 0 && progress.Done > before ? Tries : left;
                        before = progress.Done;
                        report(progress);
                    },
                    cancel
                );
                return;
            }
            catch (Exception error)
                when (error is IOException or HttpRequestException or TimeoutException && !cancel.IsCancellationRequested)
            {
                if (--left == 0)
                {
                    throw new UserError(
                        $"The pull of {name} broke off.",
                        error.Message,
                        $"What is there is kept. Go on with: codexctl models pull {name}"
                    );
                }
                broken(error.Message);
                await Task.Delay(_pause, clock, cancel);
            }
        }
    }

    private async Task OnceAsync(ModelServer server, string name, Action<PullProgress> report, CancellationToken cancel)
    {
        var body = $$"""{"model":"{{JsonEncodedText.Encode(name)}}","stream":true}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, server.At("/api/pull"))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel)
            .WaitAsync(_silence, clock, cancel);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancel));
        var layers = new Dictionary<string, (long Done, long Total)>(StringComparer.Ordinal);
        while (await lines.ReadLineAsync(cancel).AsTask().WaitAsync(_silence, clock, cancel) is { } line)
        {
            if (line.Trim().Length == 0)
            {
                continue;
            }
            var said = Parse(line) ?? throw Refused(server, name, answer.StatusCode, line);
            if (said.Text("error") is { } error)
            {
                throw Refused(server, name, answer.StatusCode, error);
            }
            var status = said.Text("status") ?? "";
            if (status == "success")
            {
                return;
            }
            if (said.Text("digest") is { } digest && said.Number("total") is { } total)
            {
                layers[digest] = (Math.Clamp(said.Number("completed") ?? 0, 0, total), total);
            }
            report(
                new PullProgress(
                    status,
                    layers.Values.Sum(layer => layer.Done),
                    layers.Count == 0 ? null : layers.Values.Sum(layer => layer.Total)
                )
            );
        }
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            throw Refused(server, name, answer.StatusCode, "it gave no reason");
        }
        throw new IOException("The server ended the stream before the model was there.");
    }

    private static JsonElement? Parse(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static UserError Refused(ModelServer server, string name, HttpStatusCode status, string words) =>
        new(
            $"{server.KindName} at {server.Display} cannot pull {name}.",
            Settings.Shown.Text(status == HttpStatusCode.OK ? words : $"{(int)status}: {words}"),
            "Check the name at https://ollama.com/library, and that the server can reach the internet."
        );

    private static string Elsewhere(ModelServerKind kind, string name) =>
        kind switch
        {
            ModelServerKind.LmStudio => $"Get it there: lms get {name}",
            ModelServerKind.LlamaCpp => "Start it with another model: llama-server --jinja -hf NAME",
            ModelServerKind.Vllm => $"Start it with the model: vllm serve {name}",
            _ => "Load the model where the server runs.",
        };
}
