using System.Net;
using Codexctl.Engines;
using Codexctl.Engines.Docker;
using Codexctl.Tests.Fakes;

namespace Codexctl.Tests.Engines.Docker;

/// <summary>Where the door over TCP listens, and which engines have none.</summary>
public class DockerDoorTests
{
    private static DockerEngine Docker(FakeProcesses processes, bool machine = false) =>
        new(processes, DockerDialect.Docker(virtualMachine: machine), new EngineDoor("Docker is reached over tcp", HasTcp: true));

    private static string Network(string gateway) =>
        """[{"Name":"bridge","IPAM":{"Config":[{"Subnet":"x","Gateway":"GATEWAY"}]}}]""".Replace("GATEWAY", gateway);

    [Fact]
    public async Task In_a_virtual_machine_of_this_computer_it_is_loopback_under_the_engines_name_for_it()
    {
        using var processes = new FakeProcesses();
        (await Docker(processes, machine: true).TcpDoorAsync()).ShouldBe(new TcpDoor(IPAddress.Loopback, "host.docker.internal"));
    }

    [Fact]
    public async Task On_this_computer_it_is_the_bridges_own_address()
    {
        using var processes = new FakeProcesses().Expect("docker network inspect bridge", Network("127.0.0.1"));
        (await Docker(processes).TcpDoorAsync()).ShouldBe(new TcpDoor(IPAddress.Loopback, "127.0.0.1"));
    }

    [Fact]
    public async Task A_bridge_whose_address_docker_does_not_tell_is_looked_at_itself()
    {
        using var processes = new FakeProcesses().Expect(
            "docker network inspect bridge",
            """[{"Name":"bridge","IPAM":{"Config":[{"Subnet":"172.17.0.0/16"}]},"Options":{"com.docker.network.bridge.name":"lo"}}]"""
        );
        (await Docker(processes).TcpDoorAsync()).Listen.ToString().ShouldStartWith("127.");
    }

    [Theory]
    [InlineData("192.0.2.1", "it seems to run on another one")]
    [InlineData("", "no gateway address")]
    public async Task An_engine_on_another_computer_is_refused_in_words(string gateway, string why)
    {
        using var processes = new FakeProcesses().Expect("docker network inspect bridge", Network(gateway));
        var error = await Should.ThrowAsync<UserError>(() => Docker(processes).TcpDoorAsync());
        error.Why!.ShouldContain("Docker is reached over tcp, so a socket cannot be used.");
        error.Why!.ShouldContain(why);
        error.Mend!.ShouldContain("DOCKER_HOST");
        error.ExitCode.ShouldBe(ExitCodes.BeforeCommand);
    }

    [Fact]
    public async Task A_podman_of_another_computer_has_none_at_all()
    {
        using var processes = new FakeProcesses();
        var podman = new DockerEngine(
            processes,
            DockerDialect.Podman(rootless: false),
            new EngineDoor("Podman is reached over ssh", HasTcp: false)
        );
        var error = await Should.ThrowAsync<UserError>(() => podman.TcpDoorAsync());
        error.Why!.ShouldContain("Podman is reached over ssh");
        error.Mend!.ShouldContain("CONTAINER_HOST");
    }
}
