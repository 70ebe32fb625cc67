using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>
/// A person at the terminal of a clean Debian: no engine, no model server, no model, no Codex configuration. Installs a package as the
/// documentation says, and then types exactly what each error names, until Codex works; takes everything away again.
/// </summary>
public sealed class PersonsPathTests
{
    private const string Composer = "Ask Codex to do anything";

    [Fact]
    public async Task From_the_deb_to_a_working_codex_and_back_to_a_clean_machine()
    {
        await using var machine = await CleanMachine.CreateAsync();
        var deb = Directory.EnumerateFiles(PackageTests.Release, "codexctl_*.deb").Single();
        machine.Copy(deb, "/home/dev/");
        var screen = machine.Sit();

        screen.Begin("sudo apt-get install ./codexctl_*.deb");
        screen.WaitFor("[Y/n]", 60);
        screen.Type("y");
        screen.WaitFor("Setting up codexctl", 120);
        screen.WaitForQuiet();
        screen.Shell("codexctl --version").ExitCode.ShouldBe(0);
        var before = machine.Files();

        await machine.WorkAsync(screen);

        var gone = screen.Begin("codexctl uninstall --purge");
        screen.WaitFor("Remove all that?");
        screen.Type("y");
        screen.Ended(gone).ExitCode.ShouldBe(0);
        machine.Files().ShouldBe(before);
        screen.Shell("sudo apt-get remove --purge -y codexctl", 120).ExitCode.ShouldBe(0);
        screen.Shell("test -e /usr/bin/codexctl").ExitCode.ShouldBe(1);
    }

    [Fact]
    public async Task From_the_tool_package_to_a_working_codex()
    {
        await using var machine = await CleanMachine.CreateAsync(dotnet: true);
        foreach (var package in Directory.EnumerateFiles(PackageTests.Release, "codexctl.*.nupkg"))
        {
            machine.Copy(package, "/feed/");
        }
        var screen = machine.Sit();

        var installed = screen.Shell("dotnet tool install --global codexctl", 120);
        installed.ExitCode.ShouldBe(0, installed.Output);
        screen.Type("export PATH=\"$PATH:/home/dev/.dotnet/tools\"");
        screen.Shell("codexctl --version").ExitCode.ShouldBe(0);

        await machine.WorkAsync(screen);
    }

    /// <summary>A container that stands for the computer of the person `dev`, who may use sudo; and an Ollama that is installed and not started.</summary>
    private sealed class CleanMachine : IAsyncDisposable
    {
        private readonly string _name;
        private readonly Scene _scene;
        private readonly Tmux _server;

        private CleanMachine(Scene scene)
        {
            _scene = scene;
            _name = $"ce-person-{scene.Id}";
            _server = Terminal();
        }

        public static async Task<CleanMachine> CreateAsync(bool dotnet = false)
        {
            await Machine.NeedAsync(Engine.Docker);
            // Its own home is not used: the scene is for the terminals, the model server, and the end.
            var scene = await Scene.CreateAsync(Engine.Bubblewrap);
            scene.Model.Mode = AnswerMode.Tool;
            scene.Model.Models.Clear();
            var machine = new CleanMachine(scene);
            scene.Later(() =>
            {
                Machine.Run("docker", "rm", "--force", "--volumes", machine._name);
                return Task.CompletedTask;
            });
            await machine.MakeAsync(dotnet);
            return machine;
        }

        public ValueTask DisposeAsync() => _scene.DisposeAsync();

        public void Copy(string file, string folder) => Docker("cp", file, $"{_name}:{folder}");

        /// <summary>All files in the places where a person's programs may write.</summary>
        public List<string> Files() =>
            [
                .. Docker("exec", _name, "find", "/home/dev", "/tmp", "/var/tmp", "/run", "-not", "-path", "/home/dev/.cache*")
                    .Split('\n')
                    .Order(),
            ];

        /// <summary>The person's terminal.</summary>
        public Tmux Sit()
        {
            var terminal = Terminal();
            Enter(terminal);
            return terminal;
        }

        /// <summary>From the first run, with nothing there, to Codex's answer.</summary>
        public async Task WorkAsync(Tmux screen)
        {
            // In the home directory, by mistake.
            var home = screen.Shell("codexctl run");
            home.ExitCode.ShouldBe(125, home.Output);
            home.Output.ShouldContain("cannot be the working folder");
            screen.Shell("mkdir my-project && cd my-project").ExitCode.ShouldBe(0);

            var noServer = screen.Shell("codexctl run");
            noServer.ExitCode.ShouldBe(125, noServer.Output);
            noServer.Output.ShouldContain("No model server answers at http://127.0.0.1:11434.");
            noServer.Output.ShouldContain("Start it with: ollama serve.");
            Enter(_server);
            _server.Type("ollama serve");
            await Scene.EventuallyAsync(
                () => Machine.Run("docker", "exec", _name, "bash", "-c", ": </dev/tcp/127.0.0.1/11434").ExitCode == 0,
                "the model server listens"
            );

            var asked = screen.Begin("codexctl run");
            screen.WaitFor("Pull it now?");
            screen.Type("n");
            var noModel = screen.Ended(asked);
            noModel.ExitCode.ShouldBe(125, noModel.Output);
            noModel.Output.ShouldContain("codexctl models pull gpt-oss:20b");
            var pulled = screen.Shell("codexctl models pull gpt-oss:20b", 60);
            pulled.ExitCode.ShouldBe(0, pulled.Output);

            var run = screen.Begin("codexctl run");
            screen.WaitFor(Composer, 60);
            screen.Ask("write a file");
            screen.WaitFor("Done: hello.txt written.", 60);
            screen.Ask("/quit");
            var ended = screen.Ended(run, 60);
            ended.ExitCode.ShouldBe(0, ended.Output);
            ended.Output.ShouldContain("reached nothing but the model");
            Docker("exec", _name, "cat", "/home/dev/my-project/hello.txt").ShouldBe("hello from the fake\n");
            var doctor = screen.Shell("codexctl doctor", 90);
            doctor.ExitCode.ShouldBe(0, doctor.Output);
            screen.Shell("rm hello.txt && cd .. && rmdir my-project").ExitCode.ShouldBe(0);
        }

        private async Task MakeAsync(bool dotnet)
        {
            var folder = _scene.NewFolder("server");
            // A container of docker's forbids what an ordinary computer allows: user namespaces with a /proc of their own.
            string[] likeAComputer =
            [
                "--security-opt",
                "seccomp=unconfined",
                "--security-opt",
                "apparmor=unconfined",
                "--security-opt",
                "systempaths=unconfined",
            ];
            var runtime = Path.GetDirectoryName(Dotnet())!;
            string[] sdk = dotnet ? ["--volume", $"{runtime}:/usr/share/dotnet:ro"] : [];
            Docker([
                "run",
                "--detach",
                "--init",
                "--name",
                _name,
                .. likeAComputer,
                .. sdk,
                "--volume",
                $"{folder}:/srv/model",
                Machine.BaseImage,
                "sleep",
                "2000",
            ]);
            // The person's Ollama: started by its usual words, at its usual address.
            await File.WriteAllTextAsync(
                Path.Combine(folder, "ollama"),
                "#!/bin/sh\n[ \"$1\" = serve ] && exec socat TCP-LISTEN:11434,bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:/srv/model/socket\n"
            );
            var made = Docker(
                "exec",
                _name,
                "sh",
                "-c",
                "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && apt-get install -y -qq --no-install-recommends sudo socat >/dev/null 2>&1 && "
                    + $"useradd -m -u {Machine.OrdinaryId} -s /bin/bash dev && mkdir -p /home/dev/.cache/codexctl && "
                    + "echo 'dev ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/dev && install -m 755 /srv/model/ollama /usr/local/bin/ollama && "
                    + (
                        dotnet
                            ? "ln -s /usr/share/dotnet/dotnet /usr/local/bin/dotnet && mkdir -p /feed /home/dev/.nuget/NuGet && "
                                + "echo '<configuration><packageSources><clear/><add key=\"feed\" value=\"/feed\"/></packageSources></configuration>' >/home/dev/.nuget/NuGet/NuGet.Config && "
                                + "echo made"
                            : "echo made"
                    )
            );
            made.ShouldEndWith("made\n");
            // What a first run fetches from the npm registry.
            Docker("cp", Path.Combine(Machine.Cache, "codex"), $"{_name}:/home/dev/.cache/codexctl/");
            Docker("exec", _name, "chown", "-R", "dev:dev", "/home/dev");
            var socket = Path.Combine(folder, "socket");
            var bridge = System.Diagnostics.Process.Start(
                "socat",
                [$"UNIX-LISTEN:{socket},fork,mode=0666", $"TCP:127.0.0.1:{_scene.Model.Address.Port}"]
            );
            _scene.Later(() =>
            {
                bridge.Kill(entireProcessTree: true);
                bridge.Dispose();
                return Task.CompletedTask;
            });
            await Scene.EventuallyAsync(() => File.Exists(socket), "the way to the model server");
        }

        private static string Dotnet() => Machine.Run("sh", "-c", "readlink -f \"$(command -v dotnet)\"").Output.Trim();

        private Tmux Terminal() => _scene.OpenTerminal();

        private void Enter(Tmux terminal)
        {
            terminal.Type(
                $"docker exec -it -u dev -w /home/dev -e HOME=/home/dev -e TERM=xterm -e LANG=C.UTF-8 -e PS1='dev$ ' -e DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 -e DOTNET_CLI_TELEMETRY_OPTOUT=1 -e DOTNET_NOLOGO=1 {_name} bash --norc --noprofile"
            );
            terminal.WaitFor(text => text.TrimEnd().EndsWith("dev$", StringComparison.Ordinal), "the shell of the clean machine");
        }

        private static string Docker(params string[] arguments)
        {
            var (code, output, error) = Machine.Run("docker", arguments);
            code.ShouldBe(0, error);
            return output;
        }
    }
}
