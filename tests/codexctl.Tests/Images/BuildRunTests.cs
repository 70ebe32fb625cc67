using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Tests.Images;

public sealed class BuildRunTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly SlowEngine _engine = new();
    private readonly List<string> _seen = [];

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private async Task<IReadOnlyList<BuildResult>> RunAsync(int jobs, CancellationToken cancel = default)
    {
        var environment = new HostEnvironment(new Dictionary<string, string> { ["CODEXCTL_CACHE_DIR"] = _home });
        var paths = new Paths(environment);
        var builder = new ImageBuilder(
            _engine,
            ImageCatalogue.BuiltIn,
            new CodexStore(paths, environment, TimeProvider.System, TestArchive.Release(TestArchive.Good)),
            paths,
            environment,
            TimeProvider.System
        )
        {
            PackagesOf = _ => [],
        };
        ImageRecipe Recipe(string name) => ImageCatalogue.BuiltIn.Find(name)!;
        // Without codex's own steps none of them needs Codex itself.
        var plan = new ImagePlan(
            [
                new BuildStep(Recipe("codex-python"), "a", false, false, []),
                new BuildStep(Recipe("codex-swift"), "a", false, false, ["codex-python"]),
                new BuildStep(Recipe("codex-office"), "a", false, false, []),
            ],
            []
        );
        return await new BuildRun(builder, _home, TimeProvider.System).RunAsync(
            plan,
            new ImageOptions(),
            jobs,
            step => new View(step.Recipe.Name, _seen),
            cancel
        );
    }

    [Fact]
    public async Task What_does_not_depend_on_each_other_is_built_at_once_and_the_rest_afterwards()
    {
        _engine.Together = 2;

        var results = await RunAsync(jobs: 4);

        results.ShouldAllBe(result => result.Problem == null);
        _engine.Most.ShouldBe(2);
        _engine.Order[^1].ShouldBe("codex-swift");
        File.ReadAllText(Path.Combine(_home, "codex-swift.log")).ShouldBe("hello from codex-swift\n");
    }

    [Fact]
    public async Task Never_more_at_once_than_asked()
    {
        await RunAsync(jobs: 1);

        _engine.Most.ShouldBe(1);
    }

    [Fact]
    public async Task When_one_fails_its_log_is_kept_what_needs_it_is_not_tried_and_the_others_go_on()
    {
        _engine.Fails = "codex-python";

        var results = await RunAsync(jobs: 2);

        results
            .Select(result => result.Problem)
            .ShouldBe(["could not be built", "not built, because codex-python could not be built", null]);
        results[0].Tail.ShouldBe("hello from codex-python");
        _engine.Order.ShouldNotContain("codex-swift");
        File.ReadAllText(results[0].Log).ShouldBe("hello from codex-python\n");
        _seen.ShouldContain("codex-swift ended");
    }

    [Fact]
    public async Task What_went_wrong_beside_the_build_is_told_in_its_own_words_and_the_others_go_on()
    {
        _engine.Fails = "codex-python";
        _engine.Error = new UserError("The registry does not answer.");

        var results = await RunAsync(jobs: 2);

        results[0].Cause.ShouldBe(_engine.Error);
        results[2].Problem.ShouldBeNull();
        _seen.ShouldContain("codex-python ended");
    }

    [Fact]
    public async Task The_log_can_be_read_while_the_build_goes_on()
    {
        using var stop = new CancellationTokenSource();
        string? read = null;
        _engine.Hangs = true;
        _engine.Said = name =>
        {
            read ??= File.ReadAllText(Path.Combine(_home, $"{name}.log"));
            stop.Cancel();
        };

        await Should.ThrowAsync<OperationCanceledException>(() => RunAsync(jobs: 1, stop.Token));

        read.ShouldBe("hello from codex-python\n");
    }

    [Fact]
    public async Task An_interruption_ends_all_of_them_and_leaves_no_context()
    {
        using var stop = new CancellationTokenSource();
        _engine.Hangs = true;
        _engine.Started = stop.Cancel;

        await Should.ThrowAsync<OperationCanceledException>(() => RunAsync(jobs: 2, stop.Token));

        Directory.EnumerateFileSystemEntries(Path.Combine(_home, "build")).ShouldBeEmpty();
    }

    private sealed class View(string name, List<string> seen) : IBuildView
    {
        public void Started() { }

        public void Line(string line) { }

        public void Ended(BuildResult result)
        {
            lock (seen)
            {
                seen.Add($"{name} ended");
            }
        }

        public void Report(long done, long? total) { }

        public void Note(string text) { }
    }

    /// <summary>Builds nothing; knows how many it was asked for at once.</summary>
    private sealed class SlowEngine : FakeEngine
    {
        private readonly TaskCompletionSource _all = new();
        private int _now;

        /// <summary>So many must be there at once before one of them ends.</summary>
        public int Together { get; set; } = 1;
        public int Most { get; private set; }
        public string? Fails { get; set; }
        public Exception? Error { get; set; }
        public Action<string> Said { get; set; } = _ => { };
        public bool Hangs { get; set; }
        public Action Started { get; set; } = () => { };
        public List<string> Order { get; } = [];

        public override async Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default)
        {
            lock (Order)
            {
                Order.Add(build.Tag);
                Most = Math.Max(Most, ++_now);
                if (_now >= Together)
                {
                    _all.TrySetResult();
                }
            }
            Started();
            onLine($"hello from {build.Tag}");
            Said(build.Tag);
            await _all.Task.WaitAsync(TimeSpan.FromSeconds(30), cancel);
            if (Hangs)
            {
                await Task.Delay(Timeout.Infinite, cancel);
            }
            lock (Order)
            {
                _now--;
            }
            if (build.Tag == Fails)
            {
                throw Error ?? new ProcessError(new CommandLine("engine", ["build"]), new ProcessResult(1, "", ""));
            }
        }
    }
}
