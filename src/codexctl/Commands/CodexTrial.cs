using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Sessions;
using Codexctl.Terminal;

namespace Codexctl.Commands;

/// <summary>The canary: a Codex that nobody uses yet does a small piece of work in a fresh box, on the built-in model.</summary>
internal static class CodexTrial
{
    private const string Canary = "codex-canary";

    /// <exception cref="UserError">It did not do the work. Nothing has changed then.</exception>
    public static async Task RunAsync(App app, IContainerEngine engine, CancellationToken cancel)
    {
        try
        {
            if (engine is IImageEngine images)
            {
                await BuildAsync(app, images, cancel);
            }
            using var project = DemoFolder.Make(keep: false);
            app.Terminal.Say($"trying Codex {app.Codex.Release.Version} in a fresh box ({engine.Name}), on the built-in model…");
            var report = await new DemoShow(app, project, quiet: true, Canary).RunAsync(engine, cancel);
            if (!report.Ok)
            {
                throw new UserError(
                    $"Codex {app.Codex.Release.Version} does not work with this codexctl; it is not used.",
                    string.Join('\n', report.Problems),
                    "Nothing was changed. Wait for a newer codexctl, or try another version."
                );
            }
        }
        catch
        {
            await ForgetAsync(engine);
            throw;
        }
    }

    /// <summary>The image that was tried becomes the image `codex`, unless somebody else's has that name.</summary>
    public static async Task AdoptAsync(App app, IContainerEngine engine, CancellationToken cancel)
    {
        if (engine is not IImageEngine images)
        {
            return;
        }
        var there = await images.InspectImageAsync(ImageMaking.Default, cancel);
        if (there is null || there.Labels.GetValueOrDefault(ImageLabels.Name) == ImageMaking.Default)
        {
            await images.TagImageAsync(Canary, ImageMaking.Default, cancel);
        }
        await ForgetAsync(engine);
    }

    private static async Task BuildAsync(App app, IImageEngine engine, CancellationToken cancel)
    {
        var codex = app.Images.Find(ImageMaking.Default)!;
        var there = await engine.InspectImageAsync(codex.Name, cancel);
        var @base = app.Settings.BuildBase ?? there?.Labels.GetValueOrDefault(ImageLabels.Base) ?? codex.Base;
        var plan = new ImagePlan([new BuildStep(codex, @base, Whole: true, NoCache: false, [])], []);
        ImageMaking.ThrowIfFailed(await ImageMaking.RunAsync(app, engine, plan, new ImageOptions(Tag: Canary), jobs: 1, cancel));
    }

    private static async Task ForgetAsync(IContainerEngine engine)
    {
        if (engine is IImageEngine images && await images.InspectImageAsync(Canary) is not null)
        {
            await images.RemoveImageAsync(Canary);
        }
    }
}
