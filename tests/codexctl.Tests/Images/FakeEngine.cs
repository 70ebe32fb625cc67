using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Tests.Images;

/// <summary>An engine that can do nothing; tests override what they need.</summary>
internal abstract class FakeEngine : IImageEngine
{
    public string Name => "fake";

    public EngineCapabilities Capabilities => new(true, true, true, true, false);

    public virtual Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public virtual Task RemoveImageAsync(string image, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task<ImageInfo?> InspectImageAsync(string image, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task<IReadOnlyList<ImageInfo>> ListImagesAsync(string label, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public virtual Task TagImageAsync(string image, string name, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task PullImageAsync(string image, Action<string> onLine, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<ContainerInfo>> InspectAsync(IReadOnlyList<string> names, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancel = default) => throw new NotSupportedException();

    public Task CreateAsync(ContainerSpec spec, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task StartAsync(string name, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task StopAsync(string name, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task RemoveAsync(string name, bool force, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task<int> ExecAsync(ExecSpec spec) => throw new NotSupportedException();

    public Task KillSessionAsync(string container, string session, CancellationToken cancel = default) => throw new NotSupportedException();

    public Task<ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default) =>
        throw new NotSupportedException();
}
