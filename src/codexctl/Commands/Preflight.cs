using Codexctl.Models;

namespace Codexctl.Commands;

/// <summary>Looks at the model server before a local run, and gives Codex's model catalogue as the server's state is now.</summary>
internal static class Preflight
{
    public static async Task<ReadOnlyMemory<byte>> CheckAsync(App app, Uri address, string model, CancellationToken cancel)
    {
        using var probe = new ModelServerProbe(app.Clock);
        var found = await new ModelPreflight(probe).CheckAsync(address, model, load: false, cancel);
        foreach (var warning in found.Warnings)
        {
            app.Terminal.Say(warning);
        }
        var models = await probe.DescribeAllAsync(found.Server, cancel);
        // The catalogue's name must be exactly what Codex was told, also where the server lists it under a longer one.
        return CodexCatalog.Render([
            found.Model with
            {
                Name = model,
            },
            .. models.Where(other => other.Name != model && other.Can("tools") != false),
        ]);
    }
}
