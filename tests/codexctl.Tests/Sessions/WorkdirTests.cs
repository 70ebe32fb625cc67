using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Tests.Sessions;

public sealed class WorkdirTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly string _home;
    private readonly Paths _paths;

    public WorkdirTests()
    {
        _home = Path.Combine(_root, "home");
        Directory.CreateDirectory(_home);
        _paths = new Paths(new HostEnvironment(new Dictionary<string, string> { ["HOME"] = _home }));
        Directory.CreateDirectory(_paths.State);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private Workdir Resolve(string path, bool allowHome = false) => Workdir.Resolve(path, _paths, _home, allowHome);

    private string Make(string name) => Directory.CreateDirectory(Path.Combine(_home, name)).FullName;

    [Theory]
    [InlineData("plain")]
    [InlineData("with space")]
    [InlineData("a,b")]
    [InlineData("a:b")]
    [InlineData("a=b")]
    [InlineData("a\nb")]
    [InlineData("\"quoted\" 'too'")]
    [InlineData("🙂")]
    public void Folders_of_any_name_are_taken_as_they_are(string name) => Resolve(Make(name)).Path.ShouldEndWith("/home/" + name);

    [Fact]
    public void A_link_is_resolved_so_that_one_folder_has_one_container()
    {
        var folder = Make("real");
        var link = Path.Combine(_home, "link");
        File.CreateSymbolicLink(link, folder);
        Resolve(link).Path.ShouldBe(Resolve(folder).Path);
    }

    [Fact]
    public void A_missing_folder_is_refused() => Should.Throw<UserError>(() => Resolve(Path.Combine(_home, "missing")));

    [Fact]
    public void A_file_is_refused()
    {
        var file = Path.Combine(_home, "file");
        File.WriteAllText(file, "");
        Should.Throw<UserError>(() => Resolve(file)).Why!.ShouldContain("not a folder");
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/etc")]
    [InlineData("/usr")]
    [InlineData("/proc/self")]
    [InlineData("/dev/shm")]
    public void System_folders_are_refused_even_when_home_is_allowed(string path) =>
        Should.Throw<UserError>(() => Resolve(path, allowHome: true));

    [Fact]
    public void The_home_directory_needs_its_flag() => Should.Throw<UserError>(() => Resolve(_home)).Mend!.ShouldContain("--allow-home");

    [Fact]
    public void In_an_allowed_home_directory_codexctls_own_files_stay_hidden() =>
        Resolve(_home, allowHome: true).Hidden.ShouldContain("/workdir/.local/state/codexctl");

    [Fact]
    public void A_folder_above_the_home_directory_needs_the_flag_too() => Should.Throw<UserError>(() => Resolve(_root));

    [Fact]
    public void Codexctls_own_folders_are_refused() => Should.Throw<UserError>(() => Resolve(_paths.State, allowHome: true));

    [Fact]
    public void A_link_to_the_home_directory_is_the_home_directory()
    {
        var link = Path.Combine(_root, "sneaky");
        File.CreateSymbolicLink(link, _home);
        Should.Throw<UserError>(() => Resolve(link));
    }
}
