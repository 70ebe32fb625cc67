using System.Text;
using Codexctl.Settings;

namespace Codexctl.Tests.Settings;

/// <summary>What an agent in a box could try by the file that it can write.</summary>
public sealed class ProjectTrustTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
    private readonly Dictionary<string, string> _environment = [];
    private readonly string _project;

    public ProjectTrustTests()
    {
        _project = Directory.CreateDirectory(Path.Combine(_root, "project")).FullName;
        _environment["HOME"] = Path.Combine(_root, "home");
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private string ProjectPath => Path.Combine(_project, ".codexctl.toml");

    private Paths Paths => new(new HostEnvironment(_environment));

    private SettingsLoader Loader => new(new HostEnvironment(_environment), Paths);

    private CodexctlSettings Load() => Loader.Load(_project);

    private void User(string text)
    {
        Directory.CreateDirectory(Paths.Config);
        File.WriteAllText(Paths.ConfigFile, text);
    }

    private CodexctlSettings WithProject(string text)
    {
        File.WriteAllText(ProjectPath, text);
        return Load();
    }

    private void Trust() => Loader.Trust.Trust(ProjectPath, File.ReadAllBytes(ProjectPath));

    [Fact]
    public void Environment_wins_over_project_over_user_over_default_and_each_tells_where_it_is_from()
    {
        Load().OriginOf("model.name").ToString().ShouldBe("default");
        User("\nmodel.name = \"user\"\nmemory = \"8G\"\n");
        Load().OriginOf("model.name").ToString().ShouldBe($"{Paths.ConfigFile}:2");
        var project = WithProject("model.name = \"project\"\n");
        project.ModelName.ShouldBe("project");
        project.OriginOf("model.name").ToString().ShouldBe($"{ProjectPath}:1");
        project.Memory.ShouldBe("8G");
        _environment["CODEXCTL_MODEL_NAME"] = "environment";
        Load().ModelName.ShouldBe("environment");
        Load().OriginOf("model.name").ToString().ShouldBe("CODEXCTL_MODEL_NAME");
    }

    [Fact]
    public void The_seeds_variable_for_the_shell_still_counts()
    {
        _environment["CODEX_SHELL"] = "zsh";
        Load().DefaultShell.ShouldBe("zsh");
    }

    [Fact]
    public void A_wrong_variable_is_named()
    {
        _environment["CODEXCTL_NETWORK"] = "ful";
        Should
            .Throw<UserError>(Load)
            .Message.ShouldBe("The variable CODEXCTL_NETWORK cannot be ful: it is one of none, full; did you mean full?");
    }

    public static TheoryData<string> Loosening =>
        [
            "network = \"full\"",
            "allow = [\"evil.example\"]",
            "engine = \"docker\"",
            "default_image = \"mine\"",
            "default_codex_cmd = [\"sh\", \"/workdir/run\"]",
            "default_shell = \"/workdir/sh\"",
            "default_name_prefix = \"other-\"",
            "auth_name_prefix = \"other-\"",
            "default_codex_profile = \"far\"",
            "record = true",
            "mounts = [\"/srv:/mnt/srv\"]",
            "receipt = false",
            "ca_file = \"/workdir/ca.pem\"",
            "model.url = \"http://evil.example\"",
            "model.server = \"far\"",
            "servers.ollama.url = \"http://evil.example\"",
            "servers.ollama.api_key_env = \"AWS_SECRET_ACCESS_KEY\"",
            "profiles.gpt-oss.server = \"far\"",
            "auth.mode = \"full\"",
            "auth.store = \"file\"",
            "build.base = \"evil/base\"",
            "build.network = \"host\"",
            "record_keep = \"1h\"",
            "record_max_size = \"1M\"",
        ];

    [Theory]
    [MemberData(nameof(Loosening))]
    public void What_loosens_is_ignored_with_a_notice_until_it_is_trusted(string line)
    {
        var name = line.Split(' ')[0];
        var before = Load().Values.GetValueOrDefault(name)?.Value;

        var settings = WithProject(line);
        var after = settings.Values.GetValueOrDefault(name);
        (after?.Value?.Text).ShouldBe(before?.Text);
        settings.Project.Notice.ShouldNotBeNull().ShouldContain($"Ignored: {name}.");

        Trust();
        var trusted = Load();
        trusted.Values[name].Origin.Kind.ShouldBe(OriginKind.Project);
        trusted.Project.Notice.ShouldBeNull();
    }

    [Fact]
    public void Every_setting_that_could_loosen_is_among_those_tried()
    {
        // A new setting that is free for projects must be listed here on purpose.
        string[] free = ["model.name", "strict", "read_only", "cpus", "memory"];
        var tried = Loosening.Select(row => ((string)row).Split(' ')[0]).Select(name => SettingsTable.Find(name)!.Name).ToHashSet();
        SettingsTable
            .All.Select(setting => setting.Name)
            .Where(name => !free.Contains(name) && !tried.Contains(name) && !(name.Contains('*')))
            .ShouldBeEmpty();
        SettingsTable.All.Where(setting => setting.IsPattern).ShouldAllBe(setting => setting.Judge == null);
    }

    [Fact]
    public void A_change_takes_the_trust_away()
    {
        WithProject("network = \"full\"\n");
        Trust();
        Load().FullNetwork.ShouldBeTrue();

        var changed = WithProject("network = \"full\" \n");
        changed.FullNetwork.ShouldBeFalse();
        changed.Project.Notice.ShouldNotBeNull().ShouldContain("was changed since you trusted it");
    }

    [Fact]
    public void Trust_is_for_one_path()
    {
        WithProject("network = \"full\"\n");
        Trust();
        var other = Directory.CreateDirectory(Path.Combine(_root, "other")).FullName;
        File.Copy(ProjectPath, Path.Combine(other, ".codexctl.toml"));

        Loader.Load(other).FullNetwork.ShouldBeFalse();
    }

    [Fact]
    public void Trust_is_kept_where_only_the_person_can_read_it_and_can_be_taken_back()
    {
        WithProject("network = \"full\"\n");
        Trust();

        File.GetUnixFileMode(Paths.Trust).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Loader.Trust.Revoke(ProjectPath).ShouldBeTrue();
        Load().FullNetwork.ShouldBeFalse();
        Loader.Trust.Revoke(ProjectPath).ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("[")]
    [InlineData("[]")]
    [InlineData("{\"PATH\": 3}")]
    public void A_damaged_trust_file_trusts_nothing(string content)
    {
        WithProject("network = \"full\"\n");
        Directory.CreateDirectory(Paths.State);
        File.WriteAllText(Paths.Trust, content.Replace("PATH", ProjectPath));

        Load().FullNetwork.ShouldBeFalse();
    }

    [Fact]
    public void A_file_that_loosens_is_ignored_but_for_what_tightens()
    {
        User("memory = \"8G\"\n");
        var settings = WithProject("strict = true\nmemory = \"4G\"\nmodel.name = \"m\"\nnetwork = \"full\"\n");

        settings.Strict.ShouldBeTrue();
        settings.Memory.ShouldBe("4G");
        settings.ModelName.ShouldBeNull();
        settings.FullNetwork.ShouldBeFalse();
        settings.Project.Notice.ShouldNotBeNull().ShouldContain("Ignored: model.name, network.");
    }

    [Theory]
    [InlineData("npm github", "npm", true)]
    [InlineData("npm github", "", true)]
    [InlineData("npm github", "github npm", false)]
    [InlineData("npm github", "npm npm", false)]
    [InlineData("npm github", "npm github evil.example", false)]
    [InlineData("github !gist.github.com", "github", false)]
    [InlineData("github !gist.github.com", "github !gist.github.com", true)]
    [InlineData("github !gist.github.com", "!gist.github.com github", false)]
    [InlineData("github", "github !gist.github.com", true)]
    [InlineData("", "!a.org", true)]
    public void An_allow_list_is_tighter_only_when_nothing_new_can_be_reached(string user, string project, bool counts)
    {
        static string List(string words) =>
            string.Join(", ", words.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(word => $"\"{word}\""));
        User($"allow = [{List(user)}]\n");
        var settings = WithProject($"allow = [{List(project)}]\n");

        string.Join(' ', settings.Allow).ShouldBe(counts ? project : user);
        (settings.Project.Notice is null).ShouldBe(counts);
    }

    [Theory]
    [InlineData("cpus = 4", "cpus", "2")]
    [InlineData("memory = \"16G\"", "memory", "8G")]
    [InlineData("memory = \"8193M\"", "memory", "8G")]
    public void More_of_the_machine_is_not_given_without_trust(string line, string name, string stays)
    {
        User("cpus = 2\nmemory = \"8G\"\n");
        WithProject(line).Values[name].Value!.Text.ShouldBe(stays);
    }

    [Fact]
    public void A_link_is_not_followed()
    {
        var secret = Path.Combine(_root, "secret");
        File.WriteAllText(secret, "password = \"hunter2\"");
        File.CreateSymbolicLink(ProjectPath, secret);

        var problem = Load().Project.Problem.ShouldNotBeNull();
        problem.Why.ShouldBe("It is a link to another file.");
        $"{problem.Message}{problem.Mend}".ShouldNotContain("hunter2");
    }

    [Fact]
    public void A_dangling_link_counts_as_a_link()
    {
        File.CreateSymbolicLink(ProjectPath, Path.Combine(_root, "nowhere"));
        Load().Project.Problem.ShouldNotBeNull();
    }

    [Fact]
    public void A_pipe_does_not_make_it_wait()
    {
        System.Diagnostics.Process.Start("mkfifo", ProjectPath).WaitForExit();
        Load().Project.Problem.ShouldNotBeNull().Why.ShouldBe("It is not a plain file.");
    }

    [Fact]
    public void A_folder_is_no_file()
    {
        Directory.CreateDirectory(ProjectPath);
        Load().Project.Problem.ShouldNotBeNull().Why.ShouldBe("It is not a plain file.");
    }

    [Fact]
    public void A_huge_file_is_not_read()
    {
        using (var file = File.Create(ProjectPath))
        {
            file.SetLength(20L << 30);
        }
        Load().Project.Problem.ShouldNotBeNull().Why.ShouldBe("It is larger than 64 KiB.");
    }

    [Fact]
    public void What_is_no_text_is_refused()
    {
        File.WriteAllBytes(ProjectPath, [.. Encoding.UTF8.GetBytes("model.name = \""), 0xFF, 0xFE, .. Encoding.UTF8.GetBytes("\"")]);
        Load().Project.Problem.ShouldNotBeNull().Why.ShouldBe("It is not UTF-8 text.");
    }

    [Fact]
    public void A_project_file_that_went_away_after_it_was_trusted_is_told()
    {
        WithProject("strict = true\n");
        Trust();
        File.Delete(ProjectPath);

        Load().Project.Notice.ShouldNotBeNull().ShouldContain("is gone");
    }

    [Theory]
    [InlineData("gіthub.com", "g\\u0456thub.com")]
    [InlineData("a\u202Eb\u200Bc\u001b[2J\u009b", "a\\u202Eb\\u200Bc\\u001B[2J\\u009B")]
    [InlineData("/home/jörg", "/home/jörg")]
    public void What_is_shown_cannot_pretend_to_be_something_else(string text, string shown) => Shown.Text(text).ShouldBe(shown);

    [Theory]
    [InlineData("false", "true")]
    [InlineData("true", "false")]
    public void Recording_is_neither_begun_nor_ended_without_trust(string mine, string theirs)
    {
        User($"record = {mine}\n");
        WithProject($"record = {theirs}\nreceipt = true\n").Values["record"].Value!.Text.ShouldBe(mine);
    }

    [Theory]
    [InlineData("mounts = [\"~/.ssh:/mnt/x\"]")]
    [InlineData("mounts = [\"~/data:/mnt/data:rw\"]")]
    [InlineData("mounts = [\"~/data:/mnt/data\", \"/srv:/mnt/srv\"]")]
    [InlineData("mounts = [\"~/other:/mnt/data\"]")]
    public void A_project_file_adds_no_mount_and_makes_none_writable_without_trust(string line)
    {
        User("mounts = [\"~/data:/mnt/data\"]\n");
        WithProject(line).Mounts.ShouldBe(["~/data:/mnt/data"]);
        Trust();
        Load().Mounts.ShouldNotBe(["~/data:/mnt/data"]);
    }

    [Fact]
    public void A_project_file_may_take_mounts_away_or_make_them_read_only()
    {
        User("mounts = [\"~/data:/mnt/data:rw\", \"/srv:/mnt/srv\"]\n");
        WithProject("mounts = [\"~/data:/mnt/data\"]").Mounts.ShouldBe(["~/data:/mnt/data"]);
        WithProject("mounts = []").Mounts.ShouldBeEmpty();
    }

    [Fact]
    public void Mounts_in_a_variable_are_parted_by_line_breaks_because_paths_hold_the_rest()
    {
        _environment["CODEXCTL_MOUNTS"] = "~/My data, all:/mnt/a\n/srv:/mnt/b:rw\n";
        Load().Mounts.ShouldBe(["~/My data, all:/mnt/a", "/srv:/mnt/b:rw"]);
    }
}
