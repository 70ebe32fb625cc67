using System.Diagnostics;
using System.Text;
using Codexctl.Auth;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd.Auth;

/// <summary>A scene with an OpenAI of its own, reached as in a company: by the host's proxy, with the company's certificates.</summary>
public sealed class OnlineScene : IAsyncDisposable
{
    private OnlineScene(Scene scene, FakeOpenAi openAi) => (Scene, OpenAi) = (scene, openAi);

    public Scene Scene { get; }

    public FakeOpenAi OpenAi { get; }

    private EncryptedFile Store => new(Path.Combine(Scene.Paths.Login, "login"), passphrase: null);

    /// <param name="mode">CODEXCTL_AUTH_MODE; null for the default.</param>
    public static async Task<OnlineScene> CreateAsync(Engine engine, string? mode = null)
    {
        var scene = await Scene.CreateAsync(engine);
        var openAi = await FakeOpenAi.StartAsync();
        scene.Later(() => openAi.DisposeAsync().AsTask());
        var authority = Path.Combine(scene.Root, "authority.pem");
        await File.WriteAllTextAsync(authority, openAi.Certificates);
        scene.Environment["HTTPS_PROXY"] = openAi.Proxy;
        scene.Environment["CODEX_CA_CERTIFICATE"] = authority;
        scene.Environment["CODEXCTL_AUTH_STORE"] = "file";
        if (mode is not null)
        {
            scene.Environment["CODEXCTL_AUTH_MODE"] = mode;
        }
        return new OnlineScene(scene, openAi);
    }

    /// <summary>As if the person had signed in earlier.</summary>
    public async Task<AuthDocument> SignedInAsync()
    {
        var login = AuthDocument.Parse(Encoding.UTF8.GetBytes(OpenAi.Login().ToJsonString()));
        await Store.WriteAsync(login.Bytes);
        return login;
    }

    public async Task<AuthDocument?> StoredAsync() => await Store.ReadAsync() is { } bytes ? AuthDocument.Parse(bytes) : null;

    // All of a container; of a sandbox all but the system's own files, which are the host's.
    private string SearchScript =>
        "p=$(cat); find() { printf '%s\\n' \"$p\" | grep -D skip -raFl -f - \"$@\" 2>/dev/null; }; "
        + "for one in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do printf '%s\\n' \"$p\" | grep -qaF -f - $one 2>/dev/null && echo $one; done; "
        + (
            Scene.Engine == Engine.Docker
                ? "find $(ls -d /* /.[!.]* 2>/dev/null | grep -vxE '/(proc|sys|dev)') /dev/shm; echo searched"
                : "find /home /tmp /run /etc /var /opt /usr/local /workdir /dev/shm /root; echo searched"
        );

    /// <summary>Where in the box one of these texts is: files, environments and command lines; run as a command of `run`.</summary>
    public async Task<string> SearchInsideAsync(IEnumerable<string> secrets, params string[] options)
    {
        var outcome = await Scene.RunAsync(
            new Call(["run", .. options, "--cmd", "sh", "-c", SearchScript]) { Text = string.Join('\n', secrets) }
        );
        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldEndWith("searched\n");
        return outcome.Output[..^"searched\n".Length];
    }

    /// <summary>The same in the scene's running docker container, as its root: the files and processes of everybody.</summary>
    public async Task<string[]> SearchAsRootAsync(IEnumerable<string> secrets)
    {
        var name = (await Scene.StatesAsync()).Keys.Single();
        using var process = Process.Start(
            new ProcessStartInfo("docker", ["exec", "-i", "--user", "0:0", name, "sh", "-c", SearchScript])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        await process.StandardInput.WriteAsync(string.Join('\n', secrets));
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        output.ShouldEndWith("searched\n");
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).SkipLast(1).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>What docker tells about the scene's containers and about their image.</summary>
    public async Task<List<string>> SearchEngineAsync(IReadOnlyList<string> secrets)
    {
        List<(string, string)> told =
        [
            ("image", Machine.Run("docker", "image", "inspect", "codex").Output),
            ("history", Machine.Run("docker", "history", "--no-trunc", "codex").Output),
        ];
        foreach (var name in (await Scene.StatesAsync()).Keys)
        {
            var logs = Machine.Run("docker", "logs", name);
            told.Add(($"{name}: inspect", Machine.Run("docker", "inspect", name).Output));
            told.Add(($"{name}: logs", logs.Output + logs.Error));
        }
        told[0].Item2.ShouldContain("codex");
        return [.. told.Where(one => Holds(one.Item2, secrets)).Select(one => one.Item1)];
    }

    /// <summary>Where on the host one of these texts is, but for the store: state, recordings, logs, the engine's data about containers and images.</summary>
    public async Task<List<string>> SearchOutsideAsync(IReadOnlyList<string> secrets)
    {
        List<string> found = [];
        foreach (var file in Directory.EnumerateFiles(Scene.State, "*", SearchOption.AllDirectories))
        {
            if (
                !file.StartsWith(Scene.Paths.Login + "/", StringComparison.Ordinal) && Holds(Encoding.Latin1.GetString(Read(file)), secrets)
            )
            {
                found.Add(file);
            }
        }
        if (Scene.Engine == Engine.Docker)
        {
            found.AddRange(await SearchEngineAsync(secrets));
            foreach (var name in (await Scene.StatesAsync()).Keys)
            {
                var archive = Path.Combine(Scene.Root, "export.tar");
                Machine.Run("docker", "export", "-o", archive, name).ExitCode.ShouldBe(0);
                var patterns = Path.Combine(Scene.Root, "patterns");
                await File.WriteAllLinesAsync(patterns, secrets);
                if (Machine.Run("grep", "-qaF", "-f", patterns, archive).ExitCode == 0)
                {
                    found.Add($"{name}: file system");
                }
                File.Delete(archive);
                File.Delete(patterns);
            }
        }
        return found;
    }

    public ValueTask DisposeAsync() => Scene.DisposeAsync();

    private static bool Holds(string text, IEnumerable<string> secrets) =>
        secrets.Any(secret => text.Contains(secret, StringComparison.Ordinal));

    private static byte[] Read(string file)
    {
        try
        {
            return File.ReadAllBytes(file);
        }
        catch (Exception error) when (error is FileNotFoundException or IOException)
        {
            // A socket, or gone meanwhile.
            return [];
        }
    }
}
