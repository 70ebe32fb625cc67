using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>`codexctl upgrade`: moves a container to a newer or another image, with its sessions.</summary>
public static class Upgrade
{
    public static Command Create(App app)
    {
        var name = new Argument<string?>("container")
        {
            Description = "Default: the current folder's",
            Arity = ArgumentArity.ZeroOrOne,
        }.CompleteContainers(app);
        var image = new Option<string?>("--image")
        {
            Description = "Another image (default: the newest of the same name)",
            HelpName = "NAME",
        }.CompleteImages(app);
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say what would be done" };
        var command = new Command("upgrade", "Move a container to a new image, with its Codex sessions and settings")
        {
            name,
            image,
            dryRun,
        };
        var options = new ContainerOptions(app);
        options.AddTo(command);
        command.SetAction(
            async (parsed, cancel) =>
            {
                using var interrupts = new Processes.Interrupts(cancel);
                var (engine, container) = await options.FindAsync(app, parsed, interrupts.Token, parsed.GetValue(name));
                return await RunAsync(app, engine, container, parsed.GetValue(image), parsed.GetValue(dryRun), interrupts.Token);
            }
        );
        return command.WithExamples(
            ("codexctl upgrade", "Move this folder's container to the newest image"),
            ("codexctl upgrade --image codex-python --dry-run", "See what moving to another image would do")
        );
    }

    private static async Task<int> RunAsync(
        App app,
        IContainerEngine engine,
        ContainerInfo container,
        string? asked,
        bool dryRun,
        CancellationToken cancel
    )
    {
        ImageMaking.Check(app, engine, asked);
        if (engine is not IExportingEngine images)
        {
            app.Terminal.Say(
                $"{container.Name} uses this machine's own system and takes the pinned Codex at its next start; nothing to do."
            );
            return ExitCodes.Ok;
        }
        CheckMovable(container);
        var name = asked ?? container.Label(ContainerLabels.Image) ?? ImageMaking.Default;
        ImageMaking.CheckName(app, name);
        var recipe = app.Images.Find(name)!;
        var image = await images.InspectImageAsync(name, cancel);
        var state = ImagePlan.StateOf(app.Images, app.Codex.Release, recipe, image);
        if (state == ImageState.Current && image!.Id == container.ImageId)
        {
            app.Terminal.Say($"{container.Name} is of the newest image {name} already.");
            return ExitCodes.Ok;
        }
        if (dryRun)
        {
            app.Terminal.WriteLine(state == ImageState.Current ? $"image {name}: as it is" : $"image {name}: build it anew");
            app.Terminal.WriteLine(
                $"container {container.Name}: from Codex {container.Label(ImageLabels.Codex) ?? "?"} to {app.Codex.Release.Version}, "
                    + $"with {Box.LocalCodexHome} and {Box.OnlineCodexHome}; what was installed elsewhere in it goes"
            );
            return ExitCodes.Ok;
        }
        if (state != ImageState.Current)
        {
            await ImageMaking.MakeAsync(app, engine, name, cancel);
        }
        var last = app.Gateways.LastOrder(engine.Name, container.Name);
        var request = ExistingContainer.Copy(container, last, app.Environment, app.Settings, app.Paths);
        string version;
        using (var progress = new Terminal.Progress(app.Terminal, $"moving {container.Name}", app.Clock))
        {
            version = await app.Sessions(images).MoveAsync(request, name, progress.Report, cancel);
            progress.Succeeded();
        }
        app.Terminal.Say($"{container.Name} is of the image {name} now: {version}");
        app.Terminal.WriteLine(container.Name);
        return ExitCodes.Ok;
    }

    private static void CheckMovable(ContainerInfo container)
    {
        if (container.State != ContainerState.Stopped)
        {
            throw new UserError(
                $"The container {container.Name} is running.",
                null,
                $"Stop it first: codexctl stop --name {container.Name}"
            );
        }
        if (container.Label(ContainerLabels.Temporary) == "true")
        {
            throw new UserError($"The container {container.Name} is temporary.", "It goes at the end of its run.");
        }
    }
}
