using Codexctl.Models;

namespace Codexctl.Commands;

/// <summary>Looks at the model server before a local run.</summary>
internal static class Preflight
{
    private static readonly TimeSpan _noticeable = TimeSpan.FromSeconds(1);

    public static async Task CheckAsync(App app, ModelChoice choice, CancellationToken cancel)
    {
        var (address, model) = (choice.Url, choice.Model);
        var authorization = ModelOverview.Authorization(app.Environment, choice.ApiKeyVariable);
        using var probe = choice.Probe(app.Environment, app.Clock);
        using var progress = new Terminal.Progress(app.Terminal, $"asking {address.Authority} for {model}", app.Clock);
        // Only a loaded model tells the context that it really runs with; the run would load it anyway.
        var slow = app.Clock.CreateTimer(_ => progress.Report("it is being loaded"), null, _noticeable, _noticeable);
        async Task<bool> OfferPullAsync(ModelServer server)
        {
            // The question must not be drawn over.
            await slow.DisposeAsync();
            if (!app.Terminal.IsInteractive || !app.Terminal.Ask($"{server.KindName} does not have {model}. Pull it now?"))
            {
                return false;
            }
            await ModelPulling.PullAsync(app, server, model, authorization, cancel);
            slow = app.Clock.CreateTimer(_ => progress.Report("it is being loaded"), null, _noticeable, _noticeable);
            return true;
        }
        try
        {
            var found = await new ModelPreflight(probe).CheckAsync(address, model, load: true, OfferPullAsync, cancel);
            progress.Succeeded();
            if (app.Terminal.TalksToPerson && found.Model.EffectiveContext is { } context)
            {
                var of = found.Model.ContextMaximum is { } most && most != context ? $" of {most}" : "";
                app.Terminal.Say($"{model} on {found.Server.KindName}, context {context}{of} tokens");
            }
            if (!address.IsLoopback)
            {
                app.Terminal.Say(
                    $"the model runs at {address.Authority}, not on this machine: prompts and files that Codex reads go there."
                );
            }
            foreach (var warning in found.Warnings)
            {
                app.Terminal.Say(warning);
            }
        }
        finally
        {
            await slow.DisposeAsync();
        }
    }
}
