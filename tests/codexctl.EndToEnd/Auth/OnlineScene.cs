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

    /// <summary>Where in the box one of these texts is: files, environments and command lines; run as a command of `run`.</summary>
    public async Task<string> SearchInsideAsync(IEnumerable<string> secrets, params string[] options)
    {
        const string Script =
            "p=$(cat); find() { printf '%s\\n' \"$p\" | grep -D skip -raFl -f - \"$@\" 2>/dev/null; }; "
            + "for one in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do printf '%s\\n' \"$p\" | grep -qaF -f - $one 2>/dev/null && echo $one; done; "
            + "find /home /tmp /run /etc /var /opt /usr/local /workdir /dev/shm /root; echo searched";
        var outcome = await Scene.RunAsync(
            new Call(["run", .. options, "--cmd", "sh", "-c", Script]) { Text = string.Join('\n', secrets) }
        );
        outcome.ExitCode.ShouldBe(0, outcome.ToString());
        outcome.Output.ShouldEndWith("searched\n");
        return outcome.Output[..^"searched\n".Length];
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
            foreach (var name in (await Scene.StatesAsync()).Keys)
            {
                var archive = Path.Combine(Scene.Root, "export.tar");
                Machine.Run("docker", "export", "-o", archive, name).ExitCode.ShouldBe(0);
                foreach (
                    var (what, text) in (ReadOnlySpan<(string, string)>)
                        [
                            ("inspect", Machine.Run("docker", "inspect", name).Output),
                            ("logs", Machine.Run("docker", "logs", name) is var logs ? logs.Output + logs.Error : ""),
                            ("image", Machine.Run("docker", "image", "inspect", "codex").Output),
                            ("history", Machine.Run("docker", "history", "--no-trunc", "codex").Output),
                        ]
                )
                {
                    if (Holds(text, secrets))
                    {
                        found.Add($"{name}: {what}");
                    }
                }
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
