using Codexctl.Engines;
using Codexctl.Images;

namespace Codexctl.Commands;

/// <summary>What a run says about images and containers that are not of this codexctl's recipe and Codex.</summary>
internal static class ImageOffers
{
    /// <summary>What is wrong with an image that a new container would be made from; null when nothing is.</summary>
    public static string? Problem(App app, string name, ImageInfo image)
    {
        if (app.Images.Find(name) is not { } recipe)
        {
            // One that codexctl itself made for a moment (the canary).
            return null;
        }
        return ImagePlan.StateOf(app.Images, app.Codex.Release, recipe, image) switch
        {
            ImageState.Foreign => $"The image {name} was not built by codexctl, so a box cannot be made from it.",
            ImageState.Outdated when image.Labels.GetValueOrDefault(ImageLabels.Codex) is { } codex && codex != app.Codex.Release.Version =>
                $"The image {name} holds Codex {codex}; this codexctl uses {app.Codex.Release.Version}.",
            ImageState.Outdated => $"The image {name} is of another recipe than this codexctl's.",
            _ when image.Labels.GetValueOrDefault(ImageLabels.Codex) is null => throw new UserError(
                $"There is no Codex in the image {name}.",
                "Its recipe starts from none of codexctl's images.",
                $"Let it begin with FROM {ImageCatalogue.Codex}: {Path.Combine(recipe.Folder ?? name, "Dockerfile")}",
                ExitCodes.BeforeCommand
            ),
            _ => null,
        };
    }

    /// <summary>Offers to build the image anew; without a person at the terminal it says how, and goes on where that is possible.</summary>
    /// <exception cref="UserError">The image is another program's and was not to be replaced.</exception>
    public static async Task OfferAsync(App app, IContainerEngine engine, string name, string problem, CancellationToken cancel)
    {
        var foreign = problem.Contains("was not built by codexctl", StringComparison.Ordinal);
        var command = $"codexctl build --image {name}{(foreign ? " --rebuild" : "")}";
        if (engine is IImageEngine images && app.Terminal.IsInteractive)
        {
            app.Terminal.Say(problem);
            if (app.Terminal.Ask("Build it anew now? Containers that exist stay as they are."))
            {
                var request = new BuildRequest { Names = [name], Rebuild = foreign };
                var (_, results) = await ImageMaking.BuildAsync(app, images, request, cancel);
                ImageMaking.ThrowIfFailed(results);
                return;
            }
        }
        if (foreign)
        {
            throw new UserError(problem, "It lacks codexctl's way in.", $"Replace it: {command}", ExitCodes.BeforeCommand);
        }
        app.Terminal.Say($"{(app.Terminal.IsInteractive ? "" : problem + " ")}Going on with it. Build it anew: {command}");
    }

    /// <summary>A container keeps the image that it was made from; containers carry their image's labels.</summary>
    public static string? Notice(App app, ContainerInfo container)
    {
        if (
            container.Label(ImageLabels.Recipe) is not { } recipe
            || container.Label(ImageLabels.Base) is not { } @base
            || app.Images.Find(container.Label(ContainerLabels.Image) ?? "") is not { } now
            || recipe == app.Images.Fingerprint(now, app.Codex.Release, @base)
        )
        {
            return null;
        }
        var old = container.Label(ImageLabels.Codex);
        var what =
            old is not null && old != app.Codex.Release.Version
                ? $"has Codex {old}, and this codexctl uses {app.Codex.Release.Version}"
                : "is of an older image";
        return $"{container.Name} {what}. {Way(container)}";
    }

    /// <summary>How a container comes to a newer image.</summary>
    public static string Way(ContainerInfo container) => $"To move it, with its sessions: codexctl upgrade {container.Name}";
}
