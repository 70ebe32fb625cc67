using System.Diagnostics;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd.Auth;

/// <summary>A real keyring (gnome-keyring) on a session bus of the test's own.</summary>
public sealed class SecretServiceTests
{
    [Fact]
    public async Task A_keyring_that_answers_is_chosen_and_the_desktops_tools_find_the_login()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        using var keyring = await Keyring.StartAsync(online.Scene);
        online.Scene.Environment.Remove("CODEXCTL_AUTH_STORE");

        var signedIn = await online.Scene.RunAsync("auth");

        signedIn.ExitCode.ShouldBe(0, signedIn.ToString());
        signedIn.Error.ShouldContain("Secret Service");
        keyring.Tool("lookup").ShouldContain(online.OpenAi.RefreshTokens.Single());
        Directory.EnumerateFiles(online.Scene.Paths.Login).Select(Path.GetFileName).Order().ShouldBe(["lock", "store"]);
        online.OpenAi.RefusedUpTo = 1;
        (await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi")).Output.ShouldBe("online ok\n");
        keyring.Tool("lookup").ShouldContain(online.OpenAi.RefreshTokens.Order().Last());
        (await online.Scene.RunAsync("auth", "logout")).ExitCode.ShouldBe(0);
        keyring.Tool("lookup").ShouldBe("");
    }

    [Fact]
    public async Task A_locked_keyring_is_said_and_nothing_is_changed()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        using var keyring = await Keyring.StartAsync(online.Scene);
        online.Scene.Environment["CODEXCTL_AUTH_STORE"] = "secret-service";
        (await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = online.OpenAi.ApiKey })).ExitCode.ShouldBe(0);
        keyring.Lock();

        var status = await online.Scene.RunAsync("auth", "status");
        var other = await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = "sk-other" });
        var run = await online.Scene.RunAsync("run", "--openai", "--", "exec", "say hi");

        new[] { status.ExitCode, other.ExitCode, run.ExitCode }.ShouldBe([1, 1, 125], status.ToString());
        status.Error.ShouldContain("is locked");
        keyring.Unlock();
        keyring.Tool("lookup").ShouldContain(online.OpenAi.ApiKey);
    }

    [Fact]
    public async Task A_keyring_that_is_not_there_for_once_is_no_empty_one()
    {
        await using var online = await OnlineScene.CreateAsync(Engine.Bubblewrap);
        online.Scene.Environment.Remove("CODEXCTL_AUTH_STORE");
        using (var keyring = await Keyring.StartAsync(online.Scene))
        {
            (await online.Scene.RunAsync(new Call("auth", "--with-api-key") { Text = online.OpenAi.ApiKey })).ExitCode.ShouldBe(0);
        }

        var status = await online.Scene.RunAsync("auth", "status");

        status.ExitCode.ShouldBe(1, status.ToString());
        status.Error.ShouldContain("Secret Service");
    }

    /// <summary>dbus-daemon and gnome-keyring-daemon with folders of their own; the scene's programs find them.</summary>
    private sealed class Keyring : IDisposable
    {
        private const string Password = "only for tests";

        private readonly string _folder;
        private readonly Process _bus;
        private readonly string _address;
        private Process _daemon;

        private Keyring(string folder, Process bus, string address)
        {
            (_folder, _bus, _address) = (folder, bus, address);
            _daemon = StartDaemon(Password);
        }

        public static async Task<Keyring> StartAsync(Scene scene)
        {
            var folder = scene.NewFolder("keyring");
            var bus = Process.Start(
                new ProcessStartInfo("dbus-daemon", ["--session", "--nofork", "--print-address", $"--address=unix:path={folder}/bus"])
                {
                    RedirectStandardOutput = true,
                    UseShellExecute = false,
                }
            )!;
            var address = (await bus.StandardOutput.ReadLineAsync())!;
            scene.Environment["DBUS_SESSION_BUS_ADDRESS"] = address;
            var keyring = new Keyring(folder, bus, address);
            // Asked of the bus: a question to the keyring itself would make the bus start another one, which nobody unlocked.
            await Scene.EventuallyAsync(keyring.Owned, "the keyring answers");
            return keyring;
        }

        public string Tool(string verb) => Run("secret-tool", verb, "service", "codex-OpenAI-auth", "account", "device-auth-openAI").Output;

        /// <summary>A daemon that nobody gave the password to.</summary>
        public void Lock() => Restart(password: null);

        public void Unlock() => Restart(Password);

        public void Dispose()
        {
            _daemon.Kill();
            _bus.Kill();
            _daemon.WaitForExit();
            _bus.WaitForExit();
            _daemon.Dispose();
            _bus.Dispose();
        }

        private void Restart(string? password)
        {
            _daemon.Kill();
            _daemon.WaitForExit();
            _daemon = StartDaemon(password);
            for (var i = 0; i < 100 && !Owned(); i++)
            {
                Thread.Sleep(50);
            }
        }

        private bool Owned() =>
            Run(
                "dbus-send",
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.DBus",
                "/",
                "org.freedesktop.DBus.NameHasOwner",
                "string:org.freedesktop.secrets"
            )
                .Output.Contains("boolean true", StringComparison.Ordinal);

        private Process StartDaemon(string? password)
        {
            List<string> arguments = ["--foreground", "--components=secrets"];
            if (password is not null)
            {
                arguments.Add("--unlock");
            }
            var start = new ProcessStartInfo("gnome-keyring-daemon", arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            SetEnvironment(start);
            var daemon = Process.Start(start)!;
            daemon.StandardInput.Write(password ?? "");
            daemon.StandardInput.Close();
            return daemon;
        }

        private (int ExitCode, string Output) Run(string program, params string[] arguments)
        {
            var start = new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            SetEnvironment(start);
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit(TimeSpan.FromSeconds(20)).ShouldBeTrue($"{program} does not end");
            return (process.ExitCode, output);
        }

        private void SetEnvironment(ProcessStartInfo start)
        {
            start.Environment["HOME"] = start.Environment["XDG_RUNTIME_DIR"] = start.Environment["XDG_DATA_HOME"] = _folder;
            start.Environment["DBUS_SESSION_BUS_ADDRESS"] = _address;
        }
    }
}
