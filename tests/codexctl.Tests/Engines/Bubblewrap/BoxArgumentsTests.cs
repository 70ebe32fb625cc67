using Codexctl.Engines;
using Codexctl.Engines.Bubblewrap;

namespace Codexctl.Tests.Engines.Bubblewrap;

public class BoxArgumentsTests
{
    private static readonly ContainerSpec Spec = new(
        "codex-app",
        "codex",
        new Dictionary<string, string>(),
        [
            new Mount("/home/me/my, project=1:2 🙂", Box.Workdir, ReadOnly: false),
            new Mount("/state/door", Box.Door, ReadOnly: true),
            new Mount("/state/codex", Box.CodexConfig, ReadOnly: true),
        ],
        [],
        BoxNetwork.None,
        new BoxUser(1001, 1002),
        null,
        null
    );

    private static readonly HostLayout Host = new(["/usr", "/lib64"], [("/bin", "usr/bin")], ["/etc/ssl/certs"]);

    private static IReadOnlyList<string> Build(
        ContainerSpec spec,
        Isolation isolation = Isolation.SealedUserNamespace,
        OwnProgram? own = null
    ) =>
        BoxArguments.Build(
            new BoxPlan(
                spec,
                Host,
                isolation,
                "/state/home",
                "/state/etc",
                ["passwd"],
                "/cache/codex",
                own ?? new OwnProgram("/usr/local/bin/codexctl", null)
            )
        );

    [Fact]
    public void The_whole_command_line_is_as_agreed()
    {
        string.Join('\n', Build(Spec))
            .ShouldBe(
                """
                --unshare-user
                --uid
                1001
                --gid
                1002
                --disable-userns
                --unshare-pid
                --unshare-ipc
                --unshare-uts
                --unshare-cgroup-try
                --hostname
                codex-app
                --unshare-net
                --cap-drop
                ALL
                --clearenv
                --ro-bind
                /usr
                /usr
                --ro-bind
                /lib64
                /lib64
                --symlink
                usr/bin
                /bin
                --proc
                /proc
                --ro-bind-try
                /proc/sys
                /proc/sys
                --ro-bind-try
                /proc/sysrq-trigger
                /proc/sysrq-trigger
                --ro-bind-try
                /proc/irq
                /proc/irq
                --ro-bind-try
                /proc/bus
                /proc/bus
                --ro-bind-try
                /proc/fs
                /proc/fs
                --ro-bind-try
                /proc/acpi
                /proc/acpi
                --ro-bind-try
                /proc/scsi
                /proc/scsi
                --ro-bind-try
                /proc/mtrr
                /proc/mtrr
                --ro-bind-try
                /proc/pressure
                /proc/pressure
                --dev
                /dev
                --perms
                1777
                --tmpfs
                /tmp
                --perms
                0755
                --tmpfs
                /run
                --perms
                1777
                --tmpfs
                /var/tmp
                --perms
                0755
                --tmpfs
                /run/codexctl
                --perms
                0755
                --dir
                /run/codexctl/bin
                --symlink
                /run
                /var/run
                --perms
                0755
                --dir
                /etc
                --perms
                0755
                --dir
                /etc/ssl
                --perms
                0755
                --dir
                /etc/pki
                --perms
                0755
                --dir
                /home
                --perms
                0755
                --dir
                /opt
                --ro-bind
                /etc/ssl/certs
                /etc/ssl/certs
                --ro-bind
                /state/etc/passwd
                /etc/passwd
                --symlink
                /proc/self/mounts
                /etc/mtab
                --bind
                /state/home
                /home/coder
                --ro-bind
                /cache/codex
                /opt/codex
                --bind
                /home/me/my, project=1:2 🙂
                /workdir
                --ro-bind
                /state/door
                /run/codexctl/door
                --ro-bind
                /state/codex
                /etc/codex
                --setenv
                DOTNET_EnableDiagnostics
                0
                --setenv
                HOME
                /home/coder
                --setenv
                LANG
                C.UTF-8
                --ro-bind
                /usr/local/bin/codexctl
                /run/codexctl/bin/codexctl
                --chdir
                /
                --remount-ro
                /run/codexctl
                --remount-ro
                /
                --json-status-fd
                4
                --
                /run/codexctl/bin/codexctl
                box-init
                --door
                --own-network
                """
            );
    }

    [Fact]
    public void A_full_network_is_the_hosts()
    {
        var arguments = Build(Spec with { Network = BoxNetwork.Full });

        arguments.ShouldNotContain("--unshare-net");
        arguments[^1].ShouldBe("--shared-network");
    }

    [Fact]
    public void A_read_only_workdir_is_bound_read_only()
    {
        var arguments = Build(Spec with { Mounts = [new Mount("/w", Box.Workdir, ReadOnly: true)] });

        arguments[arguments.ToList().IndexOf("/w") - 1].ShouldBe("--ro-bind");
        arguments.ShouldContain("--no-door");
    }

    [Fact]
    public void Root_is_an_ordinary_user_inside_where_user_namespaces_work()
    {
        var root = Spec with { User = new BoxUser(0, 0) };

        Build(root).Take(5).ShouldBe(["--unshare-user", "--uid", "1000", "--gid", "1000"]);
        Build(root, Isolation.UserNamespace).ShouldNotContain("--disable-userns");
        Build(root, Isolation.NoUserNamespace).ShouldNotContain("--unshare-user");
        Build(root, Isolation.NoUserNamespace).ShouldNotContain("--uid");
    }

    [Fact]
    public void A_framework_dependent_build_brings_its_runtime()
    {
        var arguments = Build(Spec, own: new OwnProgram("/build/out", "/usr/share/dotnet"));

        string.Join(' ', arguments)
            .ShouldEndWith("-- /run/codexctl/dotnet/dotnet /run/codexctl/bin/codexctl.dll box-init --door --own-network");
        string.Join(' ', arguments)
            .ShouldContain("--ro-bind /build/out /run/codexctl/bin --ro-bind /usr/share/dotnet /run/codexctl/dotnet");
    }

    [Fact]
    public void The_hosts_layout_shows_no_secrets()
    {
        var layout = HostLayout.Read();

        layout.Directories.ShouldContain("/usr");
        layout.Directories.ShouldNotContain("/opt");
        foreach (
            var path in (string[])
                [
                    "shadow",
                    "gshadow",
                    "passwd",
                    "ssh",
                    "ssl",
                    "ssl/private",
                    "pki",
                    "docker",
                    "kubernetes",
                    "sudoers",
                    "npmrc",
                    "pip.conf",
                    "gitconfig",
                    "resolv.conf",
                    "hosts",
                ]
        )
        {
            layout.Configuration.ShouldNotContain($"/etc/{path}");
        }
    }
}
