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
            ImageCatalogue.BuiltIn,
            new CodexStore(paths, environment, TimeProvider.System, release),
            paths,
            environment,
            TimeProvider.System
        )
        {
            PackagesOf = _ => [],
        };
    }

    private static BuildStep Step(string image = "codex", string @base = "debian:12", bool whole = true, bool noCache = false) =>
        new(ImageCatalogue.BuiltIn.Find(image)!, @base, whole, noCache, []);

    private static Task Build(ImageBuilder builder, ImageOptions? options = null, BuildStep? step = null) =>
        builder.BuildAsync(step ?? Step(), options ?? new ImageOptions(), new RecordedProgress(), _ => { });

    [Fact]
    public async Task The_context_holds_the_recipe_the_scripts_and_codex_and_is_removed_afterwards()
    {
        await Build(Builder());

        _engine.Files.ShouldBe([
            "Dockerfile 644",
            "codex/bin/codex 644",
            "codex/bin/codex-code-mode-host 644",
            "codex/bin/rg 644",
            "common/build/authorities.sh 644",
            "common/build/packages.sh 755",
            "common/build/user.sh 755",
            "common/build/venv.sh 755",
            "common/codexctl-enter 755",
            "common/codexctl-init 755",
            "common/codexctl-init-tcp 755",
            "common/home/.codex/config.toml 644",
            "common/home/.codex/gpt-oss.config.toml 644",
            "common/npmrc 644",
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
    public async Task An_image_on_the_image_codex_copies_neither_codex_nor_its_scripts()
    {
        await Build(Builder(), step: Step("codex-office", whole: false));

        _engine.Files.ShouldBe(["Dockerfile 644", "codex-office/office.sh 755", "codex-office/requirements.txt 644"]);
        _engine.Recipe.ShouldStartWith("# The image `codex-office`");
        _engine.Build!.Arguments.Keys.ShouldNotContain("BASE");
    }

    [Fact]
    public async Task An_image_on_a_base_of_its_own_has_codexs_steps_first()
    {
        await Build(Builder(), step: Step("codex-swift", "swift:6.2-noble"));

        _engine.Recipe.ShouldContain("FROM ${BASE} AS codex");
        _engine.Recipe.IndexOf("FROM codex\n", StringComparison.Ordinal).ShouldBeGreaterThan(100);
        _engine.Files.ShouldContain("codex/bin/codex 644");
        _engine.Files.ShouldContain("codex-swift/bin/lint 755");
        _engine.Build!.Arguments["BASE"].ShouldBe("swift:6.2-noble");
    }

    [Fact]
    public async Task An_image_is_current_until_recipe_or_release_change()
    {
        var release = TestArchive.Release(TestArchive.Good);
        await Build(Builder());
        var labels = _engine.Build!.Labels;
        ImageState State(IReadOnlyDictionary<string, string> of, CodexRelease with) =>
            ImagePlan.StateOf(
                ImageCatalogue.BuiltIn,
                with,
                ImageCatalogue.BuiltIn.Find("codex")!,
                new ImageInfo("codex", "id", of, null, null)
            );

        State(labels, release).ShouldBe(ImageState.Current);
        State(labels, release with { PackageVersion = "10.0.0-linux-x64" }).ShouldBe(ImageState.Outdated);
        foreach (var key in new[] { ImageLabels.Recipe, ImageLabels.Base })
        {
            State(new Dictionary<string, string>(labels) { [key] = "other" }, release).ShouldBe(ImageState.Outdated);
        }
        State(new Dictionary<string, string>(labels) { [ImageLabels.Name] = "other" }, release).ShouldBe(ImageState.Foreign);
        State(new Dictionary<string, string>(), release).ShouldBe(ImageState.Foreign);
        labels[ImageLabels.Codex].ShouldBe("9.9.9");
        labels["org.opencontainers.image.version"].ShouldBe(Product.Version);
        labels["org.opencontainers.image.source"].ShouldNotBeEmpty();
    }

    [Fact]
    public async Task Base_and_proxies_are_build_arguments()
    {
        await Build(Builder(("https_proxy", "http://p:1")), new ImageOptions(Network: "host", Pull: true), Step(noCache: true));

        _engine.Build!.Arguments["BASE"].ShouldBe("debian:12");
        _engine.Build.Arguments["HTTPS_PROXY"].ShouldBe("http://p:1");
        _engine.Build.Arguments.Keys.ShouldNotContain("HTTP_PROXY");
        _engine.Build.Arguments.Keys.ShouldNotContain("ftp_proxy");
        (_engine.Build.Network, _engine.Build.NoCache, _engine.Build.Pull).ShouldBe(("host", true, true));
    }

    [Fact]
    public async Task Certificates_go_in_by_an_argument_that_no_builder_keeps_and_stay_only_when_asked()
    {
        await Build(Builder(), new ImageOptions(Authorities: "PEM"));
        _engine.Build!.Arguments["ftp_proxy"].ShouldBe("pem:UEVN");
        _engine.Build.Arguments.Keys.ShouldNotContain("KEEP_AUTHORITIES");

        await Build(Builder(), new ImageOptions(Authorities: "PEM", KeepAuthorities: true));
        _engine.Build.Arguments["KEEP_AUTHORITIES"].ShouldNotBeEmpty();
    }

    [Fact]
    public async Task What_is_only_on_this_machine_is_not_pulled()
    {
        await Build(Builder(), new ImageOptions(Pull: true), Step("codex-python", whole: false));

        _engine.Build!.Pull.ShouldBeFalse();
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

    private sealed class FakeImageEngine : FakeEngine
    {
        public bool Fail { get; set; }

        public bool FailRemove { get; set; }

        public ImageBuild? Build { get; private set; }

        public List<string> Files { get; } = [];

        public string Recipe { get; private set; } = "";

        public override Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default)
        {
            Build = build;
            Recipe = File.ReadAllText(Path.Combine(build.Context, build.Recipe));
            foreach (var file in Directory.EnumerateFiles(build.Context, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                Files.Add($"{Path.GetRelativePath(build.Context, file)} {Convert.ToString((int)File.GetUnixFileMode(file), 8)}");
            }
            return Fail ? throw new UserError("no") : Task.CompletedTask;
        }

        public override Task RemoveImageAsync(string image, CancellationToken cancel = default) =>
            FailRemove ? throw new UserError("in use") : Task.CompletedTask;
    }
}
