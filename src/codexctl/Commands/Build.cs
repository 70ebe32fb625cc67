using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Images;

namespace Codexctl.Commands;

/// <summary>`codexctl build`: makes the images.</summary>
public static class Build
{
    public static Command Create(App app)
    {
        var image = new Option<string[]>("--image")
        {
            Description = "An image to build; can be repeated (default: all)",
            HelpName = "NAME",
        };
        var rebuild = new Option<bool>("--rebuild") { Description = "Also when it exists, and without the layer cache" };
        var pullBase = new Option<bool>("--pull-base") { Description = "Pull the newest base image first" };
        var refreshBase = new Option<bool>("--refresh-base") { Description = "Remove the base image first, so that it is fetched anew" };
        var baseImage = new Option<string?>("--base")
        {
            Description = "Another base image: any Alpine, Debian or Ubuntu",
            HelpName = "REF",
        };
        var engine = ContainerOptions.EngineOption();
        var command = new Command("build", "Make the images that the boxes come from")
        {
            image,
            rebuild,
            pullBase,
            refreshBase,
            baseImage,
            engine,
        };
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    app,
                    parsed.GetValue(engine),
                    parsed.GetValue(image) ?? [],
                    new ImageOptions(
                        parsed.GetValue(baseImage),
                        parsed.GetValue(rebuild),
                        parsed.GetValue(pullBase),
                        parsed.GetValue(refreshBase)
                    ),
                    cancel
                )
        );
        return command;
    }

    private static async Task<int> RunAsync(
        App app,
        string? engineName,
        IReadOnlyList<string> names,
        ImageOptions options,
        CancellationToken cancel
    )
    {
        var recipes = names.Count > 0 ? [.. names.Select(ImageMaking.CheckName)] : ImageCatalogue.All;
        if (await app.EngineAsync(engineName, cancel) is not IImageEngine engine)
        {
            app.Terminal.Say("bubblewrap needs no images: its boxes use this machine's own system, read-only.");
            return ExitCodes.Ok;
        }
        foreach (var recipe in recipes)
        {
            if (!options.NoCache && await engine.InspectImageAsync(recipe.Name, cancel) is not null)
            {
                app.Terminal.Say($"{recipe.Name} exists already; --rebuild makes it anew.");
                continue;
            }
            await ImageMaking.BuildAsync(app, engine, recipe, options, cancel);
        }
        return ExitCodes.Ok;
    }
}
