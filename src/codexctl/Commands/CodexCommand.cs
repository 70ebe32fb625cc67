using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Engines;
using Codexctl.Images;

namespace Codexctl.Commands;

/// <summary>`codexctl codex`: which Codex is used, another one, and back.</summary>
public static class CodexCommand
{
    public static Command Create(App app) =>
        new Command("codex", "The pinned Codex: which it is, another one, and back")
        {
            CreateVersion(app),
            CreateUpgrade(app),
            CreateRollback(app),
        }.WithExamples(
            ("codexctl codex version", "Which Codex boxes get"),
            ("codexctl codex upgrade", "Use the newest, once it worked here")
        );

    private static Command CreateVersion(App app)
    {
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var command = new Command("version", "Show the Codex that boxes get") { json };
        command.SetAction(parsed =>
        {
            var pin = CodexPin.Load(app.Paths);
            if (parsed.GetValue(json))
            {
                var row = new Row(
                    pin.Lock.Version,
                    pin.IsChosen,
                    CodexLock.Embedded.Version,
                    pin.Lock.ForThisMachine().Integrity.Text,
                    [.. pin.Earlier.Select(old => old.Version)]
                );
                app.Terminal.WriteLine(JsonSerializer.Serialize(row, CodexJson.Default.Row));
                return ExitCodes.Ok;
            }
            app.Terminal.WriteLine(pin.Lock.Version);
            app.Terminal.Say(
                pin.IsChosen
                    ? $"chosen by codexctl codex upgrade; this codexctl came with {CodexLock.Embedded.Version}. codexctl codex rollback goes back."
                    : "the one that this codexctl came with."
            );
            return ExitCodes.Ok;
        });
        return command.WithExamples(("codexctl codex version", "Show the Codex that boxes get"));
    }

    private static Command CreateUpgrade(App app)
    {
        var version = new Argument<string?>("version") { Description = "Default: the newest", Arity = ArgumentArity.ZeroOrOne };
        var engine = ContainerOptions.EngineOption();
        var command = new Command("upgrade", "Use another Codex, after it worked in a fresh box on the built-in model") { version, engine };
        command.SetAction(
            async (parsed, cancel) =>
            {
                using var interrupts = new Processes.Interrupts(cancel);
                return await UpgradeAsync(app, parsed.GetValue(engine), parsed.GetValue(version), interrupts.Token);
            }
        );
        return command.WithExamples(
            ("codexctl codex upgrade", "Use the newest Codex, once it worked here"),
            ("codexctl codex upgrade 0.169.0", "Use this one")
        );
    }

    private static Command CreateRollback(App app)
    {
        var engine = ContainerOptions.EngineOption();
        var command = new Command("rollback", "Go back to the Codex before the last upgrade") { engine };
        command.SetAction((parsed, cancel) => RollbackAsync(app, parsed.GetValue(engine), cancel));
        return command.WithExamples(("codexctl codex rollback", "Go back to the one before"));
    }

    private static async Task<int> UpgradeAsync(App app, string? engineName, string? version, CancellationToken cancel)
    {
        var pin = CodexPin.Load(app.Paths);
        var next = await new CodexReleases(app.Environment, app.Clock).FindAsync(version, cancel);
        if (next.Version == pin.Lock.Version)
        {
            app.Terminal.Say($"Codex {next.Version} is in use already.");
            return ExitCodes.Ok;
        }
        var release = next.ForThisMachine();
        app.Terminal.Say($"Codex {next.Version} instead of {pin.Lock.Version}; the registry's hash for it: {release.Integrity}");
        var trial = app.With(next);
        await trial.CodexFilesAsync(cancel);
        var engine = await trial.EngineAsync(engineName, cancel);
        await CodexTrial.RunAsync(trial, engine, cancel);
        pin.Choose(next).Save(app.Paths);
        try
        {
            await CodexTrial.AdoptAsync(trial, engine, cancel);
        }
        catch
        {
            // The pin and the image belong together.
            pin.Save(app.Paths);
            app.Terminal.Say($"Codex {pin.Lock.Version} stays in use.");
            throw;
        }
        app.Terminal.WriteLine(next.Version);
        await TellAsync(trial, engine, cancel);
        return ExitCodes.Ok;
    }

    private static async Task<int> RollbackAsync(App app, string? engineName, CancellationToken cancel)
    {
        var pin = CodexPin.Load(app.Paths);
        if (pin.Back() is not { } back)
        {
            throw new UserError(
                $"There is no earlier Codex: {pin.Lock.Version} came with this codexctl.",
                null,
                "Choose one: codexctl codex upgrade VERSION"
            );
        }
        var then = app.With(back.Lock);
        // While it can be had, and before anything changes.
        await then.CodexFilesAsync(cancel);
        var engine = await then.EngineAsync(engineName, cancel);
        if (engine is IImageEngine images && await images.InspectImageAsync(ImageMaking.Default, cancel) is not null)
        {
            await ImageMaking.MakeAsync(then, engine, ImageMaking.Default, cancel);
        }
        back.Save(app.Paths);
        app.Terminal.WriteLine(back.Lock.Version);
        await TellAsync(then, engine, cancel);
        return ExitCodes.Ok;
    }

    /// <summary>What did not change by itself, and how to change it.</summary>
    private static async Task TellAsync(App app, IContainerEngine engine, CancellationToken cancel)
    {
        if (engine is not IImageEngine images)
        {
            app.Terminal.Say("Boxes use it from their next start on.");
            return;
        }
        foreach (var recipe in app.Images.All)
        {
            var image = await images.InspectImageAsync(recipe.Name, cancel);
            if (ImagePlan.StateOf(app.Images, app.Codex.Release, recipe, image) is ImageState.Outdated)
            {
                app.Terminal.Say($"The image {recipe.Name} still holds the other Codex: codexctl build --image {recipe.Name}");
            }
        }
        foreach (var container in (await engine.ListAsync(cancel)).Where(container => container.IsOurs))
        {
            if (container.Label(ImageLabels.Codex) is { } codex && codex != app.Codex.Release.Version)
            {
                app.Terminal.Say($"{container.Name} goes on with Codex {codex}. {ImageOffers.Way(container)}");
            }
        }
    }

    /// <param name="Chosen">By `codex upgrade`; else it came with codexctl.</param>
    /// <param name="Earlier">What `rollback` goes back to, the newest last; after them the one that codexctl came with.</param>
    internal sealed record Row(string Version, bool Chosen, string CameWith, string Integrity, IReadOnlyList<string> Earlier)
        : VersionedJson;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(CodexCommand.Row))]
internal sealed partial class CodexJson : JsonSerializerContext;
