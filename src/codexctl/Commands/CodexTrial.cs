using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Sessions;
using Codexctl.Terminal;

namespace Codexctl.Commands;

/// <summary>The canary: a Codex that nobody uses yet does a small piece of work in a fresh box, on the built-in model.</summary>
internal static class CodexTrial
{
    /// <exception cref="UserError">It did not do the work. Nothing has changed then.</exception>
    public static async Task RunAsync(App app, IContainerEngine engine, CancellationToken cancel)
    {
        try
        {
            if (engine is IImageEngine images)
            {
                await BuildAsync(app, images, ImageCatalogue.Canary, cancel);
            }
            using var project = DemoFolder.Make(keep: false);
            app.Terminal.Say($"trying Codex {app.Codex.Release.Version} in a fresh box ({engine.Name}), on the built-in model…");
            var report = await new DemoShow(app, project, quiet: true, ImageCatalogue.Canary).RunAsync(engine, cancel);
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
            await ForgetAsync(app, engine);
            throw;
        }
    }

    /// <summary>
    /// What was tried becomes the image `codex`, unless somebody else's has that name: built once more under that name, every layer
    /// out of the cache. (A second name for it would do, but in the store of Apple's engine it does not replace the first.)
    /// </summary>
    public static async Task AdoptAsync(App app, IContainerEngine engine, CancellationToken cancel)
    {
        if (engine is not IImageEngine images)
        {
            return;
        }
        var there = await images.InspectImageAsync(ImageMaking.Default, cancel);
        if (there is null || there.Labels.GetValueOrDefault(ImageLabels.Name) == ImageMaking.Default)
        {
            await BuildAsync(app, images, ImageMaking.Default, cancel);
        }
        await ForgetAsync(app, engine);
    }

    private static async Task BuildAsync(App app, IImageEngine engine, string tag, CancellationToken cancel)
    {
        var codex = app.Images.Find(ImageMaking.Default)!;
        var there = await engine.InspectImageAsync(codex.Name, cancel);
        var @base = app.Settings.BuildBase ?? there?.Labels.GetValueOrDefault(ImageLabels.Base) ?? codex.Base;
        var plan = new ImagePlan([new BuildStep(codex, @base, Whole: true, NoCache: false, [])], []);
        ImageMaking.ThrowIfFailed(await ImageMaking.RunAsync(app, engine, plan, new ImageOptions(Tag: tag), jobs: 1, cancel));
    }

    /// <summary>What became of the trial is decided already: an image that stays behind is only told.</summary>
    private static async Task ForgetAsync(App app, IContainerEngine engine)
    {
        try
        {
            if (engine is IImageEngine images && await images.InspectImageAsync(ImageCatalogue.Canary) is not null)
            {
                await images.RemoveImageAsync(ImageCatalogue.Canary);
            }
        }
        catch (Exception error) when (error is UserError or ProcessError)
        {
            app.Terminal.Say($"the image {ImageCatalogue.Canary} could not be removed ({error.Message}); codexctl images prune does that.");
        }
    }
}
