using Codexctl.Engines;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Sessions;

/// <summary>Which folders of the host a box may get besides its own.</summary>
public sealed class ExtraMountsTests : IDisposable
{
    private readonly string _root = Codexctl.Processes.Libc.ResolvePath(Directory.CreateTempSubdirectory("codexctl-test-").FullName)!;
    private readonly Dictionary<string, string> _environment = [];
    private readonly string _home;
    private readonly string _work;

    public ExtraMountsTests()
    {
        _home = Directory.CreateDirectory(Path.Combine(_root, "home")).FullName;
        _work = Directory.CreateDirectory(Path.Combine(_home, "src", "app")).FullName;
        _environment["HOME"] = _home;
        _environment["DOCKER_HOST"] = $"unix://{_home}/engine/docker.sock";
        _environment["SSH_AUTH_SOCK"] = $"{_home}/agent/sock";
        foreach (
            var folder in (string[])
                ["data", ".ssh", ".aws/sso", ".config/gh", "bin", "engine", "agent", ".cache/pip", ".local/state/codexctl"]
        )
        {
            Directory.CreateDirectory(Path.Combine(_home, folder));
        }
        File.WriteAllText(Path.Combine(_home, "data", "file"), "");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private IReadOnlyList<Mount> Resolve(string[] settings, string[] typed, bool risky = false, bool readOnly = false)
    {
        var environment = new HostEnvironment(_environment);
        var places = new HostPlaces(new Paths(environment), environment);
        return ExtraMounts.Resolve(settings, typed, risky, new Workdir(_work, []), readOnly, places, _home);
    }

    private UserError Refused(string mount, bool risky = true, bool readOnly = false) =>
        Should.Throw<UserError>(() => Resolve([], [mount], risky, readOnly));

    [Fact]
    public void A_folder_is_mounted_read_only_and_a_typed_one_replaces_that_of_the_settings()
    {
        Directory.CreateDirectory(Path.Combine(_home, "other"));

        Resolve(["~/data:/mnt/a", "~/data:/mnt/b"], ["~/other:/mnt/b:rw"])
            .ShouldBe([new Mount($"{_home}/data", "/mnt/a", true), new Mount($"{_home}/other", "/mnt/b", false)]);
    }

    [Fact]
    public void A_link_is_followed_and_judged_by_where_it_leads()
    {
        File.CreateSymbolicLink(Path.Combine(_home, "data", "keys"), Path.Combine(_home, ".ssh"));
        File.CreateSymbolicLink(Path.Combine(_home, "data", "all"), "/");
        File.CreateSymbolicLink(Path.Combine(_home, "link"), Path.Combine(_home, "data"));

        Resolve([], ["~/link:/mnt/a"])[0].Source.ShouldBe($"{_home}/data");
        Refused("~/data/keys:/mnt/a", risky: false).Why!.ShouldBe($"It leads to {_home}/.ssh. {_home}/.ssh holds keys or logins of yours.");
        Refused("~/data/all:/mnt/a").Why!.ShouldContain("belongs to the system");
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/etc")]
    [InlineData("/etc/ssl")]
    [InlineData("/proc/self")]
    [InlineData("/var/run")]
    [InlineData("/usr")]
    [InlineData("/tmp")]
    [InlineData("/home")]
    [InlineData("~")]
    [InlineData("~/..")]
    [InlineData("~/.local/state/codexctl")]
    [InlineData("~/.local/state")]
    [InlineData("~/engine")]
    [InlineData("~/data/file")]
    [InlineData("~/nowhere")]
    public void Some_folders_are_never_mounted(string source) => Refused($"{source}:/mnt/a");

    [Theory]
    [InlineData("~/.ssh")]
    [InlineData("~/.aws/sso")]
    [InlineData("~/.config")]
    [InlineData("~/agent")]
    [InlineData("~/.cache/pip", ":rw")]
    [InlineData("~/bin", ":rw")]
    public void Some_only_when_the_person_says_so_on_the_command_line(string source, string mode = "")
    {
        var mount = $"{source}:/mnt/a{mode}";

        Refused(mount, risky: false).Mend!.ShouldContain("--allow-risky-mounts");
        Resolve([], [mount], risky: true).Count.ShouldBe(1);
        Should.Throw<UserError>(() => Resolve([mount], [], risky: true)).Mend!.ShouldContain("Take it out of the settings");
    }

    [Fact]
    public void What_may_be_read_but_not_written()
    {
        Resolve([], ["~/.cache/pip:/mnt/a", "~/bin:/mnt/b"]).Count.ShouldBe(2);
        Resolve([], ["~/src:/mnt/a"]).Count.ShouldBe(1);
        Refused("~/src:/mnt/a:rw").Why!.ShouldContain("could put another in its place");
        Refused("~/src:/mnt/a:rw", readOnly: true).Why!.ShouldContain("which was to be read-only");
    }

    [Fact]
    public void The_working_folder_is_there_already()
    {
        Directory.CreateDirectory(Path.Combine(_work, "build"));
        Refused("~/src/app:/mnt/a").Why!.ShouldContain("The box has it already");
        Refused("~/src/app/build:/mnt/a:rw", readOnly: true).Why!.ShouldContain("The box has it already");
    }

    [Fact]
    public void A_folder_that_was_exchanged_for_a_link_is_noticed_before_the_engine_follows_it()
    {
        var data = Path.Combine(_home, "data");
        ExtraMounts.CheckUnmoved([data], "codex-app");
        Directory.Move(data, data + ".away");
        Should.Throw<UserError>(() => ExtraMounts.CheckUnmoved([data], "codex-app")).Why.ShouldBe("It is gone.");
        File.CreateSymbolicLink(data, Path.Combine(_home, ".ssh"));
        Should.Throw<UserError>(() => ExtraMounts.CheckUnmoved([data], "codex-app")).Why.ShouldBe($"It leads to {_home}/.ssh now.");
    }

    [Fact]
    public void The_label_holds_any_path()
    {
        Mount[] mounts = [new("/a,b:c=d ü\n", "/mnt/b", false), new("/x", "/mnt/a", true)];
        var value = MountsLabel.Write(mounts);
        value.ShouldNotContain("=");
        var container = new ContainerInfo(
            "c",
            ContainerState.Stopped,
            "codex",
            new Dictionary<string, string> { [ContainerLabels.Mounts] = value },
            false,
            null
        );
        MountsLabel.Read(container).ShouldBe(mounts, ignoreOrder: true);
    }
}
