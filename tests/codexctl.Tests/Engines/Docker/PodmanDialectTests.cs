using System.Net;
using Codexctl.Engines;
using Codexctl.Engines.Docker;
using Codexctl.Tests.Fakes;

namespace Codexctl.Tests.Engines.Docker;

public class PodmanDialectTests
{
    private static readonly ContainerSpec _spec = new(
        "c1",
        "codex",
        new Dictionary<string, string>(),
        [new Mount("/s/door", Box.Door, true)],
        [],
        BoxNetwork.None,
        new BoxUser(1000, 1000),
        null,
        null
    );

    private static DockerEngine Engine(FakeProcesses processes, bool rootless = false) =>
        new(processes, DockerDialect.Podman(rootless), EngineDoor.SocketOnly);

    private static string Create(DockerDialect dialect, ContainerSpec? spec = null) =>
        string.Join(' ', DockerArguments.Create(dialect, spec ?? _spec));

    [Fact]
    public void An_ordinary_user_keeps_the_ids_and_root_has_no_other_namespace()
    {
        Create(DockerDialect.Podman(rootless: true)).ShouldContain(" --userns keep-id ");
        Create(DockerDialect.Podman(rootless: false)).ShouldNotContain("--userns");
        Create(DockerDialect.Podman(rootless: true)).ShouldContain("--pull never");
        Create(DockerDialect.Podman(rootless: true)).ShouldNotContain("--init ", customMessage: "its program is missing on many machines");
    }

    [Fact]
    public void Under_selinux_the_label_goes_and_no_folder_is_relabelled()
    {
        Create(DockerDialect.Podman(rootless: true, selinux: true)).ShouldContain("--security-opt label=disable");
        Create(DockerDialect.Docker(selinux: true)).ShouldContain("--security-opt label=disable");
        Create(DockerDialect.Podman(rootless: true)).ShouldNotContain("label=");
    }

    [Fact]
    public void No_key_detaches_a_command()
    {
        var arguments = DockerArguments.Exec(
            DockerDialect.Podman(rootless: false),
            new ExecSpec("c1", ["true"], new BoxUser(0, 0), false, true, new Dictionary<string, string>(), "s1")
        );
        arguments[arguments.IndexOf("--detach-keys") + 1].ShouldBe("");
    }

    [Fact]
    public void Only_a_door_over_tcp_has_a_network_and_the_right_to_close_it()
    {
        var door = new TcpDoor(IPAddress.Loopback, "host.docker.internal");
        var tcp = Create(DockerDialect.Docker(), _spec with { Door = door });
        tcp.ShouldContain("--network bridge");
        tcp.ShouldContain("--cap-add NET_ADMIN");
        tcp.ShouldContain($"--entrypoint {Box.TcpInit} codex");
        tcp.ShouldContain($"--env {Box.DoorHostVariable}=host.docker.internal --env {Box.DoorFilterVariable}=1");
        Create(DockerDialect.Docker(), _spec with { Door = door, Network = BoxNetwork.Full }).ShouldContain($"{Box.DoorFilterVariable}=0");
        var socket = Create(DockerDialect.Docker());
        socket.ShouldContain("--network none");
        socket.ShouldNotContain("NET_ADMIN");
        socket.ShouldContain($"--entrypoint {Box.Init} codex");
    }

    [Theory]
    [InlineData("Error: no container with name or ID \"x\" found: no such container")]
    [InlineData("Error: inspecting object: no such container x")]
    [InlineData("Error: inspecting object: no such object: \"x\"")]
    [InlineData("time=\"2026-01-01T00:00:00Z\" level=warning msg=\"something\"\nError: inspecting object: no such container x")]
    public async Task A_missing_container_is_left_out_whatever_the_words(string error)
    {
        using var processes = new FakeProcesses().Expect("podman container inspect x", "[]", error + "\n", 125);
        (await Engine(processes).InspectAsync(["x"])).ShouldBeEmpty();
    }

    [Fact]
    public async Task Another_error_beside_a_missing_container_is_told()
    {
        using var processes = new FakeProcesses().Expect(
            "podman container inspect x",
            "[]",
            "Error: database is locked\nError: no such container x\n",
            125
        );
        await Should.ThrowAsync<ProcessError>(() => Engine(processes).InspectAsync(["x"]));
    }

    [Fact]
    public async Task What_podman_says_about_images_and_names_is_understood()
    {
        using var processes = new FakeProcesses()
            .Expect("podman create", "", "Error: codex: image not known\n", 125)
            .Expect(
                "podman create",
                "",
                "Error: creating container storage: the container name \"c1\" is already in use by 0123. You have to remove that container to be able to reuse that name: that name is already in use\n",
                125
            )
            .Expect("podman image inspect", "[]", "Error: inspecting object: codex: image not known\n", 125);
        await Should.ThrowAsync<ImageMissingException>(() => Engine(processes).CreateAsync(_spec));
        await Should.ThrowAsync<NameTakenException>(() => Engine(processes).CreateAsync(_spec));
        (await Engine(processes).InspectImageAsync("codex")).ShouldBeNull();
    }

    [Theory]
    [InlineData("Error: codex: image not known")]
    [InlineData("Error: localhost/codex:latest: image not known")]
    [InlineData("Error: inspecting object: unable to find a name and tag match for codex in repotags: no such image")]
    [InlineData("time=\"2026-01-01T00:00:00Z\" level=warning msg=\"cgroups v1\"\nError: codex: image not known")]
    public async Task A_missing_image_is_told_with_podmans_words(string error)
    {
        using var processes = new FakeProcesses().Expect("podman create", "", error + "\n", 125);
        var missing = await Should.ThrowAsync<ImageMissingException>(() => Engine(processes).CreateAsync(_spec));
        missing.Image.ShouldBe("codex");
        missing.Said.ShouldBe(error);
    }

    [Theory]
    [InlineData("Error: invalid option type \"zz\"")]
    [InlineData("Error: database is locked\nError: codex: image not known")]
    [InlineData("Error: creating container storage: 0123abcd: image not known")]
    [InlineData("Error: crun: pids limit: no such file or directory")]
    [InlineData("Error: mkdir /home/coder: permission denied")]
    [InlineData("")]
    public async Task No_other_failure_is_taken_for_a_missing_image(string error)
    {
        using var processes = new FakeProcesses().Expect("podman create", "", error, 125).Expect("podman image inspect", "", error, 125);
        (await Should.ThrowAsync<ProcessError>(() => Engine(processes).CreateAsync(_spec))).Tail.ShouldBe(error);
        (await Should.ThrowAsync<ProcessError>(() => Engine(processes).InspectImageAsync("codex"))).Tail.ShouldBe(error);
    }

    [Fact]
    public async Task An_engine_that_failed_without_a_word_does_not_mean_that_a_container_is_gone()
    {
        using var processes = new FakeProcesses()
            .Expect("podman container inspect x", "", "", 137)
            .Expect("podman container stop", "", "", 137);
        await Should.ThrowAsync<ProcessError>(() => Engine(processes).InspectAsync(["x"]));
        await Should.ThrowAsync<ProcessError>(() => Engine(processes).StopAsync("x"));
    }

    [Fact]
    public void The_hosts_proxies_stay_outside() => Create(DockerDialect.Podman(rootless: false)).ShouldContain("--http-proxy=false");

    [Theory]
    [InlineData("v1 [memory cpu]", true)]
    [InlineData("v2 [memory pids]", true)]
    [InlineData("v2 [cpu memory pids]", false)]
    public async Task Limits_for_an_ordinary_user_hold_or_are_refused(string info, bool refused)
    {
        using var processes = new FakeProcesses().Expect("podman info", info + "\n");
        if (!refused)
        {
            processes.Expect("podman create");
        }
        var create = () => Engine(processes, rootless: true).CreateAsync(_spec with { Cpus = 2, MemoryBytes = 1 << 30 });
        if (refused)
        {
            (await Should.ThrowAsync<UserError>(create)).Message.ShouldContain("cannot limit");
            return;
        }
        await create();
    }

    [Fact]
    public async Task The_json_of_podman_is_read()
    {
        const string Json = """
            [{"Id":"0123","Name":"codex-app","Created":"2026-01-02T03:04:05.123456789Z","ImageName":"localhost/codex:latest",
              "State":{"Status":"exited","Running":false},"Config":{"Labels":{"codexctl.workdir":"/a"}},
              "Mounts":[{"Type":"bind","Destination":"/workdir","RW":false,"Options":["rbind"]}]}]
            """;
        using var processes = new FakeProcesses().Expect("podman container inspect", Json);
        var found = (await Engine(processes).InspectAsync(["codex-app"])).ShouldHaveSingleItem();
        (found.Name, found.State, found.Image, found.WorkdirReadOnly).ShouldBe(
            ("codex-app", ContainerState.Stopped, "localhost/codex:latest", true)
        );
    }
}
