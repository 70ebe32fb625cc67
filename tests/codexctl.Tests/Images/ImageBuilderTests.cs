using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Tests.Images;

public sealed class ImageBuilderTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly FakeImageEngine _engine = new();

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private ImageBuilder Builder(params (string Name, string Value)[] variables)
    {
        var environment = new HostEnvironment(
            variables.Append(("CODEXCTL_CACHE_DIR", Path.Combine(_home, "cache"))).ToDictionary(pair => pair.Item1, pair => pair.Item2)
        );
        var paths = new Paths(environment);
        var release = TestArchive.Release(TestArchive.Good);
        // A release that is here already.
        var root = Path.Combine(paths.CodexReleases, "9.9.9-linux-x64");
        foreach (var name in CodexStore.Wanted)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(root, name))!);
            File.WriteAllText(Path.Combine(root, name), name);
        }
        File.WriteAllLines(
            Path.Combine(root, ".verified"),
            CodexStore.Wanted.Select(name => $"{name.Length} {name}").Prepend(release.Integrity.Text)
        );
        return new ImageBuilder(
            _engine,
            new CodexStore(paths, environment, TimeProvider.System, release),
            paths,
            environment,
            TimeProvider.System
        );
    }

    private static Task Build(ImageBuilder builder, ImageOptions? options = null) =>
        builder.BuildAsync(ImageCatalogue.Find("codex")!, options ?? new ImageOptions(), new RecordedProgress(), _ => { });

    [Fact]
    public async Task The_context_holds_the_recipe_the_scripts_and_codex_and_is_removed_afterwards()
    {
        await Build(Builder());

        _engine.Files.ShouldBe([
            "Dockerfile 644",
            "codex/bin/codex 644",
            "codex/bin/codex-code-mode-host 644",
            "codex/bin/rg 644",
            "common/codexctl-enter 755",
            "common/codexctl-init 755",
            "common/codexctl-init-tcp 755",
            "common/home/.codex/config.toml 644",
            "common/home/.codex/gpt-oss.config.toml 644",
            "common/install.sh 755",
        ]);
        Directory.EnumerateFileSystemEntries(Path.Combine(_home, "cache/build")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_failed_build_leaves_no_context()
    {
        _engine.Fail = true;

        await Should.ThrowAsync<UserError>(() => Build(Builder()));

        Directory.EnumerateFileSystemEntries(Path.Combine(_home, "cache/build")).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_image_is_current_until_recipe_or_release_change()
    {
        var builder = Builder();
        await Build(builder, new ImageOptions(Base: "debian:12"));
        var labels = _engine.Build!.Labels;

        builder.IsCurrent(new ImageInfo("codex", "id", labels, null, null)).ShouldBeTrue();
        foreach (var key in new[] { ImageLabels.Recipe, ImageLabels.Base, ImageLabels.Name })
        {
            var other = new Dictionary<string, string>(labels) { [key] = "other" };
            builder.IsCurrent(new ImageInfo("codex", "id", other, null, null)).ShouldBeFalse();
        }
        builder.IsCurrent(new ImageInfo("codex", "id", new Dictionary<string, string>(), null, null)).ShouldBeFalse();
        labels[ImageLabels.Codex].ShouldBe("9.9.9");
    }

    [Fact]
    public async Task Base_and_proxies_are_build_arguments()
    {
        await Build(
            Builder(("https_proxy", "http://p:1")),
            new ImageOptions(Base: "debian:12", Network: "host", NoCache: true, Pull: true)
        );

        _engine.Build!.Arguments["BASE"].ShouldBe("debian:12");
        _engine.Build.Arguments["HTTPS_PROXY"].ShouldBe("http://p:1");
        _engine.Build.Arguments.Keys.ShouldNotContain("HTTP_PROXY");
        (_engine.Build.Network, _engine.Build.NoCache, _engine.Build.Pull).ShouldBe(("host", true, true));
    }

    [Fact]
    public async Task A_base_that_cannot_be_deleted_is_only_told()
    {
        _engine.FailRemove = true;

        await Build(Builder(), new ImageOptions(RefreshBase: true));

        _engine.Build.ShouldNotBeNull();
    }

    [Fact]
    public void The_lock_in_the_program_names_both_processors()
    {
        CodexLock.Embedded.Platforms.Keys.ShouldBe(["linux-x64", "linux-arm64"]);
        CodexLock.Embedded.Platforms.Values.ShouldAllBe(release => release.PackageVersion == release.Version + "-" + release.Platform);
        Should.Throw<FormatException>(() => Integrity.Parse("sha1-abc"));
    }

    [Fact]
    public void A_recipe_is_small_enough_for_every_builder() =>
        EmbeddedFiles.ReadBytes("images/codex/Dockerfile").Length.ShouldBeLessThan(16384);

    private sealed class FakeImageEngine : IImageEngine
    {
        public bool Fail { get; set; }

        public bool FailRemove { get; set; }

        public ImageBuild? Build { get; private set; }

        public List<string> Files { get; } = [];

        public string Name => "fake";

        public EngineCapabilities Capabilities => new(true, true, true, true, false);

        public Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default)
        {
            Build = build;
            foreach (var file in Directory.EnumerateFiles(build.Context, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                Files.Add($"{Path.GetRelativePath(build.Context, file)} {Convert.ToString((int)File.GetUnixFileMode(file), 8)}");
            }
            return Fail ? throw new UserError("no") : Task.CompletedTask;
        }

        public Task RemoveImageAsync(string image, CancellationToken cancel = default) =>
            FailRemove ? throw new UserError("in use") : Task.CompletedTask;

        public Task<ImageInfo?> InspectImageAsync(string image, CancellationToken cancel = default) => throw new NotSupportedException();

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

        public Task KillSessionAsync(string container, string session, CancellationToken cancel = default) =>
            throw new NotSupportedException();

        public Task<ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default) =>
            throw new NotSupportedException();
    }
}
