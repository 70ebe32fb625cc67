using CsCheck;

namespace Codexctl.AppleContainer.Tests;

/// <summary>The argument parser against the texts that the original prints.</summary>
public sealed class GrammarTests
{
    private static ParseResult Parse(string line, Profile? profile = null) =>
        Grammar.Parse(profile ?? Profile.V1_2_2, line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    private static ParseResult Check(string line, Profile? profile = null) =>
        Grammar.Check(profile ?? Profile.V1_2_2, line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    [Theory]
    [InlineData("ps", 64, "Error: Plugin 'container-ps' not found.")]
    [InlineData("run", 64, "Error: Missing expected argument '<image>'")]
    [InlineData("run -c2 a", 64, "The value 'a' is invalid for '-c <cpus>'")]
    [InlineData("run -c 2.5 a", 64, "The value '2.5' is invalid for '-c <cpus>'")]
    [InlineData("run -e -x a", 64, "Missing value for '-e <env>'")]
    [InlineData("exec x", 64, "Missing expected argument '<arguments> ...'")]
    [InlineData("rm", 1, "Error: no containers specified and --all not supplied")]
    [InlineData("rm a --all", 1, "explicitly supplied container ID(s) conflict with the --all flag")]
    [InlineData("stop a --all", 1, "explicitly supplied container IDs conflict with the --all flag")]
    [InlineData("image rm", 1, "no images specified and --all not supplied")]
    [InlineData("network rm n --all", 1, "explicitly supplied network name(s) conflict with the --all flag")]
    [InlineData("stop -x", 1, "no containers specified")]
    [InlineData("stop -x a", 64, "Unknown option '-x'")]
    [InlineData(
        "ls --format xml",
        64,
        "The value 'xml' is invalid for '--format <format>'. Please provide one of 'json', 'table', 'yaml' or 'toml'."
    )]
    [InlineData("run --rm=true img", 64, "The option '--rm' does not take any value, but 'true' was specified.")]
    [InlineData("image pull -q x", 64, "Unknown option '-q'")]
    [InlineData("image exists x", 64, "2 unexpected arguments: 'exists', 'x'")]
    [InlineData("system property get x", 64, "2 unexpected arguments: 'get', 'x'")]
    [InlineData("start a b", 64, "Unexpected argument 'b'")]
    [InlineData("start", 64, "Missing expected argument '<container-id>'")]
    [InlineData("create --progress none img", 64, "Unknown option '--progress'")]
    [InlineData("run --progress fancy img", 64, "The value 'fancy' is invalid for '--progress <type>'")]
    [InlineData("run --privileged img", 64, "Unknown option '--privileged'")]
    [InlineData("run --no-dns --dns 1.1.1.1 img", 64, "`--no-dns` cannot be used with DNS configuration flags")]
    [InlineData("--bogus", 64, "Error: unknown option '--bogus'")]
    [InlineData("create --read-only=yes img", 64, "does not take any value")]
    [InlineData("logs --tail 5 x", 64, "Unknown option '--tail'")]
    [InlineData("volume create --size 5 x", 64, "Unknown option '--size'")]
    [InlineData("ls --filter a=b", 64, "Unknown option '--filter'")]
    [InlineData("inspect --format x a", 64, "Unknown option '--format'")]
    [InlineData("image ls -a", 64, "Unknown option '-a'")]
    [InlineData("build --secret type=file,id=x .", 64, "secret must start with id=<key> type=file,id=x")]
    [InlineData("build --ssh other .", 64, "only --ssh default is currently supported")]
    [InlineData("build -t UPPER .", 64, "invalid reference UPPER")]
    public void What_the_original_refuses_is_refused_in_its_words(string line, int exitCode, string text)
    {
        var result = Parse(line);
        result.Accepted.ShouldBeFalse();
        result.Refusal!.ExitCode.ShouldBe(exitCode);
        result.Refusal.Text.ShouldContain(text);
        (result.Refusal.Text.Contains("Usage:") == (exitCode == 64)).ShouldBeTrue(result.Refusal.Text);
    }

    [Theory]
    [InlineData("create --name a img", "container ID a is not a valid container ID")]
    [InlineData("create -l k=a=b img", "invalid label format k=a=b")]
    [InlineData("create --mount type=bind,source=/a=b,target=/w img", "invalid directive format")]
    [InlineData("create --mount type=bind,source=/a,b,target=/w img", "invalid directive format missing value b")]
    [InlineData("create --mount type=npipe,target=/w img", "unsupported mount type npipe")]
    [InlineData("create --mount type=bind,source=/a img", "mount destination cannot be empty")]
    [InlineData("create --mount type=tmpfs,source=/a,target=/w img", "cannot specify source for tmpfs mount")]
    [InlineData("create --mount type=bind,source=/a,target=/w,bind-propagation=rslave img", "unknown directive bind-propagation")]
    [InlineData("create -v /a:/b:ro:z img", "invalid volume format /a:/b:ro:z")]
    [InlineData("create -m 100m img", "minimum memory amount allowed is 200 MiB (got 104857600 bytes)")]
    [InlineData("create --network none --network x img", "no other networks may be created along with network none")]
    [InlineData("create Upper", "invalid format for image reference")]
    [InlineData("create --ulimit nofile img", "invalid ulimit format 'nofile': expected <type>=<soft>[:<hard>]")]
    [InlineData("create --ulimit nofile=1 --ulimit nofile=2 img", "duplicate ulimit type: nofile")]
    [InlineData("network create A", "invalid network name: A")]
    [InlineData("network create --label a_b=1 net", "invalid_label_key_content")]
    [InlineData("cp a b", "one of source or destination must be a container reference")]
    [InlineData("cp a:/x b:/y", "copying between containers is not supported")]
    [InlineData("cp a:x b", "invalid path given: a:x")]
    public void Values_that_fail_at_work_exit_with_1_and_no_usage(string line, string text)
    {
        Parse(line).Accepted.ShouldBeTrue();
        var result = Check(line);
        result.Refusal!.ExitCode.ShouldBe(1);
        result.Refusal.Text.ShouldStartWith("Error: ");
        result.Refusal.Text.ShouldContain(text);
        result.Refusal.Text.ShouldNotContain("Usage:");
    }

    [Fact]
    public void A_usage_error_has_the_layout_of_the_original() =>
        Parse("run")
            .Refusal!.Text.ShouldBe(
                """
                Error: Missing expected argument '<image>'
                Help:  <image>  Image name
                Usage: container run [<options>] <image> [<arguments> ...]
                  See 'container run --help' for more information.
                """
            );

    [Fact]
    public void An_unknown_word_is_looked_for_among_the_plugins() =>
        Parse("ps -a")
            .Refusal!.Text.ShouldBe(
                """
                Error: Plugin 'container-ps' not found.

                - If system services are not running, start them with: container system start
                - If the plugin isn't installed, ensure it exists under:

                Check to see that the plugin exists under:
                  - /usr/local/libexec/container-plugins/ps
                  - /usr/local/libexec/container/plugins/ps

                Usage: container [--debug] <subcommand>
                  See 'container --help' for more information.
                """
            );

    [Theory]
    [InlineData("ps")]
    [InlineData("images")]
    [InlineData("rmi x")]
    [InlineData("version")]
    [InlineData("attach x")]
    [InlineData("wait x")]
    [InlineData("restart x")]
    [InlineData("rename x y")]
    [InlineData("port x")]
    [InlineData("top x")]
    [InlineData("login")]
    [InlineData("tag x y")]
    [InlineData("push x")]
    [InlineData("pull x")]
    [InlineData("info")]
    [InlineData("events")]
    [InlineData("commit x")]
    [InlineData("diff x")]
    [InlineData("update x")]
    [InlineData("pause x")]
    [InlineData("container ls")]
    public void Commands_of_other_engines_do_not_exist(string line) => Parse(line).Refusal!.ExitCode.ShouldBe(64);

    [Theory]
    [InlineData("--privileged")]
    [InlineData("--hostname=x")]
    [InlineData("--add-host=x")]
    [InlineData("--restart=no")]
    [InlineData("--security-opt=no-new-privileges")]
    [InlineData("--pids-limit=5")]
    [InlineData("--userns=keep-id")]
    [InlineData("--group-add=x")]
    [InlineData("--gpus=all")]
    [InlineData("--device=x")]
    [InlineData("--pull=never")]
    [InlineData("--label-file=x")]
    [InlineData("--stop-signal=TERM")]
    [InlineData("--stop-timeout=1")]
    [InlineData("--sysctl=a=b")]
    [InlineData("--ip=1.2.3.4")]
    [InlineData("--expose=1")]
    [InlineData("--log-driver=none")]
    public void Options_of_other_engines_do_not_exist(string option)
    {
        foreach (var command in new[] { "run", "create" })
        {
            var refusal = Grammar.Parse(Profile.V1_2_2, [command, option, "image"]).Refusal!;
            refusal.ExitCode.ShouldBe(64);
            refusal.Text.ShouldStartWith($"Error: Unknown option '{option.Split('=')[0]}'");
        }
    }

    [Fact]
    public void What_follows_the_image_or_the_container_is_the_process_s_own()
    {
        Parse("run alpine -- ls -h --rm").Command!.Passthrough.ShouldBe(["--", "ls", "-h", "--rm"]);
        Parse("run --rm -- alpine ls").Command!.Passthrough.ShouldBe(["ls"]);
        Parse("exec x -it bash").Command!.Passthrough.ShouldBe(["-it", "bash"]);
        Parse("exec x -it bash").Command!.Has("--tty").ShouldBeFalse();
    }

    [Fact]
    public void Groups_of_letters_are_read_one_by_one_and_an_option_takes_the_next_word()
    {
        var command = Parse("exec -itu 0 x sh").Command!;
        command.Has("--interactive").ShouldBeTrue();
        command.Has("--tty").ShouldBeTrue();
        command.Value("--user").ShouldBe("0");
        Parse("exec -itw/x x sh").Accepted.ShouldBeFalse();
        Parse("exec -eA=B x sh").Accepted.ShouldBeFalse();
    }

    [Fact]
    public void The_last_of_a_single_option_wins_and_all_of_a_repeated_one_count()
    {
        var command = Parse("create --name aa --name=bb -e A=1 -e=B=2 --env C img").Command!;
        command.Value("--name").ShouldBe("bb");
        command.All("--env").ShouldBe(["A=1", "B=2", "C"]);
    }

    [Fact]
    public void Options_may_follow_the_ids_where_nothing_is_passed_through()
    {
        Parse("rm a -f b").Command!.Positionals.ShouldBe(["a", "b"]);
        Parse("stats x --no-stream").Accepted.ShouldBeTrue();
        Parse("inspect a --debug").Accepted.ShouldBeTrue();
    }

    [Theory]
    [InlineData("create -h", 0)]
    [InlineData("run -it --help", 0)]
    [InlineData("image", 0)]
    [InlineData("", 0)]
    [InlineData("--version", 0)]
    [InlineData("ls --version", 0)]
    public void Help_and_version_succeed(string line, int exitCode) => Parse(line).Refusal!.ExitCode.ShouldBe(exitCode);

    [Fact]
    public void The_version_line_names_release_and_commit() =>
        Parse("--version").Refusal!.Text.ShouldBe("container CLI version 1.2.2 (build: release, commit: 0190097)");

    [Fact]
    public void An_older_release_does_not_know_what_came_later()
    {
        Parse("cp a:/x b", Profile.V0_12).Refusal!.Text.ShouldContain("Plugin 'container-cp' not found.");
        Parse("create --shm-size 64M img", Profile.V0_12).Refusal!.Text.ShouldContain("Unknown option '--shm-size'");
        Parse("create --masked-path /x img", Profile.V1_0).Accepted.ShouldBeFalse();
        Parse("ls --format yaml", Profile.V0_12).Refusal!.Text.ShouldContain("Please provide one of 'json' or 'table'.");
        Parse("create --cap-drop ALL img", Profile.V0_12).Accepted.ShouldBeTrue();
    }

    [Theory]
    [InlineData("create --cap-drop ALL img", "Unknown option '--cap-drop'")]
    [InlineData("create --init img", "Unknown option '--init'")]
    [InlineData("create --read-only img", "Unknown option '--read-only'")]
    [InlineData("create --ulimit nofile=1 img", "Unknown option '--ulimit'")]
    [InlineData("run --progress none img", "Unknown option '--progress'")]
    [InlineData("system status --format json", "Unknown option '--format'")]
    [InlineData("network create --internal n", "Unknown option '--internal'")]
    [InlineData("image rm -f x", "Unknown option '-f'")]
    [InlineData("stats x", "Plugin 'container-stats' not found.")]
    [InlineData("export x", "Plugin 'container-export' not found.")]
    [InlineData("prune", "Plugin 'container-prune' not found.")]
    public void Release_0_6_knows_nothing_of_what_came_later(string line, string text)
    {
        var refusal = Parse(line, Profile.V0_6).Refusal!;
        refusal.ExitCode.ShouldBe(64);
        refusal.Text.ShouldContain(text);
        Parse("create --network none --mount type=bind,source=/a,target=/b img", Profile.V0_6).Accepted.ShouldBeTrue();
        Parse("volume prune", Profile.V0_6).Accepted.ShouldBeTrue();
    }

    [Fact]
    public void A_later_release_has_lost_the_automatic_scheme()
    {
        Check("create --scheme auto img").Accepted.ShouldBeTrue();
        Check("create --scheme auto img", Profile.V1_4_1).Accepted.ShouldBeFalse();
    }

    [Theory]
    [InlineData("k=v", "k", "v")]
    [InlineData("k=", "k", "")]
    [InlineData("k", "k", "")]
    [InlineData("k==b", "k", "b")]
    [InlineData("=v", "v", "")]
    [InlineData("k=a=", "k", "a")]
    public void Labels_are_cut_as_the_original_cuts_them(string label, string key, string value) =>
        Labels.ParseContainer(label).ShouldBe((key, value));

    [Fact]
    public void A_read_only_mount_is_read_only_whatever_its_value_says() =>
        Mounts.ParseMount("type=bind,source=/a,target=/b,readonly=false").ReadOnly.ShouldBeTrue();

    [Fact]
    public void No_argument_list_makes_the_parser_throw()
    {
        string[] words =
            "create|run|exec|image|ls|rm|-it|-e|-e=A=B|--|-||--name|=|--=x|-=|-c2|--rm=1|build|.|system|status|help|-h|é|--format".Split(
                '|'
            );
        Gen.Int[0, words.Length - 1]
            .Select(i => words[i])
            .Array[0, 8]
            .Sample(line =>
            {
                foreach (var profile in Profile.All)
                {
                    var result = Grammar.Check(profile, line);
                    (result.Accepted == (result.Refusal is null)).ShouldBeTrue();
                }
            });
    }

    [Fact]
    public void Every_table_accepts_its_own_options()
    {
        foreach (var profile in Profile.All)
        {
            foreach (var table in Grammar.Commands(profile))
            {
                foreach (var option in table.Options.Where(option => option.Since <= profile.Version))
                {
                    var value = option.Kind switch
                    {
                        ValueKind.None => "",
                        ValueKind.WholeNumber => "=5",
                        ValueKind.Text when option.Key is "--secret" => "=id=x",
                        ValueKind.Text when option.Key is "--ssh" => "=default",
                        ValueKind.Text => "=x",
                        _ => $"={option.Choices[0]}",
                    };
                    string[] positionals = option.Key == "--all" && table.Positionals is [{ Required: false }] ? [] : ["a", "b"];
                    var count = table.Positionals.Any(p => p.Repeats) ? positionals.Length : table.Positionals.Count;
                    string[] line = [.. table.Path.Split(' '), option.Names[0] + value, .. positionals.Take(count)];
                    Grammar
                        .Parse(profile, line)
                        .Accepted.ShouldBeTrue($"{profile}: {string.Join(' ', line)}: {Grammar.Parse(profile, line)}");
                }
            }
        }
    }
}
