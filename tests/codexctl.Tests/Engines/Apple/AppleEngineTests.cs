using Codexctl.Engines;
using Codexctl.Engines.Apple;
using Codexctl.Processes;
using Codexctl.Settings;
using Codexctl.Tests.Fakes;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Engines.Apple;

public sealed class AppleEngineTests : IDisposable
{
    private const string Version = "container CLI version 1.2.2 (build: release, commit: 0190097)\n";

    private const string Down =
        "Error: internalError: \"failed to list containers\" (cause: \"interrupted: \"XPC connection error: Connection invalid\"\")\n"
        + "Ensure container system service has been started with `container system start`.\n";

    private const string Listed =
        """[{"configuration":{"id":"codex-app"},"id":"codex-app","status":{"state":"running"}},{"id":"other","status":{"state":"stopped"}}]""";

    private readonly string _root = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly FakeProcesses _processes = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly List<string> _questions = [];
    private bool? _answer;

    public void Dispose()
    {
        _processes.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private Paths Paths => new(new HostEnvironment(new Dictionary<string, string> { ["CODEXCTL_STATE_DIR"] = _root }));

    private AppleEngine Engine() =>
        new(
            _processes,
            Paths,
            new Person(
                (question, _) =>
                {
                    _questions.Add(question);
                    return Task.FromResult(_answer);
                },
                _ => { }
            ),
            _clock
        );

    private FakeProcesses Known() => _processes.Expect("container --version", Version);

    [Fact]
    public async Task The_containers_asked_for_are_picked_from_the_one_list()
    {
        Known().Expect("container ls --all --format json", Listed);

        var found = await Engine().InspectAsync(["codex-app", "codex-app-1"]);

        found.ShouldHaveSingleItem().Name.ShouldBe("codex-app");
    }

    [Fact]
    public async Task The_door_over_tcp_is_at_the_address_that_the_network_tells_and_need_not_be_there_yet()
    {
        _processes.Expect(
            "container network inspect default",
            """[{"id":"default","status":{"ipv4Gateway":"192.168.65.1","ipv4Subnet":"192.168.65.0\/24"}}]"""
        );

        var door = await Engine().TcpDoorAsync();

        (door.Listen.ToString(), door.Host).ShouldBe(("192.168.65.1", "192.168.65.1"));
        DoorLabel.Write(door).ShouldBe("tcp:192.168.65.1");
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("""[{"id":"default","status":{}}]""")]
    [InlineData("""[{"id":"default","status":{"ipv4Gateway":"fd00::1"}}]""")]
    public async Task Without_an_address_there_is_no_door_over_tcp(string network)
    {
        _processes.Expect("container network inspect default", network);
        (await Should.ThrowAsync<UserError>(() => Engine().TcpDoorAsync())).Why!.ShouldContain("network `default`");
    }

    [Fact]
    public async Task The_version_is_asked_once_for_an_installed_program_and_not_by_every_command()
    {
        Known().Expect("container ls", "[]").Expect("container ls", "[]").Expect("container ls", "[]");

        var engine = Engine();
        await engine.ListAsync();
        await engine.ListAsync();
        await Engine().ListAsync();

        _processes.Calls.Count(call => call.Arguments.Contains("--version")).ShouldBe(1);
    }

    [Fact]
    public async Task A_release_below_the_floor_is_refused_each_time()
    {
        _processes
            .Expect("container --version", "container CLI version 0.12.3 (build: release, commit: 0000012)\n")
            .Expect("container --version", "container CLI version 0.12.3 (build: release, commit: 0000012)\n");

        for (var i = 0; i < 2; i++)
        {
            var error = await Should.ThrowAsync<UserError>(() => Engine().ListAsync());
            error.Message.ShouldContain("0.12.3 is too old");
            error.Mend!.ShouldContain("github.com/apple/container/releases");
        }
    }

    [Fact]
    public async Task A_service_that_is_down_is_an_error_with_the_command_when_nobody_can_be_asked()
    {
        Known().Expect("container ls", "", Down, 1);

        var error = await Should.ThrowAsync<UserError>(() => Engine().ListAsync());

        error.Message.ShouldContain("service");
        error.Mend!.ShouldContain("container system start --enable-kernel-install");
    }

    [Fact]
    public async Task A_service_that_is_down_is_started_when_the_person_says_so()
    {
        _answer = true;
        Known().Expect("container ls", "", Down, 1).Expect("container system start --enable-kernel-install").Expect("container ls", Listed);

        (await Engine().ListAsync()).Count.ShouldBe(2);

        _questions.ShouldHaveSingleItem().ShouldContain("Start it");
    }

    [Fact]
    public async Task A_service_that_is_down_stays_so_when_the_person_says_no()
    {
        _answer = false;
        Known().Expect("container ls", "", Down, 1);
        (await Should.ThrowAsync<UserError>(() => Engine().ListAsync())).Mend!.ShouldContain("container system start");
    }

    [Fact]
    public async Task A_service_that_does_not_come_up_is_told_and_not_asked_about_again()
    {
        _answer = true;
        Known().Expect("container ls", "", Down, 1).Expect("container system start").Expect("container ls", "", Down, 1);

        (await Should.ThrowAsync<UserError>(() => Engine().ListAsync())).Message.ShouldContain("not running");

        _questions.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Where_it_is_not_installed_that_is_said_and_nothing_is_tried()
    {
        _processes.Missing.Add("container");
        var error = await Should.ThrowAsync<UserError>(() => Engine().ListAsync());
        error.Message.ShouldContain("not installed");
        error.Mend!.ShouldContain("--engine docker");
    }

    [Fact]
    public async Task A_builder_that_cannot_be_stopped_does_not_spoil_the_build()
    {
        Known()
            .Expect("container builder status", "[]")
            .Expect("container builder start")
            .Expect("container build")
            .Expect("container builder stop", "", "Error: unknown: \"no\"\n", 1);

        await Engine().BuildImageAsync(AppleArgumentsTests.Build, _ => { });
    }

    [Fact]
    public async Task A_missing_image_is_told_before_anything_could_be_fetched()
    {
        Known().Expect("container image inspect codex", "", "Error: image not found: codex\n", 1);

        (await Should.ThrowAsync<ImageMissingException>(() => Engine().CreateAsync(AppleArgumentsTests.Spec))).Image.ShouldBe("codex");
    }

    [Fact]
    public async Task A_container_tells_what_its_image_told_as_elsewhere()
    {
        Known()
            .Expect(
                "container image inspect codex",
                """
                [{"variants": [{"platform": {"architecture": "arm64"}, "config": {"config": {"Labels":
                    {"codexctl.codex": "0.1.2", "codexctl.image": "not ours to tell", "com.example": "other"}}}}]}]
                """
            )
            .Expect("container create", "codex-app\n");
        var spec = AppleArgumentsTests.Spec with { Labels = new Dictionary<string, string> { [ContainerLabels.Image] = "codex" } };

        await Engine().CreateAsync(spec);

        var words = _processes.Calls[^1].Arguments;
        words
            .Index()
            .Where(word => word.Item == "--label")
            .Select(word => words[word.Index + 1])
            .ShouldBe(["codexctl.codex=0.1.2", "codexctl.image=codex"]);
    }

    [Fact]
    public async Task An_image_that_was_looked_at_already_is_not_asked_for_again()
    {
        _processes.Expect("container create", "codex-app\n");
        var found = new ImageInfo("codex", "sha256:1", new Dictionary<string, string>(), null, null);

        await Engine().CreateAsync(AppleArgumentsTests.Spec with { FoundImage = found });

        _processes.Calls.ShouldNotContain(call => call.Arguments.Contains("image"));
    }

    [Fact]
    public async Task A_name_that_was_taken_meanwhile_is_told_apart()
    {
        Known()
            .Expect("container image inspect codex", "[{}]")
            .Expect("container create", "", "Error: container already exists: codex-app\n", 1);

        await Should.ThrowAsync<NameTakenException>(() => Engine().CreateAsync(AppleArgumentsTests.Spec));
    }

    [Fact]
    public async Task A_folder_that_cannot_be_told_is_mounted_by_a_link()
    {
        var folder = Path.Combine(_root, "a:b,c");
        Known().Expect("container image inspect codex", "[{}]").Expect("container create", "codex-app\n");

        await Engine().CreateAsync(AppleArgumentsTests.Spec with { Mounts = [new Mount(folder, "/workdir", false)] });

        var volume = _processes.Calls[^1].Arguments.Single(word => word.EndsWith(":/workdir", StringComparison.Ordinal));
        new FileInfo(volume[..^":/workdir".Length]).LinkTarget.ShouldBe(folder);
        Paths.Container("apple", "codex-app").RemoveAllButRecords();
        File.Exists(volume[..^":/workdir".Length]).ShouldBeFalse();
    }

    [Fact]
    public async Task A_mount_that_vanished_is_told_with_the_mend()
    {
        _processes.Expect("container start c1", "", "Error: mount source path '/Users/me/app' does not exist\n", 1);

        var error = await Should.ThrowAsync<UserError>(() => Engine().StartAsync("c1"));

        error.Why!.ShouldContain("/Users/me/app");
        error.Mend!.ShouldContain("codexctl rm");
    }

    [Theory]
    [InlineData("Error: internalError: \"failed to delete container\" (cause: \"notFound: \"container with ID c1 not found\"\")\n")]
    [InlineData("Error: get failed: container c1 not found\n")]
    public async Task One_that_is_gone_is_removed(string words)
    {
        _processes.Expect("container rm --force c1", "", words, 1);
        await Engine().RemoveAsync("c1", force: true);
    }

    [Fact]
    public async Task One_that_is_being_stopped_is_removed_when_that_is_done()
    {
        const string Stopping =
            "Error: internalError: \"failed to delete container\" (cause: \"invalidState: \"container c1 is stopping and can not be deleted\"\")\n";
        _processes.Expect("container rm --force c1", "", Stopping, 1).Expect("container rm --force c1");

        var removal = Engine().RemoveAsync("c1", force: true);
        removal.IsCompleted.ShouldBeFalse();
        _clock.Advance(TimeSpan.FromSeconds(1));

        await removal;
    }

    [Fact]
    public async Task One_that_runs_is_not_removed_by_accident()
    {
        _processes.Expect(
            "container rm c1",
            "",
            "Error: internalError: \"failed to delete container\" (cause: \"invalidState: \"container c1 is running and can not be deleted\"\")\n",
            1
        );
        await Should.ThrowAsync<ProcessError>(() => Engine().RemoveAsync("c1", force: false));
    }

    [Fact]
    public async Task Stopping_is_fast_and_one_that_is_gone_is_fine()
    {
        _processes.Expect(
            "container stop --time 2 c1",
            "",
            "Error: internalError: \"failed to stop container\" (cause: \"notFound: \"container with ID c1 not found\"\")\n",
            1
        );
        await Engine().StopAsync("c1");
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(9, 9)]
    [InlineData(137, 137)]
    public async Task A_commands_own_code_is_handed_on(int code, int expected)
    {
        _processes.Expect("container exec --interactive", "", "", code);
        (await Engine().ExecAsync(AppleArgumentsTests.Exec)).ShouldBe(expected);
    }

    [Theory]
    [InlineData(1, true, 1)]
    [InlineData(64, true, 64)]
    [InlineData(1, false, ExitCodes.BeforeCommand)]
    [InlineData(64, false, ExitCodes.BeforeCommand)]
    public async Task The_clients_own_failures_are_told_from_the_commands(int code, bool begun, int expected)
    {
        _processes
            .Expect("container exec --interactive", "", "", code)
            .Expect($"container exec --user 0:0 codex-app {Box.Enter} --begun s1", code: begun ? 0 : 1);
        (await Engine().ExecAsync(AppleArgumentsTests.Exec)).ShouldBe(expected);
    }

    [Fact]
    public async Task The_builder_is_started_when_needed_and_stopped_after()
    {
        Known()
            .Expect("container builder status --format json", "[]")
            .Expect("container builder start")
            .Expect("container build --progress plain", "", "#1 done\n")
            .Expect("container builder stop");
        var lines = new List<string>();

        await Engine().BuildImageAsync(AppleArgumentsTests.Build, lines.Add);

        lines.ShouldBe(["#1 done"]);
    }

    [Fact]
    public async Task A_builder_that_ran_before_stays()
    {
        Known()
            .Expect("container builder status --format json", """[{"id":"buildkit","status":{"state":"running"}}]""")
            .Expect("container build --progress plain");

        await Engine().BuildImageAsync(AppleArgumentsTests.Build, _ => { });
    }

    [Fact]
    public async Task A_builder_of_ours_is_stopped_although_the_build_failed()
    {
        Known()
            .Expect("container builder status", "[]")
            .Expect("container builder start")
            .Expect("container build", "", "Error: unknown: \"step failed\"\n", 1)
            .Expect("container builder stop");

        await Should.ThrowAsync<ProcessError>(() => Engine().BuildImageAsync(AppleArgumentsTests.Build, _ => { }));
    }

    [Fact]
    public async Task A_build_that_falls_silent_is_ended_and_told()
    {
        var processes = new SilentBuild(_processes);
        Known().Expect("container builder status", """[{"id":"buildkit","status":{"state":"running"}}]""");
        var engine = new AppleEngine(processes, Paths, new Person((_, _) => Task.FromResult<bool?>(null), _ => { }), _clock);

        var build = engine.BuildImageAsync(AppleArgumentsTests.Build, _ => { });
        await processes.Begun.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        _clock.Advance(TimeSpan.FromMinutes(16));

        (await Should.ThrowAsync<UserError>(build)).Mend!.ShouldContain("container builder delete --force");
    }

    [Fact]
    public async Task Nobody_but_a_mac_gets_it_without_asking()
    {
        var selection = new EngineSelection(
            _processes,
            new HostEnvironment(new Dictionary<string, string>()),
            new Dictionary<string, Func<IContainerEngine>> { ["apple"] = Engine }
        );
        (await selection.ChooseAsync("apple", () => Task.FromResult<UserError?>(null), default)).Name.ShouldBe("apple");
        if (!OperatingSystem.IsMacOS())
        {
            await Should.ThrowAsync<UserError>(() => selection.ChooseAsync(null, () => Task.FromResult<UserError?>(null), default));
        }
    }

    /// <summary>A client that hangs in `build`.</summary>
    private sealed class SilentBuild(FakeProcesses others) : IProcesses
    {
        private readonly TaskCompletionSource _begun = new();

        public Task Begun => _begun.Task;

        public string? Find(string program) => others.Find(program);

        public Task<ProcessResult> CaptureAsync(
            CommandLine command,
            TimeSpan limit,
            string? input = null,
            CancellationToken cancel = default
        ) => others.CaptureAsync(command, limit, input, cancel);

        public async Task<int> StreamAsync(CommandLine command, Action<string> onLine, CancellationToken cancel = default)
        {
            _begun.SetResult();
            await Task.Delay(Timeout.Infinite, cancel);
            return 0;
        }

        public Task<int> AttachAsync(CommandLine command) => others.AttachAsync(command);

        public Task<(int ProcessId, string Ready)> DetachAsync(
            CommandLine command,
            string log,
            TimeSpan limit,
            CancellationToken cancel = default
        ) => others.DetachAsync(command, log, limit, cancel);
    }
}
