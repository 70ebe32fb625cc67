using Codexctl.Models;

namespace Codexctl.Commands;

/// <summary>Looks at the model server before a local run.</summary>
internal static class Preflight
{
    public static async Task CheckAsync(App app, Uri address, string model, CancellationToken cancel)
    {
        using var probe = new ModelServerProbe(app.Clock);
        var found = await new ModelPreflight(probe).CheckAsync(address, model, load: false, cancel);
        foreach (var warning in found.Warnings)
        {
            app.Terminal.Say(warning);
        }
    }
}
