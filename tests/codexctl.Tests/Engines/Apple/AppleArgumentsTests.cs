using Codexctl.Engines;
using Codexctl.Engines.Apple;

namespace Codexctl.Tests.Engines.Apple;

public class AppleArgumentsTests
{
    private const string Links = "/s/link";

    internal static readonly ContainerSpec Spec = new(
        "codex-app",
        "codex",
        new Dictionary<string, string> { ["codexctl.workdir"] = "/a%3Db" },
        [new Mount("/Users/me/app", "/workdir", false), new Mount("/s/door", Box.Door, true), new Mount("/s/codex", Box.CodexConfig, true)],
        [],
        BoxNetwork.None,
        new BoxUser(501, 20),
        null,
        null
    );

    internal static readonly ExecSpec Exec = new(
        "codex-app",
        ["codex", "exec", "-n", "--", "-it"],
        new BoxUser(501, 20),
        Root: false,
        Terminal: false,
        new Dictionary<string, string>
        {
            ["TOKEN"] = "sk-secret",
            ["HOME"] = "/home/coder",
            ["TERM"] = "xterm-kitty",
        },
        "s1"
    );

    internal static readonly ImageBuild Build = new(
        "codex",
        "/c/build",
        "Dockerfile",
        new Dictionary<string, string> { ["BASE"] = "alpine:3.22" },
        new Dictionary<string, string> { ["codexctl.image"] = "codex" },
        NoCache: false,
        Pull: false,
        Network: null
    );

    private static string After(IReadOnlyList<string> arguments, string option) => arguments[arguments.ToList().IndexOf(option) + 1];

    private static List<string> Create(Func<ContainerSpec, ContainerSpec> change) => AppleArguments.Create(change(Spec), Links);

    [Fact]
    public void A_new_box_is_told_as_a_whole() =>
        string.Join(' ', AppleArguments.Create(Spec, Links))
            .ShouldBe(
                "create --name codex-app --init --network none --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE --cap-add FOWNER "
                    + "--cap-add FSETID --cap-add KILL --cap-add SETGID --cap-add SETPCAP --cap-add SETUID --cap-add SYS_CHROOT --memory 4096m "
                    + "--label codexctl.workdir=/a%3Db --mount type=bind,source=/Users/me/app,target=/workdir "
                    + "--volume /s/door/door.sock:/run/codexctl/door/door.sock --mount type=bind,source=/s/codex,target=/etc/codex,readonly "
                    + "--env CODEXCTL_UID=501 --env CODEXCTL_GID=20 --env CODEXCTL_VM=1 "
                    + "--user 0:0 --workdir /workdir --entrypoint /usr/local/bin/codexctl-init codex"
            );

    [Fact]
    public void A_box_with_the_door_over_tcp_has_a_network_and_a_process_1_that_closes_it()
    {
        var door = new TcpDoor(System.Net.IPAddress.Parse("192.168.64.1"), "192.168.64.1");
        var all = Create(s => s with { Door = door });
        var line = string.Join(' ', all);
        all.ShouldNotContain("--network");
        line.ShouldContain("--cap-add NET_ADMIN");
        line.ShouldContain("--mount type=bind,source=/s/door,target=/run/codexctl/door,readonly");
        line.ShouldNotContain("door.sock");
        line.ShouldContain("--env CODEXCTL_DOOR_HOST=192.168.64.1 --env CODEXCTL_DOOR_FILTER=1");
        line.ShouldEndWith("--entrypoint /usr/local/bin/codexctl-init-tcp codex");
        string.Join(' ', Create(s => s with { Door = door, Network = BoxNetwork.Full })).ShouldContain("CODEXCTL_DOOR_FILTER=0");
        string.Join(' ', AppleArguments.Create(Spec, Links)).ShouldNotContain("NET_ADMIN");
    }

    [Fact]
    public void The_full_network_is_the_engines_own() => Create(s => s with { Network = BoxNetwork.Full }).ShouldNotContain("--network");

    [Fact]
    public void Memory_is_four_gigabytes_unless_said_and_always_has_a_unit()
    {
        After(AppleArguments.Create(Spec, Links), "--memory").ShouldBe("4096m");
        After(Create(s => s with { MemoryBytes = (200L << 20) + 5 }), "--memory").ShouldBe("200m");
    }

    [Fact]
    public void Processors_are_whole_ones()
    {
        After(Create(s => s with { Cpus = 2.0m }), "--cpus").ShouldBe("2");
        Should.Throw<UserError>(() => Create(s => s with { Cpus = 1.5m })).Mend!.ShouldContain("--cpu 2");
    }

    [Theory]
    [InlineData("/a b", "--mount", "type=bind,source=/a b,target=/workdir")]
    [InlineData("/a:b", "--mount", "type=bind,source=/a:b,target=/workdir")]
    [InlineData("/a\nb", "--mount", "type=bind,source=/a\nb,target=/workdir")]
    [InlineData("/🙂", "--mount", "type=bind,source=/🙂,target=/workdir")]
    [InlineData("/a,b", "--volume", "/a,b:/workdir")]
    [InlineData("/a=b", "--volume", "/a=b:/workdir")]
    [InlineData("/a,b:c", "--volume", "/s/link/55ef7a7f3b53ef25:/workdir")]
    public void Any_folder_can_be_mounted(string path, string option, string value)
    {
        var mount = new Mount(path, "/workdir", false);

        var words = AppleMounts.Option(mount, Links);

        words[0].ShouldBe(option);
        if (path.Contains(',', StringComparison.Ordinal) && path.Contains(':', StringComparison.Ordinal))
        {
            var link = AppleMounts.Links(Spec with { Mounts = [mount] }, Links).ShouldHaveSingleItem();
            link.Source.ShouldBe(path);
            words[1].ShouldBe($"{link.Path}:/workdir");
            Path.GetDirectoryName(link.Path).ShouldBe(Links);
        }
        else
        {
            words[1].ShouldBe(value);
            AppleMounts.Links(Spec with { Mounts = [mount] }, Links).ShouldBeEmpty();
        }
    }

    [Theory]
    [InlineData("/a", "type=bind,source=/a,target=/workdir,readonly")]
    [InlineData("/a,b", "/a,b:/workdir:ro")]
    public void A_read_only_folder_is_told_as_one(string path, string value) =>
        AppleMounts.Option(new Mount(path, "/workdir", true), Links)[1].ShouldBe(value);

    [Fact]
    public void Hidden_folders_are_covered_and_the_box_is_told_to_check_it()
    {
        var arguments = Create(s => s with { Hidden = ["/workdir/.cache/codexctl", "/workdir/a:b"] });
        After(arguments, "--tmpfs").ShouldBe("/workdir/.cache/codexctl");
        arguments.ShouldContain("type=tmpfs,destination=/workdir/a:b");
        arguments.ShouldContain("CODEXCTL_HIDDEN=/workdir/.cache/codexctl\n/workdir/a:b");
    }

    [Fact]
    public void What_cannot_be_hidden_is_refused() =>
        Should.Throw<UserError>(() => Create(s => s with { Hidden = ["/workdir/a:b,c"] })).Mend!.ShouldContain("CODEXCTL_STATE_DIR");

    [Fact]
    public void A_label_that_it_cannot_keep_is_refused_in_words()
    {
        var labels = new Dictionary<string, string> { ["codexctl.image"] = "a=b" };
        Should.Throw<UserError>(() => Create(s => s with { Labels = labels })).Message.ShouldContain("codexctl.image");
    }

    [Fact]
    public void Values_of_variables_never_stand_on_the_command_line_but_for_what_the_client_itself_goes_by()
    {
        var arguments = AppleArguments.Exec(Exec);
        string.Join(' ', arguments)
            .ShouldBe(
                "exec --interactive --env TERM --env TOKEN --env HOME=/home/coder --user 0:0 --workdir /workdir codex-app "
                    + "/usr/local/bin/codexctl-enter s1 codex exec -n -- -it"
            );
        // The client finds its own settings by HOME.
        ExecVariables.ForClient(Exec).Keys.ShouldBe(["TOKEN", "TERM"], ignoreOrder: true);
    }

    [Fact]
    public void Only_su_exec_keeps_roots_privileges_and_only_a_terminal_is_one()
    {
        ExecVariables.ForClient(Exec).ShouldNotContainKey(Box.RootVariable);
        ExecVariables.ForClient(Exec with { Root = true })[Box.RootVariable].ShouldBe("1");
        AppleArguments.Exec(Exec).ShouldNotContain("--tty");
        AppleArguments.Exec(Exec with { Terminal = true }).ShouldContain("--tty");
    }

    [Fact]
    public void A_build_is_told_as_a_whole() =>
        string.Join(' ', AppleArguments.Build(Build with { NoCache = true, Pull = true }))
            .ShouldBe(
                "build --progress plain --tag codex --file /c/build/Dockerfile --build-arg BASE=alpine:3.22 "
                    + "--label codexctl.image=codex --no-cache --pull /c/build"
            );

    [Fact]
    public void A_password_does_not_go_to_a_build()
    {
        var build = Build with
        {
            Arguments = new Dictionary<string, string> { ["HTTP_PROXY"] = "http://me:secret@proxy:1", ["BASE"] = "a" },
        };
        string.Join(' ', AppleArguments.Build(build)).ShouldNotContain("secret");
        AppleArguments.LeftOut(build).ShouldBe(["HTTP_PROXY"]);
    }

    [Fact]
    public void A_builds_network_cannot_be_chosen() =>
        Should.Throw<UserError>(() => AppleArguments.Build(Build with { Network = "host" })).Mend!.ShouldContain("CODEXCTL_BUILD_NETWORK");
}
