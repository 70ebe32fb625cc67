using System.Net.Sockets;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>
/// The images by the engine's own commands, without codexctl: they talk to Ollama at the address that Apple's engine has on a Mac.
/// Here that is a network of the test's own, with `codexctl proxy` at the address.
/// </summary>
[Collection("192.168.64.1")] // The address is the machine's, and both listen there.
public class PlainImageTests
{
    private const string Host = "192.168.64.1";

    [Fact]
    public async Task The_lines_for_plain_runs_work_with_a_model_server_at_the_address_of_a_mac()
    {
        await using var scene = await Scene.CreateAsync(Engine.Docker);
        scene.Model.Mode = AnswerMode.Tool;
        Machine.Run("chmod", "777", scene.Work);
        var network = await NetworkAsync(scene);
        await using var proxy = scene.Start("proxy", "--listen", $"{Host}:11434", "--target", scene.Model.Address.AbsoluteUri);
        await Scene.EventuallyAsync(Listens, "the proxy listens");
        var name = $"plain-{scene.Id}";
        scene.Later(() =>
        {
            Machine.Run("docker", "rm", "--force", name);
            return Task.CompletedTask;
        });
        var terminal = scene.OpenTerminal();

        // `run -it` with the default command: the whole screen, no question, a piece of work that ends up in the folder.
        terminal.Type($"docker run -it --name {name} --network {network} --mount type=bind,src=\"$(pwd)\",dst=/workdir codex");
        terminal.WaitFor("gpt-oss:20b", 60);
        terminal.WaitForQuiet();
        terminal.Ask("write the file");
        terminal.WaitFor("hello.txt", 60);
        await Scene.EventuallyAsync(() => File.Exists(Path.Combine(scene.Work, "hello.txt")), "hello.txt is written");
        terminal.WaitForQuiet();

        // `exec -it` joins it as coder, with nothing that root may.
        var joined = Machine.Run("docker", "exec", name, "bash", "-c", "id -un; grep CapEff /proc/self/status; ls ~/.codex/sessions");
        joined.Output.ShouldStartWith("coder\nCapEff:\t0000000000000000\n20", Case.Sensitive, joined.Error);

        terminal.Press("C-d");
        terminal.WaitFor("codex resume", 30);
        terminal.WaitForShell("echo \"sh\"\"ell\"", "shell");

        // `start -i` begins anew in the same container.
        terminal.Type($"clear; docker start -ai {name}");
        terminal.WaitFor("gpt-oss:20b", 60);
        terminal.WaitForQuiet();
        terminal.Press("C-d");
        terminal.WaitForShell("echo \"done\"\"=$?\"", "done=0");

        scene.Model.Responses.ShouldContain(seen => (string?)seen.Json["model"] == "gpt-oss:20b");
    }

    private static bool Listens()
    {
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            socket.Connect(Host, 11434);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>A network whose host side has that address. There can be one at a time on a machine: another test's goes soon.</summary>
    private static async Task<string> NetworkAsync(Scene scene)
    {
        var name = $"plain-{scene.Id}";
        await Scene.EventuallyAsync(
            () =>
            {
                var made = Machine.Run("docker", "network", "create", "--subnet", "192.168.64.0/24", "--gateway", Host, name);
                return made.ExitCode == 0
                    || (
                        made.Error.Contains("overlaps", StringComparison.Ordinal) ? false : throw new InvalidOperationException(made.Error)
                    );
            },
            $"the address {Host} is free",
            seconds: 120
        );
        scene.Later(() =>
        {
            Machine.Run("docker", "network", "rm", name);
            return Task.CompletedTask;
        });
        return name;
    }
}
