using Codexctl.Engines.Docker;
using Codexctl.Settings;

namespace Codexctl.Tests.Engines.Docker;

public class DockerEndpointTests
{
    // The hash of "far".
    private const string Meta = "/h/.docker/contexts/meta/a26c4a4f7dbc7eb2ab5a53e6da4afcf29b7f8ae9ae8ef14b9ee9de7cc1bcf3e4/meta.json";

    private static string? Why(string variables, string? context = null, string? host = null, bool mac = false)
    {
        var all = variables
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(pair => pair.Split('=', 2))
            .Append(["HOME", "/h"])
            .ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        return DockerEndpoint.WhyDockerCannot(
            new HostEnvironment(all),
            mac,
            file =>
                file.EndsWith("config.json", StringComparison.Ordinal) ? (context is null ? null : $$"""{"currentContext":"{{context}}"}""")
                : file.Contains("/contexts/meta/", StringComparison.Ordinal) && file.Length == Meta.Length && host is not null
                    ? """{"Name":"far","Endpoints":{"docker":{"Host":"?"}}}""".Replace("?", host, StringComparison.Ordinal)
                : null
        );
    }

    [Theory]
    [InlineData("")]
    [InlineData("DOCKER_HOST=unix:///run/user/1000/docker.sock")]
    [InlineData("DOCKER_CONTEXT=default")]
    public void An_engine_of_this_machine_can_use_the_socket(string variables) => Why(variables).ShouldBeNull();

    [Theory]
    [InlineData("DOCKER_HOST=tcp://127.0.0.1:2375", "tcp")]
    [InlineData("DOCKER_HOST=ssh://me@there", "ssh")]
    [InlineData("DOCKER_HOST=unix:///home/me/.docker/desktop/docker.sock", "virtual machine")]
    [InlineData("DOCKER_HOST=127.0.0.1:2375", "127.0.0.1")]
    public void A_remote_one_or_one_in_a_virtual_machine_cannot(string variables, string word) => Why(variables)!.ShouldContain(word);

    [Theory]
    [InlineData("ssh://far", true)]
    [InlineData("unix:///home/me/.colima/default/docker.sock", true)]
    [InlineData("unix:///var/run/docker.sock", false)]
    public void The_current_context_counts(string host, bool cannot)
    {
        (Why("", "far", host) is not null).ShouldBe(cannot);
        (Why("DOCKER_CONTEXT=far", null, host) is not null).ShouldBe(cannot);
        Why("DOCKER_HOST=unix:///var/run/docker.sock", "far", host).ShouldBeNull("the variable goes before the context");
    }

    [Fact]
    public void On_a_mac_containers_run_in_a_virtual_machine() => Why("", mac: true)!.ShouldContain("virtual machine");

    [Fact]
    public void A_broken_settings_file_is_dockers_to_complain_about() =>
        DockerEndpoint.WhyDockerCannot(new HostEnvironment(new Dictionary<string, string>()), mac: false, _ => "{ not json").ShouldBeNull();

    [Theory]
    [InlineData("CONTAINER_HOST", "ssh://core@localhost:5000/run/podman.sock", true)]
    [InlineData("CONTAINER_HOST", "unix:///run/podman/podman.sock", false)]
    [InlineData("CONTAINER_CONNECTION", "far", true)]
    [InlineData("HOME", "/h", false)]
    public void Podman_follows_its_own_variables(string name, string value, bool cannot) =>
        (
            DockerEndpoint.WhyPodmanCannot(new HostEnvironment(new Dictionary<string, string> { [name] = value }), mac: false) is not null
        ).ShouldBe(cannot);
}
