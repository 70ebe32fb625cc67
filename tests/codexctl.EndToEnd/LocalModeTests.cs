using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>
/// In local mode Codex talks to nobody but the model. Shown outside the box, with the network open: in it an attempt could not be
/// told from none.
/// </summary>
public class LocalModeTests
{
    [Fact]
    public async Task Codex_with_our_configuration_tries_to_reach_no_host_by_exec_and_one_harmless_one_on_the_screen()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var codex = await Machine.CodexAsync();
        scene.Model.Text = "Nobody else was asked.";
        // A run's own door and the configuration that its box sees; only the port is another one.
        await using var holding = await scene.HoldAsync();
        var container = scene.Paths.Container("bubblewrap", (await scene.StatesAsync()).Keys.Single());
        using var relay = new Relay(container.DoorSocket);
        using var proxy = new LoggingProxy();
        var home = scene.NewFolder("codex-home");
        foreach (var file in Directory.EnumerateFiles(container.CodexConfig, "*", SearchOption.AllDirectories))
        {
            var text = await File.ReadAllTextAsync(file);
            await File.WriteAllTextAsync(
                Path.Combine(home, Path.GetFileName(file)),
                text.Replace("127.0.0.1:11434", $"127.0.0.1:{relay.Port}", StringComparison.Ordinal)
            );
        }
        string[] open =
        [
            $"CODEX_HOME={home}",
            $"HTTP_PROXY=http://127.0.0.1:{proxy.Port}",
            $"HTTPS_PROXY=http://127.0.0.1:{proxy.Port}",
            $"ALL_PROXY=http://127.0.0.1:{proxy.Port}",
            "NO_PROXY=127.0.0.1",
        ];

        var exec = Machine.Run(
            "env",
            [
                "-i",
                $"PATH={scene.Environment["PATH"]}",
                $"HOME={scene.Home}",
                "-C",
                scene.Work,
                .. open,
                codex.Codex,
                "exec",
                "--skip-git-repo-check",
                "hi",
            ]
        );

        exec.ExitCode.ShouldBe(0, exec.Error);
        exec.Output.ShouldBe("Nobody else was asked.\n");
        proxy.Asked.ShouldBeEmpty();

        var terminal = scene.OpenTerminal();
        var run = terminal.Begin($"env {string.Join(' ', open)} {codex.Codex}");
        terminal.WaitFor("Ask Codex to do anything");
        terminal.Ask("say it");
        terminal.WaitFor("Nobody else was asked.");
        terminal.Ask("/quit");
        terminal.Ended(run).ExitCode.ShouldBe(0);

        // A tip of the day: it cannot be switched off, and its absence goes unnoticed.
        proxy.Asked.Distinct(StringComparer.Ordinal).ShouldBeSubsetOf(["raw.githubusercontent.com:443"]);
        Directory.Exists(Path.Combine(home, "packages")).ShouldBeFalse("Codex's background program was installed");
        scene.Background().ShouldNotContain(process => process.Arguments.Contains("app-server"));
    }

    /// <summary>Tells which hosts were asked for, and refuses them all.</summary>
    private sealed class LoggingProxy : Listener
    {
        public ConcurrentQueue<string> Asked { get; } = [];

        protected override async Task ServeAsync(NetworkStream client)
        {
            using var reader = new StreamReader(client, Encoding.ASCII);
            var line = await reader.ReadLineAsync() ?? "";
            Asked.Enqueue(line.Split(' ') is ["CONNECT", var host, ..] ? host : line);
            await client.WriteAsync("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
        }
    }

    /// <summary>A port that leads to a door, as the one in the box does.</summary>
    private sealed class Relay(string door) : Listener
    {
        protected override async Task ServeAsync(NetworkStream client)
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(door));
            await using var inner = new NetworkStream(socket);
            await Task.WhenAny(client.CopyToAsync(inner), inner.CopyToAsync(client));
        }
    }

    private abstract class Listener : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

        protected Listener()
        {
            _listener.Start();
            _ = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Dispose() => _listener.Dispose();

        protected abstract Task ServeAsync(NetworkStream client);

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync();
                    _ = Task.Run(async () =>
                    {
                        using (client)
                        {
                            await ServeAsync(client.GetStream());
                        }
                    });
                }
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // Closed.
            }
        }
    }
}
