using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer.Tests;

/// <summary>Containers that really run. Docker must be there, and the small Debian that `./test` makes.</summary>
[Trait("needs", "docker")]
public sealed class ContainerTests : IDisposable
{
    private static readonly string _base = Environment.GetEnvironmentVariable("CODEXCTL_TEST_BASE") is { Length: > 0 } image
        ? image
        : "codexctl-test-base:bookworm";
    private static readonly Lazy<string?> _problem = new(Problem);

    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("fc-");
    private readonly DirectoryInfo _work = Directory.CreateTempSubdirectory("fw-");

    public ContainerTests()
    {
        if (_problem.Value is { } problem)
        {
            Assert.Skip($"Docker cannot be used here: {problem}");
        }
    }

    public void Dispose()
    {
        if (_problem.Value is null)
        {
            Container("rm --all --force");
            Container("image rm --all --force");
        }
        _home.Delete(recursive: true);
        _work.Delete(recursive: true);
    }

    [Fact]
    public void A_container_is_created_started_used_stopped_and_removed()
    {
        Container($"create --name box --init --network none -l a.b=c {_base} sleep 1000").ShouldBe(new CallResult(0, "box\n", ""));
        State("box").ShouldBe("stopped");
        Container("ls -q").Output.ShouldBe("");
        Container("start box").ShouldBe(new CallResult(0, "box\n", ""));
        Container("start box").ShouldBe(new CallResult(0, "box\n", ""));
        State("box").ShouldBe("running");
        Container("ls -q").Output.ShouldBe("box\n");
        Container(["exec", "box", "sh", "-c", "echo out; echo err >&2; exit 7"]).ShouldBe(new CallResult(7, "out\n", "err\n"));
        Container(["exec", "box", "sh", "-c", "kill -9 $$"]).ExitCode.ShouldBe(137);
        Container("exec -i box cat", "in").Output.ShouldBe("in");
        Container("exec box hostname").Output.ShouldBe("box\n");
        Container("stop -t 1 box").ShouldBe(new CallResult(0, "box\n", ""));
        Container("stop box").ShouldBe(new CallResult(0, "box\n", ""));
        State("box").ShouldBe("stopped");
        Container("start box").ExitCode.ShouldBe(0);
        Container("rm -f box").ShouldBe(new CallResult(0, "box\n", ""));
        Container("ls -aq").Output.ShouldBe("");
    }

    [Fact]
    public void What_does_not_fit_the_state_is_refused_in_the_words_of_the_original()
    {
        Start("box");
        Container($"create --name box --network none {_base} true")
            .ShouldBe(new CallResult(1, "", "Error: container already exists: box\n"));
        Container($"run --name box --network none {_base} true")
            .ShouldBe(new CallResult(1, "", "Error: container with id box already exists\n"));
        Container("start -a box").ShouldBe(new CallResult(1, "", "Error: attach is currently unsupported on already running containers\n"));
        Container("rm box")
            .ShouldBe(
                new CallResult(
                    1,
                    "",
                    "Error: internalError: \"failed to delete container\" (cause: \"invalidState: \"container box is running and can not be deleted\"\")\n"
                )
            );
        Container("exec -it box sh")
            .ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(1), r => r.Error.ShouldContain("failed to exec process POSIXError("));
        Container("exec box no-such-program")
            .ShouldSatisfyAllConditions(
                r => r.ExitCode.ShouldBe(1),
                r => r.Output.ShouldBe(""),
                r => r.Error.ShouldContain("failed to find target executable no-such-program")
            );
        Container("exec box -it sh").Error.ShouldContain("failed to find target executable -it");
        Container("kill -s KILL box").ExitCode.ShouldBe(0);
        Container("kill box").Error.ShouldContain("no runtime client exists: container is stopped");
        Container("exec box true").ShouldBe(new CallResult(1, "", "Error: container box is not running\n"));
        Container("cp /etc/hostname box:/tmp/x").Error.ShouldContain("\"invalidState: \"container box is not running\"\"");
        Container($"create --network none {_base}").Error.ShouldBe("Error: command/entrypoint not specified for container process\n");
    }

    [Fact]
    public void Some_fail_and_the_others_are_done()
    {
        Start("box");
        var result = Container("stop -t 1 nope box");
        result.ExitCode.ShouldBe(1);
        result.Output.ShouldBe("box\n");
        result.Error.ShouldContain("container with ID nope not found");
    }

    [Fact]
    public void Every_release_tells_a_container_in_its_own_shape()
    {
        Start("box", "--label a=b --mount type=bind,source=/tmp,target=/w,readonly --tmpfs /t");
        var now = JsonNode.Parse(Container("ls --format json").Output)![0]!;
        now["id"]!.GetValue<string>().ShouldBe("box");
        now["status"]!["state"]!.GetValue<string>().ShouldBe("running");
        now["status"]!["startedDate"]!.GetValue<string>().ShouldMatch(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$");
        now["configuration"]!["networks"]!.AsArray().Count.ShouldBe(0);
        now["configuration"]!["labels"]!["a"]!.GetValue<string>().ShouldBe("b");
        now["configuration"]!["resources"]!["memoryInBytes"]!.GetValue<long>().ShouldBe(1L << 30);
        var mounts = now["configuration"]!["mounts"]!.AsArray();
        mounts.Select(mount => mount!["type"]!.AsObject().Single().Key).ShouldBe(["tmpfs", "virtiofs"]);
        mounts[1]!["options"]![0]!.GetValue<string>().ShouldBe("ro");

        var pretty = Container("inspect box").Output;
        pretty.ShouldStartWith("[\n  {\n    \"configuration\" : {\n      \"capAdd\" : [\n\n      ],\n");
        pretty.ShouldContain("\"source\" : \"\\/tmp\"");

        var old = JsonNode.Parse(Container("inspect box", null, ("VERSION", "0.12")).Output)![0]!;
        old["status"]!.GetValue<string>().ShouldBe("running");
        old["id"].ShouldBeNull();
        old["startedDate"]!.GetValue<double>().ShouldBeGreaterThan(0);
        old["networks"]!.AsArray().Count.ShouldBe(0);
    }

    [Fact]
    public void An_address_is_another_one_after_each_start()
    {
        Container($"create --name net --init {_base} sleep 1000").ExitCode.ShouldBe(0);
        Address("net").ShouldBeNull();
        Container("start net");
        var first = Address("net");
        first.ShouldNotBeNull().ShouldMatch(@"^192\.168\.64\.\d+/24$");
        Container("stop -t 0 net");
        Address("net").ShouldBeNull();
        Container("start net");
        Address("net").ShouldNotBe(first);
    }

    [Fact]
    public void A_mount_takes_folders_and_a_volume_everything_that_is_there()
    {
        var file = Path.Combine(_work.FullName, "file");
        File.WriteAllText(file, "text");
        string Create(string option) => Container($"create --network none {option} {_base} true").Error;
        Create("--mount type=bind,source=/nope,target=/w").ShouldBe("Error: path '/nope' does not exist\n");
        Create($"--mount type=bind,source={file},target=/w").ShouldBe($"Error: path '{file}' is not a directory\n");
        Create("-v /nope:/w").ShouldBe("Error: path '/nope' does not exist\n");

        var folder = _work.CreateSubdirectory("a \"b\" c");
        File.WriteAllText(Path.Combine(folder.FullName, "x"), "1");
        Container([
            "create",
            "--name",
            "box",
            "--network",
            "none",
            "--init",
            "-v",
            $"{file}:/file:ro",
            "--mount",
            $"type=bind,source={folder.FullName},target=/w",
            _base,
            "sleep",
            "1000",
        ])
            .ExitCode.ShouldBe(0);
        Container("start box").ExitCode.ShouldBe(0);
        Container("exec box cat /file /w/x").Output.ShouldBe("text1");
        Container(["exec", "box", "sh", "-c", "echo no > /file"]).ExitCode.ShouldBe(1 + 1);
        Container("stop -t 0 box");
        File.Delete(file);
        Container("start box").Error.ShouldBe($"Error: mount source path '{file}' does not exist\n");
    }

    [Fact]
    public void A_socket_must_be_listened_at_and_a_new_one_is_seen_from_the_next_start_on()
    {
        var path = Path.Combine(_work.FullName, "s.sock");
        const string connect = """perl -MSocket -e 'socket(S,PF_UNIX,SOCK_STREAM,0); connect(S,sockaddr_un("/run/s.sock")) or exit 9'""";
        var listener = Listen(path);
        Container($"create --network none --mount type=bind,source={path},target=/run/s.sock {_base} true")
            .Error.ShouldContain("is not a directory");
        Container($"create --name box --init --network none -v {path}:/run/s.sock {_base} sleep 1000").ExitCode.ShouldBe(0);
        listener.Dispose();
        Container("start box").Error.ShouldBe($"Error: mount source path '{path}' does not exist\n");
        listener = Listen(path);
        Container("start box").ExitCode.ShouldBe(0);
        Container(["exec", "box", "sh", "-c", connect]).ExitCode.ShouldBe(0);
        listener.Dispose();
        listener = Listen(path);
        Container(["exec", "box", "sh", "-c", connect]).ExitCode.ShouldBe(9);
        Container("stop -t 0 box");
        Container("start box").ExitCode.ShouldBe(0);
        Container(["exec", "box", "sh", "-c", connect]).ExitCode.ShouldBe(0);

        Container($"create --name dead --init --network none -v {path}:/run/s.sock {_base} sleep 1000", null, ("SOCKETS", "dead"))
            .ExitCode.ShouldBe(0);
        Container("start dead").ExitCode.ShouldBe(0);
        Container(["exec", "dead", "sh", "-c", connect]).ExitCode.ShouldBe(9);
        listener.Dispose();
    }

    [Fact]
    public void The_hosts_address_on_the_network_is_there_while_a_container_runs_and_only_then()
    {
        (string, string)[] settings = [("VMNET", "1")];
        var gateway = JsonNode.Parse(Container("network inspect default", null, settings).Output)![0]!["status"]![
            "ipv4Gateway"
        ]!.GetValue<string>();
        Container($"create --name box --init {_base} sleep 1000", null, settings).ExitCode.ShouldBe(0);
        Container($"create --name two --init {_base} sleep 1000", null, settings).ExitCode.ShouldBe(0);
        IsHere(gateway).ShouldBeFalse();
        var addresses = new HashSet<string>();
        for (var i = 0; i < 2; i++)
        {
            Container("start box", null, settings).ExitCode.ShouldBe(0);
            IsHere(gateway).ShouldBeTrue();
            var told = Inspect("box")["status"]!["networks"]![0]!;
            told["ipv4Gateway"]!.GetValue<string>().ShouldBe(gateway);
            var address = told["ipv4Address"]!.GetValue<string>().Split('/')[0];
            addresses.Add(address).ShouldBeTrue("another address after each start");
            Container(["exec", "box", "hostname", "-I"]).Output.Trim().ShouldBe(address);
            Container("start two", null, settings).ExitCode.ShouldBe(0);
            Container("stop -t 0 box", null, settings).ExitCode.ShouldBe(0);
            IsHere(gateway).ShouldBeTrue("the other one runs");
            Container(i == 0 ? "stop -t 0 two" : "rm -f two", null, settings).ExitCode.ShouldBe(0);
            IsHere(gateway).ShouldBeFalse();
        }
    }

    private static bool IsHere(string address) =>
        System
            .Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces()
            .SelectMany(one => one.GetIPProperties().UnicastAddresses)
            .Any(one => one.Address.ToString() == address);

    [Fact]
    public void A_kernel_without_a_packet_filter_takes_no_rules()
    {
        const string script = "grep -q '^CapEff.*00000000[0-9a-f]*1[0-9a-f]\\{3\\}$' /proc/self/status && echo may";
        foreach (var (name, filter, said) in ((string, string, string)[])[("with", "", "may\n"), ("without", "none", "")])
        {
            Container(
                $"create --name {name} --cap-drop ALL --cap-add NET_ADMIN --network none {_base} sleep 1000",
                null,
                ("NETFILTER", filter)
            )
                .ExitCode.ShouldBe(0);
            Container($"start {name}").ExitCode.ShouldBe(0);
            Container(["exec", name, "sh", "-c", script]).Output.ShouldBe(said);
            Inspect(name)["configuration"]!["capAdd"]![0]!.GetValue<string>().ShouldBe("CAP_NET_ADMIN");
            Container($"rm -f {name}");
        }
    }

    [Fact]
    public void Mounts_look_root_owned_where_they_shall_or_are_refused()
    {
        (string, string)[] settings = [("UID0", "1")];
        var made = Container(
            $"create --name box --init --network none --mount type=bind,source={_work.FullName},target=/w {_base} sleep 1000",
            null,
            settings
        );
        if (Environment.UserName != "root")
        {
            made.ExitCode.ShouldBe(70);
            return;
        }
        Container("start box", null, settings).ExitCode.ShouldBe(0);
        Container(["exec", "box", "stat", "-c", "%u", "/w"]).Output.ShouldBe("0\n");
        var other = _work.CreateSubdirectory("other").FullName;
        Process.Start("chown", ["4711", other]).WaitForExit();
        var refused = Container($"create --name no --network none --mount type=bind,source={other},target=/w {_base} true", null, settings);
        refused.ExitCode.ShouldBe(70);
        refused.Error.ShouldContain("does not look root-owned");
    }

    [Fact]
    public void No_network_is_loopback_alone()
    {
        Start("box");
        Container(["exec", "box", "sh", "-c", "ls /sys/class/net"]).Output.ShouldBe("lo\n");
    }

    [Fact]
    public void A_variable_without_a_value_comes_from_the_caller_and_one_that_is_not_set_is_dropped()
    {
        Start("box");
        var result = Container(
            ["exec", "-e", "SECRET_OF_MINE", "-e", "NOT_SET_AT_ALL", "box", "env"],
            null,
            ("X", "x"),
            ("../SECRET_OF_MINE", "tell")
        );
        result.Output.ShouldContain("SECRET_OF_MINE=tell\n");
        result.Output.ShouldNotContain("NOT_SET_AT_ALL");
        File.ReadAllText(Path.Combine(_home.FullName, "journal.log")).ShouldNotContain("tell");
    }

    [Fact]
    public void Run_passes_output_and_exit_code_on_and_removes_when_told()
    {
        Container(["run", "--rm", "--network", "none", "--name", "once", _base, "sh", "-c", "echo hello; exit 3"])
            .ShouldBe(new CallResult(3, "hello\n", ""));
        Container("ls -aq").Output.ShouldBe("");
        Container($"run --network none --name bad {_base} no-such-program")
            .ShouldSatisfyAllConditions(
                r => r.ExitCode.ShouldBe(1),
                r => r.Error.ShouldContain("failed to find target executable no-such-program")
            );
        Container("ls -aq").Output.ShouldBe("");
    }

    [Fact]
    public void An_image_removed_before_the_first_start_is_missed_then()
    {
        Container($"create --name box --network none {_base} true").ExitCode.ShouldBe(0);
        Container($"image rm {_base}").ShouldBe(new CallResult(0, $"{_base}\n", ""));
        Container($"image inspect {_base}").ExitCode.ShouldBe(1);
        Container("start box").ExitCode.ShouldBe(1);
    }

    [Fact]
    public void A_build_uses_the_store_s_own_images_and_leaves_the_builder_running()
    {
        File.WriteAllText(
            Path.Combine(_work.FullName, "Dockerfile"),
            "ARG BASE\nFROM ${BASE} AS one\nRUN echo built > /built\nFROM one\nLABEL from=file\n"
        );
        var build = Container($"build --progress plain -t fc-built --build-arg BASE={_base} -l x=y {_work.FullName}");
        build.Output.ShouldBe("fc-built:latest\n");
        build.Error.ShouldContain("echo built");
        build.ExitCode.ShouldBe(0);
        var image = JsonNode.Parse(Container("image inspect fc-built").Output)![0]!;
        image["configuration"]!["name"]!.GetValue<string>().ShouldBe("fc-built:latest");
        var labels = image["variants"]![0]!["config"]!["config"]!["Labels"]!;
        (labels["x"]!.GetValue<string>(), labels["from"]!.GetValue<string>()).ShouldBe(("y", "file"));
        JsonNode.Parse(Container("image inspect fc-built", null, ("VERSION", "0.12")).Output)![0]!["name"]!
            .GetValue<string>()
            .ShouldBe("fc-built:latest");
        Container("run --rm --network none fc-built cat /built").Output.ShouldBe("built\n");

        Container("ls -q").Output.ShouldBe("buildkit\n");
        Container("builder status --format json").Output.ShouldContain("\"com.apple.container.resource.role\":\"builder\"");
        Container("builder delete").ExitCode.ShouldBe(1);
        Container("builder stop").ExitCode.ShouldBe(0);
        Container("ls -q").Output.ShouldBe("");

        // What Docker has, this store has not.
        Docker("image", "inspect", "fc-built").ShouldNotBe(0);
        File.WriteAllText(Path.Combine(_work.FullName, "Dockerfile"), "FROM fc-unknown\n");
        Container($"build {_work.FullName}").Error.ShouldContain("401 Unauthorized");
        File.WriteAllText(Path.Combine(_work.FullName, "Dockerfile"), $"FROM {_base}\nRUN exit 5\n");
        Container($"build -t broken {_work.FullName}").ShouldSatisfyAllConditions(r => r.ExitCode.ShouldBe(1), r => r.Output.ShouldBe(""));
        Container("image rm fc-built").Output.ShouldBe("fc-built:latest\n");
    }

    [Fact]
    public void A_pull_finds_what_the_registry_has_and_stores_it_with_its_domain()
    {
        (string, string)[] registry = [("IMAGES", ""), ("REGISTRY", _base)];
        Container($"image inspect {_base}", null, registry).ExitCode.ShouldBe(1);
        Container($"image pull --progress none {_base}", null, registry).ShouldBe(new CallResult(0, "", ""));
        Container("image ls --format json", null, registry).Output.ShouldContain($"\"name\":\"docker.io\\/library\\/{_base}\"");
        Container($"image inspect {_base}", null, registry).ExitCode.ShouldBe(0);
        Container("image ls -q", null, registry).Output.ShouldBe($"{_base}\n");
    }

    [Fact]
    public void Logs_copies_and_statistics()
    {
        Container(["create", "--name", "box", "--init", "--network", "none", _base, "sh", "-c", "echo one; echo two >&2; sleep 1000"])
            .ExitCode.ShouldBe(0);
        Container("logs box").ExitCode.ShouldBe(1);
        Container("start box").ExitCode.ShouldBe(0);
        Wait(() => Container("logs box").Output.Split('\n').Length > 2);
        var file = Path.Combine(_work.FullName, "f");
        File.WriteAllText(file, "copied");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Container($"cp {file} box:/tmp/f").ShouldBe(new CallResult(0, "box:/tmp/f\n", ""));
        Container(["exec", "box", "stat", "-c", "%u %a", "/tmp/f"]).Output.ShouldBe("0 644\n");
        Container($"cp box:/tmp/f {file}.back").ExitCode.ShouldBe(0);
        File.ReadAllText($"{file}.back").ShouldBe("copied");
        var stats = JsonNode.Parse(Container("stats --format json box").Output)![0]!;
        stats["numProcesses"]!.GetValue<int>().ShouldBeGreaterThan(0);
        stats["memoryUsageBytes"]!.GetValue<long>().ShouldBeGreaterThan(0);
    }

    [Fact]
    public void A_container_that_is_stopping_cannot_even_be_removed_by_force()
    {
        Container(["create", "--name", "box", "--network", "none", _base, "sleep", "1000"]).ExitCode.ShouldBe(0);
        Container("start box").ExitCode.ShouldBe(0);
        // Process 1 without an init ignores TERM.
        using var stop = Call.Start("container", ["stop", "-t", "3", "box"], Variables());
        Wait(() => State("box") == "stopping");
        Container("rm -f box").Error.ShouldContain("container box is stopping and can not be deleted");
        stop.WaitForExit();
        State("box").ShouldBe("stopped");
    }

    [Fact]
    public void A_terminal_is_handed_over_with_its_output_still_processed()
    {
        Start("box");
        // Another process watches the terminal: first until it is raw, then what it is like.
        const string watch =
            "(until stty -a </dev/tty | grep -q -e -icanon; do sleep 0.1; done; sleep 0.5; stty -a </dev/tty | grep -q -e -opost && echo opost is off || echo opost is on)";
        var result = InTerminal($"{watch} & container exec -it box sh -c 'tty; echo $TERM; sleep 4; exit 5'; echo code=$?");
        result.ShouldContain("/dev/pts/");
        result.ShouldContain("xterm");
        result.ShouldContain("opost is on");
        result.ShouldContain("code=5");
    }

    [Fact]
    public void Interactive_calls_leave_standard_input_non_blocking()
    {
        Start("box");
        const string blocking = "flags:\t00";
        Shell("cat /proc/self/fdinfo/0 | grep flags").ShouldContain(blocking);
        Shell("container exec -i box true; cat /proc/self/fdinfo/0 | grep flags").ShouldContain("flags:\t04000");
        Shell("container exec box true; cat /proc/self/fdinfo/0 | grep flags").ShouldContain(blocking);
    }

    [Fact]
    public void Signals_do_not_reach_the_process_and_the_third_ends_the_program()
    {
        Start("box");
        using var exec = Call.Start("container", ["exec", "box", "sleep", "30"], Variables());
        Wait(() => Container(["exec", "box", "sh", "-c", "cat /proc/[0-9]*/comm"]).Output.Split('\n').Count(name => name == "sleep") == 2);
        for (var i = 0; i < 3; i++)
        {
            exec.HasExited.ShouldBeFalse();
            Process.Start("kill", $"-TERM {exec.Id}").WaitForExit();
            Thread.Sleep(200);
        }
        exec.WaitForExit(5000).ShouldBeTrue();
        exec.ExitCode.ShouldBe(1);
        var error = exec.StandardError.ReadToEnd();
        error.ShouldContain("failed to send signal: [\"error\": invalidArgument: \"missing signal in xpc message\", \"signal\": 15]");
        error.ShouldContain("Received 3 SIGINT/SIGTERM's, forcefully exiting.");
        // Nobody told the process.
        Container(["exec", "box", "sh", "-c", "cat /proc/[0-9]*/comm"]).Output.Split('\n').Count(name => name == "sleep").ShouldBe(2);
    }

    private static string? Problem()
    {
        try
        {
            return Docker("version") == 0
                ? (Docker("image", "inspect", _base) == 0 ? null : $"there is no image {_base}")
                : "it does not answer";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return e.Message;
        }
    }

    private static int Docker(params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo("docker", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        _ = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }

    private static Socket Listen(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen();
        return socket;
    }

    private static void Wait(Func<bool> condition)
    {
        for (var i = 0; i < 100; i++)
        {
            if (condition())
            {
                return;
            }
            Thread.Sleep(50);
        }
        throw new TimeoutException("It does not become so.");
    }

    private void Start(string name, string options = "")
    {
        Container($"create --name {name} --init --network none {options} {_base} sleep 1000").ExitCode.ShouldBe(0);
        Container($"start {name}").ExitCode.ShouldBe(0);
    }

    private string State(string name) => Inspect(name)["status"]!["state"]!.GetValue<string>();

    private JsonNode Inspect(string name) => JsonNode.Parse(Container($"inspect {name}").Output)![0]!;

    private string? Address(string name) =>
        JsonNode.Parse(Container($"inspect {name}").Output)![0]!["status"]!["networks"]!
            .AsArray()
            .FirstOrDefault()
            ?["ipv4Address"]!.GetValue<string>();

    private Dictionary<string, string> Variables(params (string Name, string Value)[] settings)
    {
        var environment = new Dictionary<string, string>
        {
            ["FAKE_CONTAINER_HOME"] = _home.FullName,
            ["FAKE_CONTAINER_IMAGES"] = _base,
            ["FAKE_CONTAINER_DOCKER_NETWORK"] = "none",
        };
        foreach (var (name, value) in settings)
        {
            // "../NAME" is a variable of the caller and no setting.
            environment[name.StartsWith("../", StringComparison.Ordinal) ? name[3..] : $"FAKE_CONTAINER_{name}"] = value;
        }
        return environment;
    }

    private CallResult Container(string line, string? input = null, params (string Name, string Value)[] settings) =>
        Container(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), input, settings);

    private CallResult Container(string[] arguments, string? input = null, params (string Name, string Value)[] settings) =>
        Call.Run("container", arguments, Variables(settings), input);

    private string Shell(string script) => Script("sh", "-c", script);

    private string InTerminal(string script) => Script("script", "-qec", script, "/dev/null");

    private string Script(string program, params string[] arguments)
    {
        var environment = Variables();
        environment["PATH"] = $"{AppContext.BaseDirectory}:{Environment.GetEnvironmentVariable("PATH")}";
        environment["SHELL"] = "/bin/sh";
        return Call.Run($"/usr/bin/{program}", arguments, environment, "").Output;
    }
}
