using Codexctl.Models;
using Codexctl.Processes;
using Codexctl.Terminal;

namespace Codexctl.Commands;

/// <summary>Pulls a model and shows how far it is; for `models pull` and for a run that misses its model.</summary>
internal static class ModelPulling
{
    public static async Task PullAsync(App app, ModelServer server, string name, string? authorization, CancellationToken cancel)
    {
        using var http = ModelServerProbe.Client(authorization);
        using var progress = new Progress(app.Terminal, $"pulling {name}", app.Clock);
        var bar = new Bar(app.Clock);
        // Else Ctrl-C would end us without a word.
        using var interrupts = new Interrupts(cancel);
        try
        {
            await new ModelPull(http, app.Clock).RunAsync(
                server,
                name,
                now => progress.Report(now.Total is { } total ? bar.Draw(now.Done, total) : now.Status),
                why => progress.Note($"the connection broke ({why.TrimEnd('.')}); going on where it stopped"),
                interrupts.Token
            );
            progress.Succeeded();
        }
        catch (OperationCanceledException)
        {
            app.Terminal.Say($"stopped. What is there is kept; go on with: codexctl models pull {name}");
            throw;
        }
        catch
        {
            progress.Failed();
            throw;
        }
    }
}
