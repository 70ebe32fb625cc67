using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
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
            Description = "An image to build; can be repeated (default: the four of codexctl)",
            HelpName = "NAME",
        }.CompleteImages(app);
        var rebuild = new Option<bool>("--rebuild") { Description = "Also when it exists, and without the layer cache" };
        var pullBase = new Option<bool>("--pull-base") { Description = "Pull the newest base image first" };
        var refreshBase = new Option<bool>("--refresh-base") { Description = "Remove the base image first, so that it is fetched anew" };
        var baseImage = new Option<string?>("--base")
        {
            Description = "Another base image: any Alpine, Debian or Ubuntu",
            HelpName = "REF",
        };
        var jobs = new Option<int?>("--jobs") { Description = "How many images at once (default: by processors)", HelpName = "N" };
        jobs.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is < 1)
            {
                result.AddError("--jobs must be 1 or more");
            }
        });
        var keepCa = new Option<bool>("--keep-ca") { Description = "The images go on trusting the certificates of the setting ca_file" };
        var snapshot = new Option<bool>("--snapshot") { Description = "Also give each image a tag with the time, which never moves" };
        var json = new Option<bool>("--json") { Description = "The result as JSON" };
        var engine = ContainerOptions.EngineOption();
        var command = new Command("build", "Make the images that the boxes come from")
        {
            image,
            rebuild,
            pullBase,
            refreshBase,
            baseImage,
            jobs,
            keepCa,
            snapshot,
            json,
            engine,
        };
        command.SetAction(
            (parsed, cancel) =>
                RunAsync(
                    app,
                    parsed.GetValue(engine),
                    new BuildRequest
                    {
                        Names = parsed.GetValue(image) ?? [],
                        Base = parsed.GetValue(baseImage),
                        Rebuild = parsed.GetValue(rebuild),
                        Jobs = parsed.GetValue(jobs),
                        Options = new ImageOptions(
                            parsed.GetValue(pullBase),
                            parsed.GetValue(refreshBase),
                            KeepAuthorities: parsed.GetValue(keepCa)
                        ),
                    },
                    parsed.GetValue(snapshot),
                    parsed.GetValue(json),
                    cancel
                )
        );
        return command.WithExamples(
            ("codexctl build", "Make the four images"),
            ("codexctl build --image codex-python --rebuild", "Make one of them anew, from nothing"),
            ("codexctl build --base debian:12-slim", "From another base image")
        );
    }

    private static async Task<int> RunAsync(
        App app,
        string? engineName,
        BuildRequest request,
        bool snapshot,
        bool json,
        CancellationToken cancel
    )
    {
        foreach (var name in request.Names)
        {
            ImageMaking.CheckName(app, name);
        }
        ImageMaking.CheckBase(request.Base);
        if (await app.EngineAsync(engineName, cancel) is not IImageEngine engine)
        {
            app.Terminal.Say("bubblewrap needs no images: its boxes use this machine's own system, read-only.");
            if (json)
            {
                app.Terminal.WriteLine("[]");
            }
            return ExitCodes.Ok;
        }
        var (plan, results) = await ImageMaking.BuildAsync(app, engine, request, cancel);
        var built = results.Where(result => result.Problem is null).Select(result => result.Step.Recipe.Name).ToList();
        var tags = snapshot
            ? await SnapshotAsync(
                app,
                engine,
                [.. built, .. plan.Skipped.Where(skipped => skipped.IsOurs).Select(skipped => skipped.Name)],
                cancel
            )
            : new Dictionary<string, string>(StringComparer.Ordinal);
        if (json)
        {
            List<Row> rows =
            [
                .. plan.Skipped.Select(skipped => new Row(
                    skipped.Name,
                    "skipped",
                    skipped.Why,
                    null,
                    null,
                    tags.GetValueOrDefault(skipped.Name),
                    null
                )),
                .. results.Select(result => new Row(
                    result.Step.Recipe.Name,
                    result.Problem is null ? "built" : "failed",
                    result.Problem,
                    result.Step.Base,
                    Math.Round(result.Time.TotalSeconds, 1),
                    tags.GetValueOrDefault(result.Step.Recipe.Name),
                    result.Log
                )),
            ];
            app.Terminal.WriteLine(JsonSerializer.Serialize(rows, BuildJson.Default.ListRow));
        }
        ImageMaking.ThrowIfFailed(results);
        return ExitCodes.Ok;
    }

    /// <summary>One time for all of them, so that what was built together can be found together.</summary>
    private static async Task<Dictionary<string, string>> SnapshotAsync(
        App app,
        IImageEngine engine,
        IReadOnlyList<string> names,
        CancellationToken cancel
    )
    {
        var time = app.Clock.GetUtcNow().ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var tags = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            var tag = $"{name}:{time}";
            if (await engine.InspectImageAsync(tag, cancel) is not null)
            {
                throw new UserError($"{tag} exists already.", "A snapshot never moves to another image.", "Try again in a second.");
            }
            await engine.TagImageAsync(name, tag, cancel);
            tags[name] = tag;
            app.Terminal.Say($"{name}: also {tag}");
        }
        return tags;
    }

    /// <param name="Result">built, skipped or failed.</param>
    /// <param name="Seconds">How long it took, to a tenth.</param>
    /// <param name="Snapshot">The tag with the time.</param>
    public sealed record Row(string Name, string Result, string? Why, string? Base, double? Seconds, string? Snapshot, string? Log)
        : VersionedJson;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(List<Build.Row>))]
internal sealed partial class BuildJson : JsonSerializerContext;
