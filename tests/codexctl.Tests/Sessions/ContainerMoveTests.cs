using Codexctl.Engines;
using Codexctl.Models;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Sessions;

/// <summary>A container moves to another image, or is as it was: whichever call of the engine fails, and whenever everything dies.</summary>
public sealed class ContainerMoveTests : IDisposable
{
    private const string Name = "codex-app";

    private readonly string _state = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly MovingEngine _engine = new();

    public void Dispose() => Directory.Delete(_state, recursive: true);

    private async Task MoveAsync()
    {
        var paths = new Paths(new HostEnvironment(new Dictionary<string, string> { ["HOME"] = _state, ["CODEXCTL_STATE_DIR"] = _state }));
        var services = new SessionServices(
            paths,
            _engine,
            null!,
            (_, _) => Task.CompletedTask,
            (_, _) => { },
            _ => { },
            () => throw new NotSupportedException()
        );
        var request = new RunRequest
        {
            Workdir = new Workdir(_workdir, []),
            StateId = "mine",
            Image = "newer",
            User = new BoxUser(1000, 1000),
            Choice = new ModelChoice(new Uri("http://127.0.0.1:11434"), "m", CodexctlSettings.GptOss),
            Command = [],
            Environment = new Dictionary<string, string>(),
        };
        await new ContainerMove(services, _engine, _ => Task.FromResult<IDisposable>(new MemoryStream())).MoveAsync(
            request,
            Name,
            CancellationToken.None
        );
    }

    // One that is there: a folder that is gone is refused.
    private static readonly string _workdir = Codexctl.Processes.Libc.ResolvePath(AppContext.BaseDirectory)!;

    private static int Calls()
    {
        var test = new ContainerMoveTests();
        try
        {
            test.MoveAsync().GetAwaiter().GetResult();
            return test._engine.Calls;
        }
        finally
        {
            test.Dispose();
        }
    }

    public static TheoryData<int> Steps => [.. Enumerable.Range(1, Calls())];

    [Fact]
    public async Task It_takes_its_sessions_along()
    {
        await MoveAsync();

        _engine.Names.ShouldBe([Name]);
        _engine[Name].ShouldBe(("newer", "said"));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task When_a_call_fails_the_old_one_is_as_it_was_or_the_new_one_is_in_its_place(int step)
    {
        _engine.FailsAt = step;

        var error = await Record.ExceptionAsync(MoveAsync);

        _engine[Name].ShouldBe((error is null ? "newer" : "old", "said"), error?.ToString());
        _engine.Names.ShouldNotContain(Name + ".new");
        Directory.Exists(Path.Combine(_state, "fake", Name, "move")).ShouldBeFalse();

        // And once more, with nothing in the way.
        await MoveAsync();
        _engine.Names.ShouldBe([Name]);
        _engine[Name].ShouldBe(("newer", "said"));
    }

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task After_everything_died_in_the_middle_the_next_upgrade_goes_on(int step)
    {
        _engine.DiesAt = step;
        await Record.ExceptionAsync(MoveAsync);
        _engine.DiesAt = 0;

        await ContainerMove.MendAsync(_engine, [Name], CancellationToken.None);
        _engine[Name].Home.ShouldBe("said");
        await MoveAsync();

        _engine.Names.ShouldBe([Name]);
        _engine[Name].ShouldBe(("newer", "said"));
    }

    [Fact]
    public async Task Somebody_elses_container_with_a_name_that_is_needed_is_left_alone()
    {
        _engine.AddForeign(Name + ".old");

        var error = await Should.ThrowAsync<UserError>(MoveAsync);

        error.Message.ShouldContain($"{Name}.old");
        _engine.Names.ShouldBe([Name, Name + ".old"], ignoreOrder: true);
        _engine[Name].Image.ShouldBe("old");
    }

    /// <summary>Knows containers by name: their image, and one file of their Codex home. Fails or dies at a call of its life.</summary>
    private sealed class MovingEngine : IMovingEngine
    {
        private readonly Dictionary<string, (string Image, string? Home, bool Ours)> _containers = new(StringComparer.Ordinal)
        {
            [Name] = ("old", "said", true),
        };

        public int Calls { get; private set; }

        /// <summary>The call that fails, counted from 1.</summary>
        public int FailsAt { get; set; }

        /// <summary>The call from which on all fail.</summary>
        public int DiesAt { get; set; }

        public IEnumerable<string> Names => _containers.Keys;

        public (string Image, string? Home) this[string name] => (_containers[name].Image, _containers[name].Home);

        public void AddForeign(string name) => _containers[name] = ("theirs", null, false);

        string IContainerEngine.Name => "fake";

        public EngineCapabilities Capabilities => new(true, true, true, true, false);

        private void Call(string what)
        {
            Calls++;
            if (Calls == FailsAt || (DiesAt > 0 && Calls >= DiesAt))
            {
                throw new ProcessError(new CommandLine("engine", [what]), new ProcessResult(1, "", "it fails"));
            }
        }

        public Task<IReadOnlyList<ContainerInfo>> InspectAsync(IReadOnlyList<string> names, CancellationToken cancel = default)
        {
            Call("inspect");
            return Task.FromResult<IReadOnlyList<ContainerInfo>>([
                .. _containers
                    .Where(one => names.Contains(one.Key))
                    .Select(one => new ContainerInfo(
                        one.Key,
                        ContainerState.Stopped,
                        one.Value.Image,
                        one.Value.Ours
                            ? new Dictionary<string, string> { [ContainerLabels.Workdir] = WorkdirLabel.Write(_workdir) }
                            : new Dictionary<string, string>(),
                        false,
                        null
                    )),
            ]);
        }

        public Task CreateAsync(ContainerSpec spec, CancellationToken cancel = default)
        {
            Call("create");
            _containers.Add(spec.Name, (spec.Image, null, true));
            return Task.CompletedTask;
        }

        public Task StartAsync(string name, CancellationToken cancel = default)
        {
            Call("start");
            return Task.CompletedTask;
        }

        public Task StopAsync(string name, CancellationToken cancel = default)
        {
            Call("stop");
            return Task.CompletedTask;
        }

        public Task RemoveAsync(string name, bool force, CancellationToken cancel = default)
        {
            Call("rm");
            _containers.Remove(name);
            return Task.CompletedTask;
        }

        public Task RenameAsync(string name, string newName, CancellationToken cancel = default)
        {
            Call("rename");
            _containers.Add(newName, _containers[name]);
            _containers.Remove(name);
            return Task.CompletedTask;
        }

        public Task<bool> CopyOutAsync(string container, string path, string hostFolder, CancellationToken cancel = default)
        {
            Call("cp");
            if (path != Box.LocalCodexHome)
            {
                return Task.FromResult(false);
            }
            var folder = Directory.CreateDirectory(Path.Combine(hostFolder, Path.GetFileName(path)));
            File.WriteAllText(Path.Combine(folder.FullName, "session"), _containers[container].Home);
            return Task.FromResult(true);
        }

        public Task CopyInAsync(string container, string hostPath, string folder, CancellationToken cancel = default)
        {
            Call("cp");
            _containers[container] = _containers[container] with { Home = File.ReadAllText(Path.Combine(hostPath, "session")) };
            return Task.CompletedTask;
        }

        public Task<ProcessResult> CaptureAsync(ExecSpec spec, TimeSpan limit, string? input = null, CancellationToken cancel = default)
        {
            Call("exec");
            return Task.FromResult(new ProcessResult(0, "codex-cli 1.2.3\n", ""));
        }

        public Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancel = default) => throw new NotSupportedException();

        public Task<int> ExecAsync(ExecSpec spec) => throw new NotSupportedException();

        public Task KillSessionAsync(string container, string session, CancellationToken cancel = default) =>
            throw new NotSupportedException();

        public Task<ImageInfo?> InspectImageAsync(string image, CancellationToken cancel = default) => throw new NotSupportedException();

        public Task<IReadOnlyList<ImageInfo>> ListImagesAsync(string label, CancellationToken cancel = default) =>
            throw new NotSupportedException();

        public Task TagImageAsync(string image, string name, CancellationToken cancel = default) => throw new NotSupportedException();

        public Task ExportAsync(string container, string file, CancellationToken cancel = default) => throw new NotSupportedException();

        public Task<IReadOnlyList<string>> ImageNamesAsync(CancellationToken cancel = default) => throw new NotSupportedException();

        public Task PullImageAsync(string image, Action<string> onLine, CancellationToken cancel = default) =>
            throw new NotSupportedException();

        public Task RemoveImageAsync(string image, CancellationToken cancel = default) => throw new NotSupportedException();

        public Task BuildImageAsync(ImageBuild build, Action<string> onLine, CancellationToken cancel = default) =>
            throw new NotSupportedException();
    }
}
