using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Engines;
using Codexctl.Images;

namespace Codexctl.Commands;

/// <summary>`codexctl images`: what was built; `images rm` and `images prune`.</summary>
public static class ImagesCommand
{
    public static Command Create(App app)
    {
        var engine = ContainerOptions.EngineOption();
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var command = new Command("images", "List the images that codexctl built") { engine, json, CreateRm(app), CreatePrune(app) };
        command.SetAction((parsed, cancel) => ListAsync(app, parsed.GetValue(engine), parsed.GetValue(json), cancel));
        return command.WithExamples(("codexctl images", "List the images that codexctl built"), ("codexctl images --json", "For programs"));
    }

    private static Command CreateRm(App app)
    {
        var engine = ContainerOptions.EngineOption();
        var names = new Argument<string[]>("image")
        {
            Description = "Names or tags, as `codexctl images` shows them",
            Arity = ArgumentArity.OneOrMore,
        };
        var command = new Command("rm", "Remove images that no container uses") { names, engine };
        command.SetAction(
            async (parsed, cancel) =>
            {
                var (images, stock) = await StockAsync(app, parsed.GetValue(engine), cancel);
                var chosen = parsed.GetValue(names)!.Select(stock.Find).ToList();
                foreach (var image in chosen)
                {
                    await images.RemoveImageAsync(image.Reference, cancel);
                    app.Terminal.WriteLine(image.Reference);
                }
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl images rm codex-swift", "Remove an image"));
    }

    private static Command CreatePrune(App app)
    {
        var engine = ContainerOptions.EngineOption();
        var keep = new Option<int>("--keep")
        {
            Description = "How many older ones of each image stay (default: 1)",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        keep.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--keep must be 0 or more");
            }
        });
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say what would go" };
        var command = new Command("prune", "Remove older images that no container uses: replaced ones and snapshots")
        {
            keep,
            dryRun,
            engine,
        };
        command.SetAction(
            async (parsed, cancel) =>
            {
                var (images, stock) = await StockAsync(app, parsed.GetValue(engine), cancel);
                var going = stock.Prunable(parsed.GetValue(keep));
                foreach (var image in going)
                {
                    if (!parsed.GetValue(dryRun))
                    {
                        await images.RemoveImageAsync(image.Reference, cancel);
                    }
                    app.Terminal.WriteLine(image.Reference);
                }
                var verb = parsed.GetValue(dryRun) ? "would be removed" : "removed";
                app.Terminal.Say(going.Count == 0 ? "nothing to remove." : $"{going.Count} {verb}.");
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(
            ("codexctl images prune --dry-run", "See which older images would go"),
            ("codexctl images prune --keep 0", "Remove all that a newer one replaced")
        );
    }

    private static async Task<int> ListAsync(App app, string? engineName, bool json, CancellationToken cancel)
    {
        if (await app.EngineAsync(engineName, cancel) is not IImageEngine engine)
        {
            if (json)
            {
                app.Terminal.WriteLine("[]");
            }
            app.Terminal.Say("bubblewrap needs no images: its boxes use this machine's own system, read-only.");
            return ExitCodes.Ok;
        }
        var stock = await ImageStock.LoadAsync(engine, cancel);
        var rows = stock.Images.Select(image => Row.From(app, image)).ToList();
        if (json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize(rows, ImagesJson.Default.ListRow));
            return ExitCodes.Ok;
        }
        if (rows.Count == 0 && app.Terminal.IsInteractive)
        {
            app.Terminal.Say("There are no images yet. codexctl build makes them.");
            return ExitCodes.Ok;
        }
        Terminal.Table.Write(
            app.Terminal,
            app.Terminal.IsInteractive,
            ["IMAGE", "SIZE", "AGE", "CODEX", "STATE", "BASE", "IN USE"],
            [
                .. rows.Select(row =>
                    (IReadOnlyList<string>)
                        [
                            row.Image,
                            row.Size is { } size ? $"{size / 1e6:0} MB" : "-",
                            row.Created is { } created ? Age(app.Clock.GetUtcNow() - created) : "-",
                            row.Codex ?? "-",
                            row.State,
                            row.Base ?? "-",
                            row.UsedBy.Count > 0 ? string.Join(' ', row.UsedBy) : "-",
                        ]
                ),
            ]
        );
        return ExitCodes.Ok;
    }

    private static async Task<(IImageEngine Engine, ImageStock Stock)> StockAsync(App app, string? engineName, CancellationToken cancel)
    {
        var engine =
            await app.EngineAsync(engineName, cancel) as IImageEngine
            ?? throw new UserError("bubblewrap has no images.", null, "Use another engine: --engine docker", ExitCodes.Usage);
        return (engine, await ImageStock.LoadAsync(engine, cancel));
    }

    internal static string Age(TimeSpan age) =>
        age.TotalMinutes < 1 ? "now"
        : age.TotalHours < 1 ? $"{age.TotalMinutes:0} min"
        : age.TotalDays < 2 ? $"{age.TotalHours:0} h"
        : $"{age.TotalDays:0} days";

    /// <param name="Image">The name with its tag; the id where a newer image took the name.</param>
    /// <param name="Size">Bytes, with the layers that others share.</param>
    /// <param name="State">current, outdated (of another recipe or Codex), replaced (a newer one has its name), snapshot, left over (of a trial that was killed),
    /// tagged (a name of the person's, which `prune` leaves).</param>
    /// <param name="UsedBy">Containers that are made from it.</param>
    public sealed record Row(
        string Image,
        string Name,
        string Id,
        long? Size,
        DateTimeOffset? Created,
        string? Codex,
        string? Base,
        string State,
        IReadOnlyList<string> UsedBy
    ) : VersionedJson
    {
        internal static Row From(App app, StockedImage image) =>
            new(
                image.Reference,
                image.Name,
                image.Info.Id,
                image.Info.Size,
                image.Info.Created,
                image.Info.Labels.GetValueOrDefault(ImageLabels.Codex),
                image.Info.Labels.GetValueOrDefault(ImageLabels.Base),
                image.Kind switch
                {
                    StockKind.Replaced => "replaced",
                    StockKind.Snapshot => "snapshot",
                    StockKind.LeftOver => "left over",
                    StockKind.Tagged => "tagged",
                    _ when app.Images.Find(image.Name) is { } recipe
                            && ImagePlan.StateOf(app.Images, app.Codex.Release, recipe, image.Info) is ImageState.Current => "current",
                    _ => "outdated",
                },
                image.UsedBy
            );
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(List<ImagesCommand.Row>))]
internal sealed partial class ImagesJson : JsonSerializerContext;
