using System.Runtime.InteropServices;
using Codexctl.Processes;

namespace Codexctl.Engines.Apple;

/// <summary>Images, and the builder: a container of the engine's own that `build` starts and nobody stops.</summary>
public sealed partial class AppleEngine
{
    private static readonly TimeSpan _export = TimeSpan.FromMinutes(30);

    /// <summary>Steps of a build may be silent for long; a builder that hangs is silent for ever.</summary>
    private static readonly TimeSpan _silence = TimeSpan.FromMinutes(15);

    public async Task<ImageInfo?> InspectImageAsync(string image, CancellationToken cancel = default)
    {
        var arguments = AppleArguments.InspectImage(image);
        var result = await _client.FirstAsync(arguments, AppleClient.LookUp, cancel);
        if (result.ExitCode == 0)
        {
            return AppleJson.Image(result.Output, image, Architecture);
        }
        return AppleClient.Says(result, "image not found") ? null : throw AppleClient.Explain(arguments, result);
    }

    /// <remarks>One that lost its name to a newer one is in no list; Apple's `image prune` removes those.</remarks>
    public async Task<IReadOnlyList<ImageInfo>> ListImagesAsync(string label, CancellationToken cancel = default)
    {
        var listed = (await _client.CheckedAsync(AppleArguments.ListImages(), AppleClient.LookUp, cancel)).Output;
        var (names, complete) = AppleJson.ImageNames(listed);
        if (!complete && names.Count > 0)
        {
            listed = (await _client.CheckedAsync(AppleArguments.InspectImages(names), AppleClient.LookUp, cancel)).Output;
        }
        return
        [
            .. AppleJson
                .Images(listed, Architecture)
                .Where(image => image.Labels.ContainsKey(label))
                .GroupBy(image => image.Id, StringComparer.Ordinal)
                .Select(same => same.First() with { Tags = [.. same.Select(image => image.Name).Order(StringComparer.Ordinal)] }),
        ];
    }

    public Task TagImageAsync(string image, string name, CancellationToken cancel = default) =>
        _client.CheckedAsync(AppleArguments.TagImage(image, name), AppleClient.Change, cancel);

    public Task PullImageAsync(string image, Action<string> onLine, CancellationToken cancel = default) =>
        _client.StreamAsync(AppleArguments.PullImage(image), onLine, _silence, cancel);

    public async Task<IReadOnlyList<string>> ImageNamesAsync(CancellationToken cancel = default)
    {
        var arguments = AppleArguments.ListImages();
        var result = await _client.FirstAsync(arguments, AppleClient.LookUp, cancel);
        return result.ExitCode == 0 ? AppleJson.ImageNames(result.Output) : throw AppleClient.Explain(arguments, result);
    }

    public Task TagImageAsync(string image, string name, CancellationToken cancel = default) =>
        _client.CheckedAsync(AppleArguments.TagImage(image, name), AppleClient.Change, cancel);

    public Task ExportAsync(string container, string file, CancellationToken cancel = default) =>
        _client.CheckedAsync(AppleArguments.Export(container, file), _export, cancel);

    public Task RemoveImageAsync(string image, CancellationToken cancel = default) =>
        _client.CheckedAsync(AppleArguments.RemoveImage(image), AppleClient.Change, cancel);

    public async Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default)
    {
        var arguments = AppleArguments.Build(build);
        foreach (var name in AppleArguments.LeftOut(build))
        {
            onLine($"codexctl: {name} holds a password and is not given to the build: it would stand on a command line.");
        }
        var state = Paths.MakePrivate(paths.EngineState(EngineName));
        var turn = Path.Combine(state, ".builder.lock");
        var ours = Path.Combine(state, ".builder-started");
        try
        {
            using var building = await FileLock.TakeAsync(turn, shared: true);
            await StartBuilderAsync(ours, cancel);
            await _client.StreamAsync(arguments, onLine, _silence, cancel);
        }
        finally
        {
            await StopBuilderAsync(turn, ours);
        }
    }

    /// <summary>Started by a call of its own, so that what fails is told as what it is, and so that we know whose it is.</summary>
    private async Task StartBuilderAsync(string ours, CancellationToken cancel)
    {
        var arguments = AppleArguments.BuilderStatus();
        var status = await _client.FirstAsync(arguments, AppleClient.LookUp, cancel);
        if (status.ExitCode != 0)
        {
            throw AppleClient.Explain(arguments, status);
        }
        if (!AppleJson.BuilderRuns(status.Output))
        {
            PrivateFile.Write(ours, "");
            // The first time its image is fetched.
            await _client.StreamAsync(AppleArguments.BuilderStart(), _ => { }, _silence, cancel);
        }
    }

    /// <summary>It holds 2 GB of memory. One that ran before us is the person's; one that another build uses stays.</summary>
    private async Task StopBuilderAsync(string turn, string ours)
    {
        using var last = FileLock.TryTake(turn);
        if (last is null || !File.Exists(ours))
        {
            return;
        }
        File.Delete(ours);
        try
        {
            await _client.CheckedAsync(AppleArguments.BuilderStop(), AppleClient.Change, CancellationToken.None);
        }
        catch (Exception error) when (error is UserError or ProcessError)
        {
            // The build itself ended as it ended.
            person.Say($"the builder could not be stopped ({error.Message}); container builder stop does that.");
        }
    }

    private static string Architecture =>
        RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.Arm64 ? "arm64" : "amd64";
}
