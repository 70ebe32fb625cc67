using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Tests.Fakes;

/// <summary>An engine that remembers what it has; commands cannot be run in it.</summary>
public sealed class FakeEngine : IImageEngine
{
    public string Name => "fake";

    public EngineCapabilities Capabilities { get; } = new(Images: true, Limits: true, RootExec: true, OwnNetwork: true, HomeOnHost: false);

    public List<ContainerInfo> Containers { get; } = [];

    public Dictionary<string, ImageInfo> Images { get; } = [];

    public List<string> Done { get; } = [];

    public Task<IReadOnlyList<ContainerInfo>> InspectAsync(IReadOnlyList<string> names, CancellationToken cancel = default) =>
        Task.FromResult<IReadOnlyList<ContainerInfo>>([.. Containers.Where(container => names.Contains(container.Name))]);

    public Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancel = default) =>
        Task.FromResult<IReadOnlyList<ContainerInfo>>([.. Containers]);

    public Task StopAsync(string name, CancellationToken cancel = default) => Do($"stop {name}");

    public Task RemoveAsync(string name, bool force, CancellationToken cancel = default)
    {
        Containers.RemoveAll(container => container.Name == name);
        return Do($"remove {name}");
    }

    public Task<ImageInfo?> InspectImageAsync(string image, CancellationToken cancel = default) =>
        Task.FromResult(Images.GetValueOrDefault(image));

    public Task CreateAsync(ContainerSpec spec, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task StartAsync(string name, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task<int> ExecAsync(ExecSpec spec) => throw new NotSupportedException();

    public Task<ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public Task KillSessionAsync(string container, string session, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task<IReadOnlyList<ImageInfo>> ListImagesAsync(string label, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public Task TagImageAsync(string image, string name, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task PullImageAsync(string image, Action<string> onLine, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public Task RemoveImageAsync(string image, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    private Task Do(string what)
    {
        Done.Add(what);
        return Task.CompletedTask;
    }
}
