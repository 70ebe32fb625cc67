using Codexctl.Engines;
using Codexctl.Engines.Docker;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Engines.Docker;

public class DockerArgumentsTests
{
    private static ContainerSpec Spec(Func<ContainerSpec, ContainerSpec>? change = null)
    {
        var spec = new ContainerSpec(
            "codex-app",
            "codex",
            new Dictionary<string, string> { ["codexctl.workdir"] = "/a" },
            [new Mount("/home/me/app", "/workdir", false), new Mount("/s/door", Box.Door, true)],
            [],
            BoxNetwork.None,
            new BoxUser(1000, 1001),
            null,
            null
        );
        return change is null ? spec : change(spec);
    }

    private static string After(IReadOnlyList<string> arguments, string option) => arguments[arguments.ToList().IndexOf(option) + 1];

    [Fact]
    public void A_box_has_no_network_no_privileges_and_nothing_is_pulled()
    {
        var arguments = DockerArguments.Create(DockerDialect.Docker(), Spec());
        After(arguments, "--network").ShouldBe("none");
        After(arguments, "--cap-drop").ShouldBe("ALL");
        After(arguments, "--security-opt").ShouldBe("no-new-privileges");
        After(arguments, "--pull").ShouldBe("never");
        arguments.ShouldNotContain("--privileged");
        arguments.ShouldNotContain("--publish");
        arguments[^1].ShouldBe("codex");
    }

    [Fact]
    public void The_full_network_is_the_engines_own() =>
        After(DockerArguments.Create(DockerDialect.Docker(), Spec(s => s with { Network = BoxNetwork.Full })), "--network")
            .ShouldBe("bridge");

    [Fact]
    public void The_door_is_mounted_read_only() =>
        DockerArguments.Create(DockerDialect.Docker(), Spec()).ShouldContain($"type=bind,source=/s/door,target={Box.Door},readonly");

    [Fact]
    public void No_proxy_of_the_persons_settings_gets_into_a_box()
    {
        foreach (var dialect in (DockerDialect[])[DockerDialect.Docker(), DockerDialect.Podman(rootless: true)])
        {
            var arguments = DockerArguments.Create(dialect, Spec());
            foreach (var name in Box.ProxyVariables)
            {
                arguments[arguments.IndexOf($"{name}=") - 1].ShouldBe("--env");
            }
        }
        string[] kept = ["--http-proxy=false", "--env-host=false"];
        kept.ShouldBeSubsetOf(DockerArguments.Create(DockerDialect.Podman(rootless: false), Spec()));
    }

    [Theory]
    [InlineData("/a b", "type=bind,source=/a b,target=/workdir")]
    [InlineData("/a:b=c", "type=bind,source=/a:b=c,target=/workdir")]
    [InlineData("/a,b", "type=bind,\"source=/a,b\",target=/workdir")]
    [InlineData("/a\"b", "type=bind,\"source=/a\"\"b\",target=/workdir")]
    [InlineData("/a\nb", "type=bind,\"source=/a\nb\",target=/workdir")]
    [InlineData("/🙂", "type=bind,source=/🙂,target=/workdir")]
    public void Any_path_can_be_mounted(string path, string option) =>
        DockerArguments.MountOption(new Mount(path, "/workdir", false)).ShouldBe(option);

    [Fact]
    public void Hidden_folders_are_covered_after_the_mounts_that_they_lie_in()
    {
        var arguments = DockerArguments.Create(DockerDialect.Docker(), Spec(s => s with { Hidden = ["/workdir/.cache/codexctl"] }));
        arguments
            .FindIndex(a => a.StartsWith("type=tmpfs", StringComparison.Ordinal))
            .ShouldBeGreaterThan(arguments.FindIndex(a => a.Contains("target=/workdir", StringComparison.Ordinal)));
    }

    [Fact]
    public void Limits_are_told_as_docker_reads_them()
    {
        var arguments = DockerArguments.Create(DockerDialect.Docker(), Spec(s => s with { Cpus = 1.5m, MemoryBytes = 1L << 30 }));
        After(arguments, "--cpus").ShouldBe("1.5");
        After(arguments, "--memory").ShouldBe("1073741824");
    }

    [Fact]
    public void Values_of_variables_never_stand_on_the_command_line()
    {
        var exec = new ExecSpec(
            "codex-app",
            ["codex", "exec", "-n"],
            new BoxUser(0, 0),
            Root: false,
            Terminal: false,
            new Dictionary<string, string> { ["TOKEN"] = "sk-secret" },
            "s1"
        );
        var arguments = DockerArguments.Exec(DockerDialect.Docker(), exec);
        arguments.ShouldContain("TOKEN");
        string.Join(' ', arguments).ShouldNotContain("sk-secret");
        ExecVariables.ForClient(exec)["TOKEN"].ShouldBe("sk-secret");
        arguments.TakeLast(5).ShouldBe([Box.Enter, "s1", "codex", "exec", "-n"]);
        arguments.ShouldNotContain("--tty");
    }

    [Fact]
    public void What_the_client_itself_goes_by_stays_out_of_its_environment()
    {
        // By its HOME it finds its contexts and podman its store; a proxy of the box's would swallow its way to a remote engine.
        var variables = BoxEnvironment.For(
            new HostEnvironment(new Dictionary<string, string> { ["TERM"] = "vt100", ["HOME"] = "/home/me" }),
            BoxNetwork.None,
            certificates: true
        );
        var exec = new ExecSpec("c", ["id"], new BoxUser(0, 0), Root: false, Terminal: false, variables, "s");
        var arguments = DockerArguments.Exec(DockerDialect.Docker(), exec);
        string[] clients =
        [
            "HOME",
            "SSL_CERT_FILE",
            .. Box.ProxyVariables.Where(name => !name.StartsWith("ftp", StringComparison.OrdinalIgnoreCase)),
        ];
        foreach (var name in clients)
        {
            ExecVariables.ForClient(exec).ShouldNotContainKey(name);
            arguments.ShouldContain($"{name}={variables[name]}");
        }
        // Every variable gets into the box, by its name or with its value, once.
        arguments
            .Where((_, at) => at > 0 && arguments[at - 1] == "--env")
            .Select(option => option.Split('=')[0])
            .ShouldBe(variables.Keys, ignoreOrder: true);
        ExecVariables.ForClient(exec)["TERM"].ShouldBe("vt100");
    }

    [Fact]
    public void Only_su_exec_keeps_roots_privileges()
    {
        var exec = new ExecSpec("c", ["id"], new BoxUser(0, 0), Root: false, Terminal: true, new Dictionary<string, string>(), "s");
        ExecVariables.ForClient(exec).ShouldNotContainKey(Box.RootVariable);
        ExecVariables.ForClient(exec with { Root = true })[Box.RootVariable].ShouldBe("1");
        DockerArguments.Exec(DockerDialect.Docker(), exec).ShouldContain("--tty");
    }
}
