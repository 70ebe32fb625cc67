using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.Auth;
using Codexctl.Doctor;
using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Images;
using Codexctl.Models;
using Codexctl.ModelServers;
using Codexctl.Processes;
using Codexctl.Settings;
using Codexctl.Tests.Auth;
using Codexctl.Tests.Fakes;

namespace Codexctl.Tests.Doctor;

/// <summary>Each thing is broken in turn, and the doctor must name it, its cause and its mend.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly Dictionary<string, string> _environment = [];
    private readonly FakeEngine _engine = new();

    public DoctorTests() => _environment["HOME"] = _root;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private HostEnvironment Environment => new(_environment);

    private Paths Paths => new(Environment);

    private static async Task<IReadOnlyList<Finding>> LookAsync(Check check, bool fix = false) =>
        await DoctorRun.RunAsync([check], fix, _ => { });

    private static async Task<Finding> OneAsync(Check check, Level level, bool fix = false)
    {
        var found = await LookAsync(check, fix);
        return found.Where(finding => finding.Level == level).ShouldHaveSingleItem();
    }

    private void Config(string text, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite)
    {
        Directory.CreateDirectory(Paths.Config);
        File.WriteAllText(Paths.ConfigFile, text);
        File.SetUnixFileMode(Paths.ConfigFile, mode);
    }

    private Check Settings => SettingsChecks.Settings(new SettingsLoader(Environment, Paths), Paths, _root);

    [Fact]
    public async Task Wrong_settings()
    {
        Config("engin = \"docker\"\n");
        var finding = await OneAsync(Settings, Level.Problem);
        finding.What.ShouldContain($"{Paths.ConfigFile}:1: There is no setting engin.");
        finding.Mend.ShouldBe("Did you mean engine?");
    }

    [Fact]
    public async Task Settings_that_others_can_write_and_mends_that()
    {
        Config("", UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherWrite);
        (await OneAsync(Settings, Level.Problem)).What.ShouldContain("Others can write");

        (await OneAsync(Settings, Level.Problem, fix: true)).Fixed.ShouldBeTrue();
        File.GetUnixFileMode(Paths.ConfigFile).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (await LookAsync(Settings)).ShouldAllBe(finding => finding.Level == Level.Ok);
    }

    [Fact]
    public async Task A_project_file_that_waits_for_trust()
    {
        File.WriteAllText(Path.Combine(_root, ".codexctl.toml"), "network = \"full\"\n");
        (await OneAsync(Settings, Level.Warning)).What.ShouldContain("is not trusted");
    }

    [Fact]
    public async Task A_project_file_that_is_a_link()
    {
        File.CreateSymbolicLink(Path.Combine(_root, ".codexctl.toml"), "/etc/passwd");
        (await OneAsync(Settings, Level.Problem)).Why.ShouldBe("It is a link to another file.");
    }

    [Fact]
    public async Task A_proxy_that_cannot_be_used_without_telling_its_password()
    {
        _environment["HTTPS_PROXY"] = "socks5://me:hunter2@proxy:1080";
        var finding = await OneAsync(SettingsChecks.Proxy(Environment), Level.Problem);
        finding.What.ShouldStartWith("HTTPS_PROXY: ");
        $"{finding.What}{finding.Why}{finding.Mend}".ShouldNotContain("hunter2");

        _environment["HTTPS_PROXY"] = "http://me:hunter2@proxy:1080";
        (await OneAsync(SettingsChecks.Proxy(Environment), Level.Ok)).What.ShouldEndWith("through proxy:1080");
    }

    [Theory]
    [InlineData(100_000_000, Level.Problem)]
    [InlineData(1_000_000_000, Level.Warning)]
    [InlineData(100_000_000_000, Level.Ok)]
    public async Task A_full_disk(long free, Level level)
    {
        var found = await LookAsync(MachineChecks.Disk(Paths, _ => free));
        found.ShouldAllBe(finding => finding.Level == level);
        if (level != Level.Ok)
        {
            found[0].Mend.ShouldNotBeNull().ShouldContain("CODEXCTL_CACHE_DIR");
        }
    }

    [Fact]
    public void The_disk_of_a_folder_that_is_not_there_yet_is_its_parents() =>
        MachineChecks.FreeAt(Path.Combine(_root, "a/b/c")).ShouldNotBeNull().ShouldBeGreaterThan(0);

    [Theory]
    [InlineData(2L << 30, Level.Warning)]
    [InlineData(16L << 30, Level.Ok)]
    public async Task Little_memory(long bytes, Level level) =>
        (await LookAsync(MachineChecks.Memory(bytes))).ShouldHaveSingleItem().Level.ShouldBe(level);

    [Fact]
    public async Task A_Codex_that_is_missing_or_damaged_and_fetches_it()
    {
        var store = new CodexStore(Paths, Environment, TimeProvider.System, CodexLock.Embedded.Platforms["linux-x64"]);
        var fetched = 0;
        Check check = MachineChecks.Pin(store, Paths, _ => Task.FromResult(fetched++));
        (await OneAsync(check, Level.Warning)).What.ShouldContain("is not downloaded yet");

        Directory.CreateDirectory(Path.Combine(Paths.CodexReleases, $"{store.Release.Version}-linux-x64"));
        (await OneAsync(check, Level.Warning, fix: true)).What.ShouldContain("is not whole");
        fetched.ShouldBe(1);
    }

    private static Task<string> Version(IContainerEngine engine, CancellationToken cancel) => Task.FromResult("fake 1.2");

    [Fact]
    public async Task An_engine_that_answers_is_told_with_its_version() =>
        (await LookAsync(MachineChecks.Engine(_ => Task.FromResult<IContainerEngine>(_engine), Version)))[0]
            .What.ShouldStartWith("fake (fake 1.2) answers");

    [Fact]
    public async Task An_engine_that_does_not_answer()
    {
        var error = new UserError("Docker does not answer.", "Its service is stopped.", "sudo systemctl start docker");
        var finding = await OneAsync(MachineChecks.Engine(_ => throw error, Version), Level.Problem);
        (finding.Check, finding.What, finding.Why, finding.Mend).ShouldBe(
            ("engine", "Docker does not answer.", "Its service is stopped.", "sudo systemctl start docker")
        );
    }

    [Fact]
    public async Task Boxes_whose_door_is_over_TCP()
    {
        ContainerInfo Box(string name, string door) =>
            new(
                name,
                ContainerState.Stopped,
                "codex",
                new Dictionary<string, string> { [ContainerLabels.Workdir] = "/a", [ContainerLabels.Door] = door },
                false,
                null
            );
        var check = MachineChecks.Engine(_ => Task.FromResult<IContainerEngine>(_engine), Version);
        _engine.Containers.Add(Box("codex-a", "socket"));
        (await LookAsync(check)).Single(finding => finding.Check == "door").Level.ShouldBe(Level.Ok);

        _engine.Containers.Add(Box("codex-b", "tcp:192.168.64.1"));

        var finding = (await LookAsync(check)).Single(finding => finding.Check == "door");
        finding.Level.ShouldBe(Level.Warning);
        finding.What.ShouldContain("codex-b");
        finding.What.ShouldNotContain("codex-a");
        finding.Why.ShouldNotBeNull().ShouldContain("`--network none` is lost");
    }

    [Fact]
    public async Task An_image_that_is_missing_or_old_and_builds_it()
    {
        var built = 0;
        var current = false;
        var check = MachineChecks.Image(
            _ => Task.FromResult<IContainerEngine>(_engine),
            "codex",
            (_, _) => current,
            (_, _) => Task.FromResult(built++)
        );
        (await OneAsync(check, Level.Warning)).What.ShouldBe("The image codex is not built yet.");

        _engine.Images["codex"] = new ImageInfo("codex", "sha256:1", new Dictionary<string, string>(), 1, null);
        (await OneAsync(check, Level.Warning, fix: true)).Mend.ShouldBe("codexctl build --image codex --rebuild");
        built.ShouldBe(1);
        current = true;
        (await LookAsync(check)).ShouldHaveSingleItem().Level.ShouldBe(Level.Ok);
    }

    private Check Model(Uri address, string model = "gpt-oss:20b", IPEndPoint[]? listeners = null, params FoundServer[] others) =>
        ModelChecks.Model(
            () => new ModelChoice(address, model, CodexctlSettings.GptOss),
            _ => Task.FromResult<IReadOnlyList<FoundServer>>(others),
            Environment,
            TimeProvider.System,
            () => listeners ?? [],
            async (server, name, cancel) =>
            {
                using var http = ModelServerProbe.Client(null);
                await new ModelPull(http, TimeProvider.System).RunAsync(server, name, _ => { }, _ => { }, cancel);
            }
        );

    [Fact]
    public async Task A_model_server_that_is_not_there_and_names_one_that_is()
    {
        var other = new FoundServer(
            "vllm",
            new Uri("http://127.0.0.1:8000"),
            new ModelServer(ModelServerKind.Vllm, new Uri("http://127.0.0.1:8000")),
            null
        );
        var finding = await OneAsync(Model(new Uri("http://127.0.0.1:1"), others: other), Level.Problem);
        finding.What.ShouldContain("No model server answers at http://127.0.0.1:1");
        finding.Mend.ShouldNotBeNull().ShouldContain("codexctl config set model.server vllm");
    }

    [Theory]
    [InlineData("0.0.0.0", true)]
    [InlineData("::", true)]
    [InlineData("127.0.0.1", false)]
    public async Task A_model_server_that_listens_for_everybody(string address, bool told)
    {
        await using var ollama = await FakeOllama.StartAsync();
        var found = await LookAsync(Model(ollama.Address, listeners: [new IPEndPoint(IPAddress.Parse(address), ollama.Address.Port)]));

        var warnings = found.Where(finding => finding.Level == Level.Warning && finding.What.Contains("listens on all addresses")).ToList();
        warnings.Count.ShouldBe(told ? 1 : 0);
        if (told)
        {
            warnings[0].Mend.ShouldBe("Start it with: OLLAMA_HOST=127.0.0.1 ollama serve");
        }
    }

    [Fact]
    public void What_listens_for_everybody_is_seen_on_this_machine()
    {
        using var everybody = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        everybody.Bind(new IPEndPoint(IPAddress.Any, 0));
        everybody.Listen();

        ModelChecks
            .Listeners()
            .ShouldContain(listener =>
                listener.Port == ((IPEndPoint)everybody.LocalEndPoint!).Port && listener.Address.Equals(IPAddress.Any)
            );
    }

    [Fact]
    public async Task A_model_that_is_not_pulled_and_pulls_it()
    {
        await using var ollama = await FakeOllama.StartAsync();
        var finding = await OneAsync(Model(ollama.Address, "qwen3:8b"), Level.Problem);
        finding.Check.ShouldBe("model");
        finding.Mend.ShouldNotBeNull().ShouldContain("codexctl models pull qwen3:8b");

        (await OneAsync(Model(ollama.Address, "qwen3:8b"), Level.Problem, fix: true)).Fixed.ShouldBeTrue();
        (await LookAsync(Model(ollama.Address, "qwen3:8b"))).ShouldAllBe(seen => seen.Level != Level.Problem);
    }

    [Fact]
    public async Task A_model_without_tools_and_one_with_too_little_context()
    {
        await using var ollama = await FakeOllama.StartAsync();
        ollama.Models.Add(new FakeModel("phi:3", ["completion"]));
        ollama.Models.Add(new FakeModel("short:1", ["completion", "tools"], Loaded: 4096));
        ollama.Models.Add(new FakeModel("middle:1", ["completion", "tools"], Loaded: 32768));

        (await OneAsync(Model(ollama.Address, "phi:3"), Level.Problem)).What.ShouldBe("phi:3 cannot call tools.");
        (await OneAsync(Model(ollama.Address, "short:1"), Level.Problem)).Check.ShouldBe("context");
        (await LookAsync(Model(ollama.Address, "middle:1"))).ShouldContain(finding =>
            finding.Check == "context" && finding.Level == Level.Warning
        );
    }

    private ContainerInfo Container(string name, ContainerState state, string folder) =>
        new(
            name,
            state,
            "codex",
            new Dictionary<string, string> { [ContainerLabels.Workdir] = folder, [ContainerLabels.State] = Paths.StateId },
            false,
            null
        );

    private Check LeftOvers =>
        new LeftOverChecks(
            Paths,
            _ => Task.FromResult<IContainerEngine>(_engine),
            new GatewayLauncher(new FakeProcesses(), Paths, words => new CommandLine("codexctl", words), TimeProvider.System),
            container => container.Label(ContainerLabels.Workdir),
            (_, container, _) =>
            {
                File.Delete(Paths.Container("fake", container.Name).LoginInside);
                return Task.CompletedTask;
            }
        ).Check;

    [Fact]
    public async Task A_login_that_was_left_in_a_stopped_container_and_takes_it_out()
    {
        _engine.Containers.Add(Container("codex-app", ContainerState.Stopped, _root));
        var files = Paths.Container("fake", "codex-app");
        files.Prepare();
        PrivateFile.Write(files.LoginInside, "");

        (await OneAsync(LeftOvers, Level.Warning)).What.ShouldContain("codex-app was stopped with the OpenAI login");
        using (FileLock.Take(files.Lease, shared: true))
        {
            // Its gateway is just at it.
            (await LookAsync(LeftOvers))
                .ShouldHaveSingleItem()
                .Level.ShouldBe(Level.Ok);
        }
        (await OneAsync(LeftOvers, Level.Warning, fix: true)).Fixed.ShouldBeTrue();
        (await LookAsync(LeftOvers)).ShouldHaveSingleItem().Level.ShouldBe(Level.Ok);
    }

    [Fact]
    public async Task Files_of_the_login_that_others_can_get_at_and_closes_them()
    {
        var folder = Directory.CreateDirectory(
            Path.Combine(_root, "auth"),
            UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        );
        await new EncryptedFile(Path.Combine(folder.FullName, "login"), passphrase: null).WriteAsync("{}"u8.ToArray());
        (await LookAsync(LoginChecks.Files(folder.FullName))).ShouldBeEmpty();
        (await LookAsync(LoginChecks.Files(Path.Combine(_root, "none")))).ShouldBeEmpty();
        var key = Path.Combine(folder.FullName, "login.key");
        File.SetUnixFileMode(key, File.GetUnixFileMode(key) | UnixFileMode.GroupRead | UnixFileMode.OtherRead);

        var finding = await OneAsync(LoginChecks.Files(folder.FullName), Level.Problem);
        (finding.What, finding.Mend).ShouldBe(($"Others can get at {key}.", $"chmod go= {key}"));
        (await OneAsync(LoginChecks.Files(folder.FullName), Level.Problem, fix: true)).Fixed.ShouldBeTrue();
        (await LookAsync(LoginChecks.Files(folder.FullName))).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_container_that_runs_for_nobody_and_stops_it()
    {
        _engine.Containers.Add(Container("codex-app", ContainerState.Running, _root));
        var finding = await OneAsync(LeftOvers, Level.Problem, fix: true);
        finding.What.ShouldContain("codex-app runs, and nobody uses it");
        _engine.Done.ShouldBe(["stop codex-app"]);
    }

    [Fact]
    public async Task A_container_in_use_is_left_alone()
    {
        _engine.Containers.Add(Container("codex-app", ContainerState.Running, _root));
        var files = Paths.Container("fake", "codex-app");
        files.Prepare();
        using var lease = FileLock.Take(files.Lease, shared: true);

        (await LookAsync(LeftOvers, fix: true)).ShouldHaveSingleItem().Level.ShouldBe(Level.Ok);
        _engine.Done.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_container_whose_folder_is_gone_and_removes_it_with_its_state()
    {
        _engine.Containers.Add(Container("codex-app", ContainerState.Stopped, Path.Combine(_root, "gone")));
        var files = Paths.Container("fake", "codex-app");
        files.Prepare();
        PrivateFile.Write(files.GatewayOrder, "{}");

        (await OneAsync(LeftOvers, Level.Warning, fix: true)).Fixed.ShouldBeTrue();
        _engine.Done.ShouldBe(["remove codex-app"]);
        Directory.Exists(files.Root).ShouldBeFalse();
    }

    [Fact]
    public async Task State_of_a_container_that_is_gone_and_clears_it_away_but_for_records()
    {
        var files = Paths.Container("fake", "codex-old");
        files.Prepare();
        PrivateFile.Write(files.GatewayOrder, "{}");
        Directory.CreateDirectory(files.Records);
        File.WriteAllText(Path.Combine(files.Records, "kept"), "");

        (await OneAsync(LeftOvers, Level.Warning, fix: true)).What.ShouldContain("does not exist any more");
        File.Exists(files.GatewayOrder).ShouldBeFalse();
        File.Exists(Path.Combine(files.Records, "kept")).ShouldBeTrue();
        (await LookAsync(LeftOvers)).ShouldHaveSingleItem().Level.ShouldBe(Level.Ok);
    }

    [Fact]
    public async Task A_socket_that_nobody_listens_on_and_removes_it()
    {
        _engine.Containers.Add(Container("codex-app", ContainerState.Stopped, _root));
        var files = Paths.Container("fake", "codex-app");
        files.Prepare();
        File.WriteAllText(files.DoorSocket, "");

        (await OneAsync(LeftOvers, Level.Warning, fix: true)).What.ShouldEndWith("is a socket that nobody listens on.");
        File.Exists(files.DoorSocket).ShouldBeFalse();
    }

    [Fact]
    public async Task Containers_of_other_programs_and_people_are_none_of_its_business()
    {
        _engine.Containers.Add(new ContainerInfo("db", ContainerState.Running, "postgres", new Dictionary<string, string>(), null, null));
        _engine.Containers.Add(
            Container("codex-theirs", ContainerState.Running, "/gone") with
            {
                Labels = new Dictionary<string, string> { [ContainerLabels.Workdir] = "/gone", [ContainerLabels.State] = "another" },
            }
        );

        (await LookAsync(LeftOvers, fix: true)).ShouldHaveSingleItem().Level.ShouldBe(Level.Ok);
        _engine.Done.ShouldBeEmpty();
    }

    private static Check LoginIn(MemoryStore store, string folder) =>
        LoginChecks.Login(() => Task.FromResult(new LoginVault(store, folder, TimeProvider.System)));

    [Theory]
    [InlineData(null, Level.Ok, "not signed in to OpenAI, which local models do not need; a login would be kept in the test's store")]
    [InlineData("{\"OPENAI_API_KEY\":\"sk-secret\"}", Level.Ok, "an API key, kept in the test's store, which can be read")]
    [InlineData("{\"tokens\":{\"refresh_token\":\"rt_secret\"}}", Level.Ok, "signed in with ChatGPT, kept in the test's store")]
    [InlineData("{}", Level.Problem, "has no refresh token and no API key")]
    [InlineData("rt_secret", Level.Problem, "What the test's store holds is no login")]
    public async Task The_login_and_its_store(string? stored, Level level, string words)
    {
        var store = new MemoryStore { Value = stored is null ? null : Encoding.UTF8.GetBytes(stored) };

        var finding = (await LookAsync(LoginIn(store, _root))).ShouldHaveSingleItem();

        finding.Check.ShouldBe("login");
        finding.Level.ShouldBe(level, finding.What);
        finding.What.ShouldContain(words);
        $"{finding}".ShouldNotContain("secret");
        (finding.Mend is null).ShouldBe(level == Level.Ok);
    }

    [Fact]
    public async Task A_store_that_is_locked_is_named_with_cause_and_mend()
    {
        var finding = await OneAsync(LoginIn(new MemoryStore { Value = [1], Locked = true }, _root), Level.Problem);
        finding.What.ShouldBe("The OpenAI login, kept in the test's store, cannot be read: The store is locked.");

        // The real ones say what to do.
        File.WriteAllText(Path.Combine(_root, "login"), "of another program");
        var file = new EncryptedFile(Path.Combine(_root, "login"), passphrase: null);
        finding = await OneAsync(LoginChecks.Login(() => Task.FromResult(new LoginVault(file, _root, TimeProvider.System))), Level.Problem);
        finding.What.ShouldContain("encrypted file");
        finding.Mend.ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public async Task A_login_that_its_store_did_not_take_is_named_and_put_there()
    {
        var old = Logins.ChatGpt();
        var renewed = Logins.ChatGpt("rt_2", "2026-11-22T11:00:00Z");
        var store = new MemoryStore { Value = old.Bytes.ToArray(), FailsToWrite = true };
        await new LoginVault(store, _root, TimeProvider.System).UpdateAsync((_, _) => Task.FromResult<AuthDocument?>(renewed));

        (await OneAsync(LoginIn(store, _root), Level.Warning)).What.ShouldContain("waits to get into the test's store");
        (await OneAsync(LoginIn(store, _root), Level.Warning, fix: true)).Why!.ShouldContain(
            "Mending it failed: The store does not take it."
        );
        store.FailsToWrite = false;
        (await OneAsync(LoginIn(store, _root), Level.Warning, fix: true)).Fixed.ShouldBeTrue();

        store.Value.ShouldBe(renewed.Bytes.ToArray());
        (await OneAsync(LoginIn(store, _root), Level.Ok)).What.ShouldContain("signed in with ChatGPT");
    }

    [Fact]
    public async Task A_mend_that_fails_is_told_and_the_rest_goes_on()
    {
        var check = Check.Of(
            "x",
            () =>
                [
                    new Finding("x", Level.Problem, "It is broken.", "So it is.", "Mend it", _ => throw new UserError("The disk is full.")),
                    Finding.Ok("x", "fine"),
                ]
        );
        var found = await LookAsync(check, fix: true);
        found.Count.ShouldBe(2);
        found[0].Fixed.ShouldBeFalse();
        found[0].Why.ShouldBe("So it is.\nMending it failed: The disk is full.");
    }
}
