using Codexctl.EndToEnd.Harness;
using Codexctl.Settings;

namespace Codexctl.EndToEnd;

/// <summary>What codexctl made goes, and nothing else.</summary>
public sealed class UninstallTests
{
    [Theory, BothEngines]
    public async Task Everything_goes_but_what_is_the_person_s_and_with_purge_that_too(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        // A path that is too long for sockets, which go to /tmp then; and a cache of its own, because it goes too.
        var state = Path.Combine(scene.Root, new string('s', 60), "state");
        var cache = Path.Combine(scene.Root, "cache");
        scene.Environment["CODEXCTL_STATE_DIR"] = state;
        scene.Environment["CODEXCTL_CACHE_DIR"] = cache;
        var paths = new Paths(new HostEnvironment(new Dictionary<string, string>(scene.Environment)));
        // All tests of a machine share its images: of them this scene has one of its own, and names it.
        var image = $"own-{scene.Id}";
        // The folder around the state directory is the person's choice, and stays.
        Directory.CreateDirectory(Path.GetDirectoryName(state)!);
        await File.WriteAllTextAsync(Path.Combine(scene.Work, ".codexctl.toml"), "receipt = false\n");
        var before = Listing(scene);
        if (engine == Engine.Bubblewrap)
        {
            Directory.CreateDirectory(cache);
            Machine.Run("cp", "-al", Path.Combine(Machine.Cache, "codex"), cache).ExitCode.ShouldBe(0);
        }
        else
        {
            MakeImage(image);
        }
        (await scene.RunAsync("config", "set", "default_shell", "sh")).ExitCode.ShouldBe(0);
        (await scene.RunAsync(new Call("auth", "--with-api-key") { Text = "sk-not-a-real-key-000000000000" })).ExitCode.ShouldBe(0);
        await RunAndStartAsync(scene);
        await UseTheRestAsync(scene);
        // The gateway writes the receipt of `start` after it answered: not a name that lasts for a moment.
        List<string> full = [];
        await Scene.EventuallyAsync(
            () => !(full = Listing(scene)).Exists(path => path.EndsWith(".new", StringComparison.Ordinal)),
            "the receipt is there"
        );

        var dry = await scene.RunAsync("uninstall", "--purge", "--dry-run", "--image", image);

        dry.ExitCode.ShouldBe(0, dry.ToString());
        var container = (await scene.StatesAsync()).ShouldHaveSingleItem();
        container.Value.ShouldBe("running");
        dry.Output.ShouldContain($"remove  container {container.Key} of {engine.Word()} (running)\n");
        dry.Output.ShouldContain($"remove  folder {state}\n");
        dry.Output.ShouldContain("remove  the login in ");

        var unasked = await scene.RunAsync("uninstall", "--purge", "--image", image);

        unasked.ExitCode.ShouldBe(1);
        unasked.Error.ShouldContain("Nobody is there who could be asked.");
        (await scene.StatesAsync()).Count.ShouldBe(1);
        full.Except(Listing(scene)).ShouldBeEmpty();

        var kept = await scene.RunAsync("uninstall", "--yes", "--image", image);

        kept.ExitCode.ShouldBe(0, kept.ToString());
        kept.Output.ShouldContain($"keep    {Path.Combine(paths.Container(engine.Word(), container.Key).Records)}  (--purge removes it)");
        (await scene.StatesAsync()).ShouldBeEmpty();
        scene.Gateways().ShouldBeEmpty();
        Directory.Exists(cache).ShouldBeFalse();
        File.Exists(paths.ConfigFile).ShouldBeTrue();
        Directory.EnumerateFiles(paths.Container(engine.Word(), container.Key).Receipts).ShouldNotBeEmpty();
        (await scene.RunAsync("auth", "status")).ExitCode.ShouldBe(0);

        // With something there again, that runs.
        if (engine == Engine.Bubblewrap)
        {
            Directory.CreateDirectory(cache);
            Machine.Run("cp", "-al", Path.Combine(Machine.Cache, "codex"), cache).ExitCode.ShouldBe(0);
        }
        await RunAndStartAsync(scene);
        var purged = await scene.RunAsync("uninstall", "--purge", "--yes", "--image", image);

        purged.ExitCode.ShouldBe(0, purged.ToString());
        // Nothing is called any more that could make a file: the listing is the last word.
        Listing(scene).ShouldBe(before);
        if (engine == Engine.Docker)
        {
            Docker("ps", "--all", "--quiet", "--filter", $"label=codexctl.state={paths.StateId}").ShouldBeEmpty();
            Docker("images", "--quiet", "--filter", $"label=codexctl.image={image}").ShouldBeEmpty();
        }
    }

    private static async Task RunAndStartAsync(Scene scene)
    {
        // A home as an agent may leave it.
        var run = await scene.RunAsync("run", "--record", "--cmd", "sh", "-c", "mkdir -p ~/a/b && touch ~/a/b/c && chmod 0 ~/a");
        run.ExitCode.ShouldBe(0, run.ToString());
        var start = await scene.RunAsync("start");
        start.ExitCode.ShouldBe(0, start.ToString());
    }

    /// <summary>The other commands that keep something: approvals, settings, a proxy's record, whatever the doctor tries.</summary>
    private static async Task UseTheRestAsync(Scene scene)
    {
        string[] lines =
        [
            "trust --yes",
            "allow npm --save",
            "models use gpt-oss:20b",
            "models pull gpt-oss:20b",
            "completion bash",
            "log --list",
            "stats",
            "receipt --verify",
            "keychain verify",
            "doctor --quick",
            "images",
        ];
        foreach (var line in lines)
        {
            var said = await scene.RunAsync(line.Split(' '));
            // Under bubblewrap there are no images, and the doctor may find the test's machine wanting.
            (said.ExitCode == 0 || line is "images" or "doctor --quick").ShouldBeTrue($"{line}: {said}");
        }
        await using var proxy = scene.Start(new Call("proxy", "--listen", "127.0.0.1:0", "--record") { Input = Input.Open });
        await Scene.EventuallyAsync(
            () =>
                Directory
                    .EnumerateFiles(scene.Environment["CODEXCTL_STATE_DIR"], "*.jsonl", SearchOption.AllDirectories)
                    .Any(file => file.Contains("/proxy/", StringComparison.Ordinal)),
            "the proxy records"
        );
        proxy.Signal("INT");
        await proxy.EndAsync();
    }

    /// <summary>An image with codexctl's label, as `build` makes it, in a moment.</summary>
    private static void MakeImage(string name)
    {
        Docker("create", "--name", name, Machine.BaseImage, "true");
        Docker("commit", "--change", $"LABEL codexctl.image={name}", name, name);
        Docker("rm", name);
    }

    private static string Docker(params string[] arguments)
    {
        var (code, output, error) = Machine.Run("docker", arguments);
        code.ShouldBe(0, error);
        return output.Trim();
    }

    /// <summary>All that is in the person's folders, and codexctl's sockets of this scene's containers in /tmp.</summary>
    private static List<string> Listing(Scene scene) =>
        [
            .. Directory
                .EnumerateFileSystemEntries(scene.Root, "*", SearchOption.AllDirectories)
                .Concat(Sockets(scene))
                .Order(StringComparer.Ordinal),
        ];

    private static IEnumerable<string> Sockets(Scene scene)
    {
        var engine = Path.Combine(scene.Environment["CODEXCTL_STATE_DIR"], scene.Engine.Word());
        // The name is of the folder `work`, which is the scene's own.
        var folder = Path.Combine(Paths.SharedSockets, Paths.Hash(Path.Combine(engine, $"codex-work-{scene.Id}"), 16));
        return Directory.Exists(folder) ? [folder, .. Directory.EnumerateFileSystemEntries(folder)] : [];
    }
}
