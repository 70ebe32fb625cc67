using Codexctl.Engines;
using Codexctl.Engines.Docker;
using Codexctl.Tests.Fakes;

namespace Codexctl.Tests.Engines.Docker;

public class DockerEngineTests
{
    private const string Running = """
        [{"Name":"/codex-app","Created":"2026-01-02T03:04:05Z","State":{"Status":"running"},"Config":{"Image":"codex",
          "Labels":{"codexctl.workdir":"/a","other":"x"}},"Mounts":[{"Destination":"/etc/codex","RW":false},{"Destination":"/workdir","RW":true}]}]
        """;

    [Fact]
    public async Task Existing_containers_are_read_and_missing_ones_left_out()
    {
        using var processes = new FakeProcesses().Expect(
            "docker container inspect codex-app codex-app-1",
            Running,
            "Error: No such container: codex-app-1\n",
            1
        );
        var found = (
            await new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).InspectAsync(["codex-app", "codex-app-1"])
        ).ShouldHaveSingleItem();
        found.Name.ShouldBe("codex-app");
        found.State.ShouldBe(ContainerState.Running);
        found.WorkdirReadOnly.ShouldBe(false);
        found.IsOurs.ShouldBeTrue();
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("")]
    [InlineData("[1,2")]
    public async Task Rubbish_is_a_clear_error(string output)
    {
        using var processes = new FakeProcesses().Expect("docker container inspect", output);
        var error = await Should.ThrowAsync<UserError>(() =>
            new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).InspectAsync(["x"])
        );
        error.Message.ShouldContain("JSON");
    }

    [Theory]
    [InlineData("[{}]")]
    [InlineData("""[{"Name":"/x","State":{"Status":"frozen"},"Config":{"Labels":null},"Mounts":{}}]""")]
    [InlineData("""[{"Name":7,"State":"x","Config":[],"Mounts":[{"Destination":"/workdir"}]}, 3]""")]
    public async Task Missing_and_strange_fields_are_no_error(string output)
    {
        using var processes = new FakeProcesses().Expect("docker container inspect", output);
        var found = (
            await new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).InspectAsync(["x"])
        ).ShouldHaveSingleItem();
        found.WorkdirReadOnly.ShouldBeNull();
        found.IsOurs.ShouldBeFalse();
    }

    [Fact]
    public async Task A_daemon_that_is_down_is_told_with_the_mend()
    {
        using var processes = new FakeProcesses().Expect(
            "docker container inspect",
            "[]",
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            1
        );
        var error = await Should.ThrowAsync<UserError>(() =>
            new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).InspectAsync(["x"])
        );
        error.Mend!.ShouldContain("systemctl start docker");
    }

    private static readonly ContainerSpec Spec = new(
        "c1",
        "codex",
        new Dictionary<string, string>(),
        [],
        [],
        BoxNetwork.None,
        new BoxUser(0, 0),
        null,
        null
    );

    private const string HalfRemoved =
        "Error: getting graph driver info \"bbb\": stat /var/lib/containers/storage/overlay/2d7d: no such file or directory\n";

    /// <summary>podman's very words while a container is being removed: it tells of none then.</summary>
    [Theory]
    [InlineData(HalfRemoved)]
    [InlineData("Error: getting container from store \"bbb\": container not known\n")]
    public async Task A_container_that_goes_while_all_are_listed_is_left_out(string words)
    {
        const string all = "aaa\texited\tcodex-app\nbbb\tCreated\tother\nccc\tRemoving\tthird\n";
        using var processes = new FakeProcesses()
            .Expect("podman container ls --all", all)
            .Expect("podman container inspect aaa bbb", "", words, 125)
            .Expect("podman container inspect aaa", Running)
            .Expect("podman container inspect bbb", "", words, 125)
            .Expect("podman container ls --all", "aaa\texited\tcodex-app\n");

        var found = await new DockerEngine(processes, DockerDialect.Podman(rootless: false), EngineDoor.SocketOnly).ListAsync();

        found.ShouldHaveSingleItem().Name.ShouldBe("codex-app");
    }

    [Fact]
    public async Task A_container_that_stays_half_removed_is_listed_in_no_known_state()
    {
        const string all = "bbb\tcreated\tother\n";
        using var processes = new FakeProcesses()
            .Expect("podman container ls --all", all)
            .Expect("podman container inspect bbb", "", HalfRemoved, 125);
        for (var i = 0; i < 5; i++)
        {
            processes.Expect("podman container inspect bbb", "", HalfRemoved, 125).Expect("podman container ls --all", all);
        }

        var found = await new DockerEngine(processes, DockerDialect.Podman(rootless: false), EngineDoor.SocketOnly).ListAsync();

        found.ShouldHaveSingleItem().Name.ShouldBe("other");
        found[0].State.ShouldBe(ContainerState.Unknown);
        found[0].IsOurs.ShouldBeFalse();
    }

    [Theory]
    [InlineData("unknown flag: --pull\nSee 'docker create --help'.")]
    [InlineData("Error: unknown flag: --pull")]
    public async Task A_client_that_is_too_old_is_told_as_one(string words)
    {
        using var processes = new FakeProcesses().Expect("docker create", "", words, 125);
        var error = await Should.ThrowAsync<UserError>(() =>
            new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).CreateAsync(Spec)
        );
        error.Message.ShouldContain("too old");
        error.Why!.ShouldContain("--pull");
        error.Mend!.ShouldContain("Docker 20.10");
    }

    [Fact]
    public async Task A_missing_image_is_told_apart()
    {
        using var processes = new FakeProcesses().Expect("docker create", "", "Error response from daemon: No such image: codex:latest", 1);
        (
            await Should.ThrowAsync<ImageMissingException>(() =>
                new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).CreateAsync(Spec)
            )
        ).Image.ShouldBe("codex");
    }

    [Fact]
    public async Task A_name_that_was_taken_meanwhile_is_told_apart()
    {
        using var processes = new FakeProcesses().Expect(
            "docker create",
            "",
            "Error response from daemon: Conflict. The container name \"/c1\" is already in use by container \"abc\".",
            1
        );
        await Should.ThrowAsync<NameTakenException>(() =>
            new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).CreateAsync(Spec)
        );
    }

    [Fact]
    public async Task Anything_else_keeps_the_engines_own_words()
    {
        using var processes = new FakeProcesses().Expect(
            "docker create",
            "",
            "Error response from daemon: range of CPUs is from 0.01 to 2.00",
            1
        );
        (
            await Should.ThrowAsync<ProcessError>(() =>
                new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly).CreateAsync(Spec)
            )
        ).Tail.ShouldContain("range of CPUs");
    }

    [Fact]
    public async Task Stopping_and_removing_what_is_gone_is_fine()
    {
        using var processes = new FakeProcesses()
            .Expect("docker container stop", "", "Error response from daemon: No such container: c1", 1)
            .Expect("docker container rm --force", "", "Error response from daemon: No such container: c1", 1);
        var engine = new DockerEngine(processes, DockerDialect.Docker(), EngineDoor.SocketOnly);
        await engine.StopAsync("c1");
        await engine.RemoveAsync("c1", force: true);
    }
}
