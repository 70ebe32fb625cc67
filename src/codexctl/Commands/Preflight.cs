using Codexctl.Models;

namespace Codexctl.Commands;

/// <summary>Looks at the model server before a local run.</summary>
internal static class Preflight
{
    private static readonly TimeSpan _noticeable = TimeSpan.FromSeconds(1);

    public static async Task CheckAsync(App app, Uri address, string model, CancellationToken cancel)
    {
        using var probe = new ModelServerProbe(app.Clock);
        using var progress = new Terminal.Progress(app.Terminal, $"asking {address.Authority} for {model}", app.Clock);
        // Only a loaded model tells the context that it really runs with; the run would load it anyway.
        using var slow = app.Clock.CreateTimer(_ => progress.Report("it is being loaded"), null, _noticeable, _noticeable);
        var found = await new ModelPreflight(probe).CheckAsync(address, model, load: true, cancel);
        foreach (var warning in found.Warnings)
        {
            app.Terminal.Say(warning);
        }
    }
}
