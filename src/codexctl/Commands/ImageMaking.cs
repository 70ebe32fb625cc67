using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Terminal;

namespace Codexctl.Commands;

/// <summary>Builds images for `build` and for a `run` whose image is missing; shows the progress and keeps the log.</summary>
internal static class ImageMaking
{
    public const string Default = "codex";
    private const int TailLines = 20;

    /// <exception cref="UserError">There is no such image, or the engine has none at all.</exception>
    public static void Check(IContainerEngine engine, string? image)
    {
        if (image is not null && !engine.Capabilities.Images && image != Default)
        {
            throw new UserError(
                $"{engine.Name} has no images, so there is no {image}.",
                "Its boxes use this machine's own system, read-only.",
                "Leave --image out, or use another engine: --engine docker",
                ExitCodes.Usage
            );
        }
        CheckName(image ?? Default);
    }

    public static ImageRecipe CheckName(string image) =>
        ImageCatalogue.Find(image)
        ?? throw new UserError(
            $"There is no image {image}.",
            $"This version knows: {string.Join(", ", ImageCatalogue.All.Select(recipe => recipe.Name))}.",
            null,
            ExitCodes.Usage
        );

    public static Task MakeAsync(App app, IContainerEngine engine, string image, CancellationToken cancel) =>
        engine is IImageEngine images
            ? BuildAsync(app, images, CheckName(image), new ImageOptions(), cancel)
            : throw new UserError($"{engine.Name} cannot build images.");

    public static async Task BuildAsync(App app, IImageEngine engine, ImageRecipe recipe, ImageOptions options, CancellationToken cancel)
    {
        // For machines that cannot reach the usual base image, or whose builds need the host's network.
        options = options with
        {
            Base = options.Base ?? app.Settings.BuildBase,
            Network = options.Network ?? app.Settings.BuildNetwork,
        };
        var log = Path.Combine(Paths.MakePrivate(app.Paths.BuildLogs), $"{recipe.Name}.log");
        var tail = new Queue<string>();
        using var progress = new Progress(app.Terminal, $"building the image {recipe.Name}", app.Clock);
        try
        {
            await using var file = new StreamWriter(log);
            await new ImageBuilder(engine, app.Codex, app.Paths, app.Environment, app.Clock).BuildAsync(
                recipe,
                options,
                new DownloadView(progress, app.Terminal),
                line =>
                {
                    file.WriteLine(line);
                    tail.Enqueue(line);
                    if (tail.Count > TailLines)
                    {
                        tail.Dequeue();
                    }
                    progress.Report(line);
                },
                cancel
            );
            progress.Succeeded();
        }
        catch (ProcessError error)
        {
            progress.Failed();
            throw new UserError(
                $"The image {recipe.Name} could not be built.",
                tail.Count > 0 ? string.Join('\n', tail) : error.Tail,
                $"The whole log is {log}"
            );
        }
    }
}

/// <summary>Draws a download.</summary>
internal sealed class DownloadView(Progress progress, Terminal.Terminal terminal) : IDownloadProgress
{
    public void Report(long done, long? total) => progress.Report(done, total);

    public void Note(string text) => terminal.Say(text);
}
