using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer.Tests;

/// <summary>The program without any container: no engine is asked.</summary>
public sealed class EmulatorTests : IDisposable
{
    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("fake-container-");

    public void Dispose() => _home.Delete(recursive: true);

    private CallResult Container(string line, params (string Name, string Value)[] settings) => Container(line, null, settings);

    private CallResult Container(string line, string? input, params (string Name, string Value)[] settings)
    {
        var environment = settings.ToDictionary(pair => $"FAKE_CONTAINER_{pair.Name}", pair => pair.Value);
        environment["FAKE_CONTAINER_HOME"] = _home.FullName;
        return Call.Run("container", line.Split(' ', StringSplitOptions.RemoveEmptyEntries), environment, input);
    }

    [Fact]
    public void Refusals_go_to_standard_error_and_leave_standard_output_empty()
    {
        var result = Container("run -c2 a");
        result.ExitCode.ShouldBe(64);
        result.Output.ShouldBe("");
        result.Error.ShouldStartWith("Error: The value 'a' is invalid for '-c <cpus>'\n");
    }

    [Theory]
    [InlineData("ls --format json", "[]\n")]
    [InlineData("ls -aq", "")]
    [InlineData("ls", "ID  IMAGE  OS  ARCH  STATE  IP  CPUS  MEMORY  STARTED\n")]
    [InlineData("image ls --format json", "[]\n")]
    [InlineData("builder status", "builder is not running\n")]
    [InlineData("builder status --format json", "[]\n")]
    [InlineData("registry ls --format json", "[]\n")]
    [InlineData("registry logout example.org", "")]
    public void Empty_lists(string line, string output) => Container(line).ShouldBe(new CallResult(0, output, ""));

    [Theory]
    [InlineData("start nope", "Error: get failed: container nope not found\n")]
    [InlineData("exec nope ls", "Error: get failed: container nope not found\n")]
    [InlineData("inspect nope other", "Error: container not found: nope, other\n")]
    [InlineData(
        "rm -f nope",
        "Error: internalError: \"failed to delete container\" (cause: \"notFound: \"container with ID nope not found\"\")\n"
    )]
    [InlineData(
        "stop nope",
        "Error: internalError: \"failed to stop container\" (cause: \"notFound: \"container with ID nope not found\"\")\n"
    )]
    [InlineData("image inspect nope", "Error: image not found: nope\n")]
    [InlineData("image rm nope", "Error: failed to delete one or more images: [\"nope\"]\n")]
    [InlineData("image tag nope x", "Error: image with reference nope\n")]
    [InlineData("network inspect nope", "Error: network not found: nope\n")]
    [InlineData("network rm nope", "Error: failed to delete one or more networks: [\"nope\"]\n")]
    [InlineData("network rm default", "Error: cannot delete a builtin network: default\n")]
    [InlineData("volume inspect nope", "Error: volume not found: nope\n")]
    [InlineData("stats --no-stream nope", "Error: no such container: nope\n")]
    public void What_is_missing_is_an_error_in_the_words_of_the_original(string line, string error) =>
        Container(line).ShouldBe(new CallResult(1, "", error));

    [Fact]
    public void A_missing_image_is_looked_for_in_the_registry()
    {
        var result = Container("create --network none alpine");
        result.ExitCode.ShouldBe(1);
        result.Error.ShouldStartWith(
            "Error: HTTP request to https://registry-1.docker.io/v2/library/alpine/manifests/latest failed with response: 401 Unauthorized. Reason: "
        );
    }

    [Fact]
    public void The_name_is_looked_at_before_the_image_and_the_image_before_the_mounts()
    {
        Container("create --name a alpine").Error.ShouldContain("container ID a is not a valid container ID");
        Container("create -l a=b=c --mount type=bind,source=/nope,target=/w alpine").Error.ShouldContain("401 Unauthorized");
    }

    [Fact]
    public void The_status_of_a_running_service_on_each_release()
    {
        var before = Container("system status --format json");
        before.ExitCode.ShouldBe(0);
        before.Output.ShouldStartWith("{\"apiServerAppName\":\"container-apiserver\",");
        JsonNode.Parse(before.Output)!["apiServerVersion"]!
            .GetValue<string>()
            .ShouldBe("container-apiserver version 1.2.2 (build: release, commit: 0190097)");
        var after = JsonNode.Parse(Container("system status --format json", ("VERSION", "1.4.1")).Output)!;
        after["status"]!.GetValue<string>().ShouldBe("running");
        after["server"]!["version"]!.GetValue<string>().ShouldBe("1.4.1");
        after["apiServerVersion"].ShouldBeNull();
    }

    [Theory]
    [InlineData("unregistered", "unregistered")]
    [InlineData("notrunning", "not running")]
    [InlineData("xpc", "not running")]
    public void A_service_that_is_down_says_so_on_standard_output_and_fails(string down, string status)
    {
        var result = Container("system status --format json", ("DOWN", down));
        result.ExitCode.ShouldBe(1);
        result.Error.ShouldBe("");
        JsonNode.Parse(result.Output)!["status"]!.GetValue<string>().ShouldBe(status);
        Container("system status --format json", ("DOWN", down), ("VERSION", "1.4.1")).Output.ShouldBe($"{{\"status\":\"{status}\"}}\n");
    }

    [Fact]
    public void Every_command_fails_while_the_service_is_down_until_it_is_started()
    {
        const string mend = "\nEnsure container system service has been started with `container system start`.\n";
        Container("ls", ("DOWN", "xpc"))
            .ShouldBe(
                new CallResult(
                    1,
                    "",
                    "Error: internalError: \"failed to list containers\" (cause: \"interrupted: \"XPC connection error: Connection invalid\"\")"
                        + mend
                )
            );
        Container("create alpine", ("DOWN", "xpc"))
            .Error.ShouldBe("Error: interrupted: \"XPC connection error: Connection invalid\"" + mend);
        Container("ps", ("DOWN", "xpc"))
            .Error.ShouldStartWith(
                "Error: Plugins are unavailable. Start the container system services and retry:\n\n    container system start"
            );
        Container("--version", ("DOWN", "xpc")).ExitCode.ShouldBe(0);
        Container("system start --enable-kernel-install", ("DOWN", "xpc")).ExitCode.ShouldBe(0);
        Container("ls", ("DOWN", "xpc")).ExitCode.ShouldBe(0);
        Container("system stop").ExitCode.ShouldBe(0);
        Container("ls").ExitCode.ShouldBe(1);
    }

    [Fact]
    public void A_start_without_a_word_on_the_kernel_asks_on_standard_input()
    {
        Container("system start", "y\n", ("NO_KERNEL", "1")).Output.ShouldContain("[Y/n]: ");
        Container("system start --enable-kernel-install", ("NO_KERNEL", "1")).Output.ShouldBe("");
    }

    [Fact]
    public void Networks_are_told_with_the_built_in_one_first_made()
    {
        Container("network create --internal --label a.b=c=d net1").ShouldBe(new CallResult(0, "net1\n", ""));
        Container("network create net1").Error.ShouldBe("Error: network net1 already exists\n");
        var networks = JsonNode.Parse(Container("network ls --format json").Output)!.AsArray();
        networks.Select(network => network!["id"]!.GetValue<string>()).ShouldBe(["default", "net1"]);
        networks[0]!["status"]!["ipv4Gateway"]!.GetValue<string>().ShouldBe("192.168.64.1");
        networks[1]!["configuration"]!["mode"]!.GetValue<string>().ShouldBe("hostOnly");
        networks[1]!["configuration"]!["labels"]!["a.b"]!.GetValue<string>().ShouldBe("c=d");
        JsonNode.Parse(Container("network ls --format json", ("VERSION", "0.12")).Output)![0]!["config"]!["mode"]!
            .GetValue<string>()
            .ShouldBe("nat");
        Container("network create other", ("MACOS", "15")).Error.ShouldContain("requires macOS 26 or newer");
    }

    [Fact]
    public void Release_0_6_tells_addresses_by_their_old_names_and_errors_with_their_code()
    {
        Container("start nope", ("VERSION", "0.6")).Error.ShouldBe("Error: notFound: \"get failed: container nope not found\"\n");
        Container("start nope", ("VERSION", "0.12")).Error.ShouldBe("Error: get failed: container nope not found\n");
        Container("network create net1");
        Container("network create net1", ("VERSION", "0.6")).Error.ShouldBe("Error: exists: \"network net1 already exists\"\n");
        var status = JsonNode.Parse(Container("network ls --format json", ("VERSION", "0.6")).Output)![0]!["status"]!;
        status["gateway"]!.GetValue<string>().ShouldBe("192.168.64.1");
        status["address"]!.GetValue<string>().ShouldBe("192.168.64.0/24");
        status["ipv4Gateway"].ShouldBeNull();
        Container("system status", ("VERSION", "0.6")).Output.ShouldBe("apiserver is running\n");
        Container("ls", ("VERSION", "0.6")).Output.ShouldBe("ID  IMAGE  OS  ARCH  STATE  ADDR  CPUS  MEMORY\n");
        Container("ls", ("VERSION", "0.6"), ("DOWN", "xpc")).Error.ShouldStartWith("Error: internalError: ");
    }

    [Fact]
    public void A_real_network_has_an_address_of_this_state_folder_alone()
    {
        string Gateway(string home) =>
            JsonNode.Parse(
                Call.Run(
                    "container",
                    ["network", "inspect", "default"],
                    new Dictionary<string, string> { ["FAKE_CONTAINER_HOME"] = home, ["FAKE_CONTAINER_VMNET"] = "1" }
                ).Output
            )![0]!["status"]!["ipv4Gateway"]!.GetValue<string>();
        var one = Gateway(_home.FullName);
        one.ShouldStartWith("10.");
        one.ShouldEndWith(".1");
        Gateway(_home.FullName).ShouldBe(one);
        Gateway(Path.Combine(_home.FullName, "other")).ShouldNotBe(one);
    }

    [Fact]
    public void An_older_release_does_not_fail_when_a_container_is_missing() =>
        Container("inspect nope", ("VERSION", "0.12")).ShouldBe(new CallResult(0, "[\n\n]\n", ""));

    [Fact]
    public void Build_looks_at_its_files_before_it_tells_of_options_that_it_does_not_know()
    {
        Container("build --network host .")
            .ShouldSatisfyAllConditions(
                r => r.ExitCode.ShouldBe(64),
                r => r.Error.ShouldStartWith("Error: context dir does not exist host\n")
            );
        Container($"build {_home.FullName}").Error.ShouldStartWith("Error: dockerfile not found in context dir\n");
        Container($"build -f /nope {_home.FullName}").Error.ShouldStartWith("Error: dockerfile does not exist /nope\n");
        File.WriteAllText(Path.Combine(_home.FullName, "Dockerfile"), new string('#', 16384));
        var result = Container($"build {_home.FullName}");
        result.ExitCode.ShouldBe(1);
        result.Error.ShouldContain("Dockerfile size (16384 bytes) exceeds the maximum allowed size of 16384 bytes");
    }

    [Fact]
    public void Faults_hit_the_commands_that_are_named_and_no_others()
    {
        Container("image ls", ("GARBAGE", "list,image list"))
            .ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(0), r => r.Output.ShouldContain("<html>"));
        Container("ls", ("FAIL", "list")).ExitCode.ShouldBe(1);
        Container("ls", ("FAIL", "image list"), ("HANG", "exec")).ExitCode.ShouldBe(0);
        using var hanging = Call.Start(
            "container",
            ["ls"],
            new Dictionary<string, string> { ["FAKE_CONTAINER_HOME"] = _home.FullName, ["FAKE_CONTAINER_HANG"] = "list" }
        );
        hanging.WaitForExit(1000).ShouldBeFalse();
        hanging.Kill();
    }

    [Fact]
    public void A_file_in_the_state_folder_stands_in_for_the_environment()
    {
        File.WriteAllText(Path.Combine(_home.FullName, "config"), "VERSION=1.4.1\nDOWN=xpc\n");
        Container("--version").Output.ShouldStartWith("container CLI version 1.4.1 ");
        Container("ls").ExitCode.ShouldBe(1);
        Container("--version", ("VERSION", "0.12")).Output.ShouldStartWith("container CLI version 0.12.0 ");
    }

    [Fact]
    public void Every_call_leaves_its_arguments_and_its_end_in_the_journal()
    {
        Container("ls -a");
        var lines = File.ReadAllLines(Path.Combine(_home.FullName, "journal.log")).Select(line => JsonNode.Parse(line)!).ToList();
        lines[0]["argv"]!.AsArray().Select(word => word!.GetValue<string>()).ShouldBe(["ls", "-a"]);
        lines[1]["rc"]!.GetValue<int>().ShouldBe(0);
    }

    [Fact]
    public void What_nothing_stands_behind_is_refused()
    {
        Container("machine list").ShouldBe(new CallResult(1, "", "Error: not supported by the emulator\n"));
        Container("create --ssh alpine").Error.ShouldBe("Error: --ssh is not supported by the emulator\n");
        Container("ls", ("VERSION", "9.9")).ExitCode.ShouldBe(70);
    }
}
