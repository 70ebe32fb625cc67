using System.Text.RegularExpressions;
using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Terminal;

namespace Codexctl.Commands;

/// <summary>What was asked of a build.</summary>
internal sealed record BuildRequest
{
    /// <summary>Names of images; empty for all.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];
    public string? Base { get; init; }
    public bool Rebuild { get; init; }
    public int? Jobs { get; init; }
    public ImageOptions Options { get; init; } = new();
}

/// <summary>Builds images for `build` and for a `run` whose image is missing or outdated; shows the progress and keeps the log.</summary>
internal static partial class ImageMaking
{
    public const string Default = ImageCatalogue.Codex;

    /// <summary>Environment variables hold certificates up to this size; a company's own are a few kilobytes.</summary>
    private const int LargestAuthorities = 64 << 10;

    /// <exception cref="UserError">There is no such image, or the engine has none at all.</exception>
    public static void Check(App app, IContainerEngine engine, string? image)
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
        CheckName(app, image ?? Default);
    }

    public static void CheckName(App app, string image)
    {
        if (app.Images.Find(image) is null)
        {
            if (!UserImages.IsName(image))
            {
                throw new UserError(
                    $"'{image}' cannot be the name of an image.",
                    "Names are small letters and digits, with '.', '_' and '-' between.",
                    $"Name a folder in {app.Paths.UserImages} like that; its Dockerfile is the image.",
                    ExitCodes.Usage
                );
            }
            throw new UserError(
                $"There is no image {image}.",
                $"There are: {string.Join(", ", app.Images.All.Select(recipe => recipe.Name))}.",
                $"An image of your own is a Dockerfile in {Path.Combine(app.Paths.UserImages, image)}",
                ExitCodes.Usage
            );
        }
    }

    /// <summary>Makes one image, for a `run` that needs it.</summary>
    public static async Task MakeAsync(App app, IContainerEngine engine, string image, CancellationToken cancel)
    {
        if (engine is not IImageEngine images)
        {
            throw new UserError($"{engine.Name} cannot build images.");
        }
        CheckName(app, image);
        var (_, results) = await BuildAsync(app, images, new BuildRequest { Names = [image] }, cancel);
        ThrowIfFailed(results);
    }

    public static async Task<(ImagePlan Plan, IReadOnlyList<BuildResult> Results)> BuildAsync(
        App app,
        IImageEngine engine,
        BuildRequest request,
        CancellationToken cancel
    )
    {
        var names =
            request.Names.Count > 0 ? request.Names : [.. app.Images.All.Where(recipe => recipe.IsBuiltIn).Select(recipe => recipe.Name)];
        foreach (var name in names)
        {
            CheckName(app, name);
        }
        // The setting is for machines that cannot reach the usual base image.
        var @base = request.Base ?? app.Settings.BuildBase;
        CheckBase(@base);
        var plan = ImagePlan.Make(
            app.Images,
            app.Codex.Release,
            [.. names.Distinct(StringComparer.Ordinal)],
            await ThereAsync(app, engine, names, cancel),
            @base,
            request.Rebuild
        );
        foreach (var (name, why, _) in plan.Skipped)
        {
            app.Terminal.Say($"{name}: {why}");
        }
        return (plan, await RunAsync(app, engine, plan, request.Options, request.Jobs, cancel));
    }

    /// <summary>Before 380 MB are handed to an engine that only then finds fault with the name, or takes it for an option.</summary>
    /// <exception cref="UserError">It cannot be the name of an image.</exception>
    internal static void CheckBase(string? @base)
    {
        if (@base is not null && !Reference().IsMatch(@base))
        {
            throw new UserError(
                $"'{@base}' cannot be the name of a base image.",
                "It is small letters, as debian:12 or registry.example/team/alpine:3.22.",
                "Correct --base, or the setting: codexctl config set build.base REF",
                ExitCodes.Usage
            );
        }
    }

    /// <summary>Carries out a plan, with a line of progress an image.</summary>
    public static async Task<IReadOnlyList<BuildResult>> RunAsync(
        App app,
        IImageEngine engine,
        ImagePlan plan,
        ImageOptions options,
        int? jobs,
        CancellationToken cancel
    )
    {
        options = options with
        {
            Network = options.Network ?? app.Settings.BuildNetwork,
            Authorities = options.Authorities ?? ReadAuthorities(app),
        };
        // Ctrl-C: the engine's client is interrupted, and what was prepared is removed. No tag has moved.
        using var interrupts = new Processes.Interrupts(cancel);
        using var board = new ProgressBoard(app.Terminal, app.Clock);
        var builder = new ImageBuilder(engine, app.Images, app.Codex, app.Paths, app.Environment, app.Clock);
        var logs = Paths.MakePrivate(app.Paths.BuildLogs);
        try
        {
            return await new BuildRun(builder, logs, app.Clock).RunAsync(
                plan,
                options,
                jobs ?? Math.Clamp(System.Environment.ProcessorCount, 2, 4),
                step => new BuildView(board.Add($"image {options.Tag ?? step.Recipe.Name}")),
                interrupts.Token
            );
        }
        catch (OperationCanceledException)
        {
            board.Note("the images that were there are as they were.");
            throw;
        }
    }

    public static void ThrowIfFailed(IReadOnlyList<BuildResult> results)
    {
        if (results.FirstOrDefault(result => result.Problem is not null) is not { } failed)
        {
            return;
        }
        if (failed.Cause is { } cause)
        {
            throw cause;
        }
        var others = results
            .Where(result => result.Problem is not null && result != failed)
            .Select(result => result.Step.Recipe.Name)
            .ToList();
        throw new UserError(
            $"The image {failed.Step.Recipe.Name} could not be built.",
            failed.Tail,
            $"The whole log is {failed.Log}" + (others.Count > 0 ? $"\nAlso not built: {string.Join(", ", others)}" : "")
        );
    }

    /// <summary>The images of the catalogue that exist, by name: those that are wanted and what they may be built on.</summary>
    private static async Task<Dictionary<string, ImageInfo>> ThereAsync(
        App app,
        IImageEngine engine,
        IReadOnlyList<string> names,
        CancellationToken cancel
    )
    {
        var there = new Dictionary<string, ImageInfo>(StringComparer.Ordinal);
        var waiting = new Queue<string>(names);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (waiting.TryDequeue(out var name))
        {
            if (!seen.Add(name) || app.Images.Find(name) is not { } recipe)
            {
                continue;
            }
            if (await engine.InspectImageAsync(name, cancel) is { } image)
            {
                there[name] = image;
            }
            foreach (var parent in recipe.Parents)
            {
                waiting.Enqueue(parent);
            }
        }
        return there;
    }

    [GeneratedRegex(
        @"^[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+/)?[a-z0-9._/-]*(?::[A-Za-z0-9_][A-Za-z0-9._-]*)?(?:@sha256:[0-9a-f]{64})?\z",
        RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 1000
    )]
    private static partial Regex Reference();

    /// <summary>The file of the setting `ca_file`; null when none is set.</summary>
    private static string? ReadAuthorities(App app)
    {
        if (app.Settings.CaFile is not { } file)
        {
            return null;
        }
        string text;
        try
        {
            text = File.ReadAllText(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserError(
                $"The certificates in {file} cannot be read.",
                error.Message,
                "Correct the setting: codexctl config set ca_file PATH"
            );
        }
        if (
            !text.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal)
            || text.Contains("PRIVATE KEY", StringComparison.Ordinal)
        )
        {
            throw new UserError(
                $"{file} holds no certificates in PEM form, or a private key beside them.",
                "A build hands this file to its steps, so it must hold certificates and nothing else.",
                "Correct the setting: codexctl config set ca_file PATH"
            );
        }
        return text.Length <= LargestAuthorities
            ? text
            : throw new UserError(
                $"{file} is too large: {text.Length / 1024} KB.",
                "A build takes your own authorities (64 KB at most), not the whole list of public ones.",
                "Put only the extra certificates into the file of the setting ca_file."
            );
    }
}

/// <summary>Draws one image being built on its line of the board.</summary>
internal sealed class BuildView(ProgressRow row) : IBuildView
{
    public void Started() => row.Started("building");

    public void Line(string line) => row.Report(line);

    public void Ended(BuildResult result) => row.Ended(result.Problem is null ? "done" : result.Problem);

    public void Report(long done, long? total) =>
        row.Report($"downloading, {done / 1e6:0}{(total is > 0 ? $" of {total / 1e6:0} MB" : " MB")}");

    public void Note(string text) => row.Note(text);
}

/// <summary>Draws a download.</summary>
internal sealed class DownloadView(Progress progress, Terminal.Terminal terminal) : IDownloadProgress
{
    public void Report(long done, long? total) => progress.Report(done, total);

    public void Note(string text) => terminal.Say(text);
}
