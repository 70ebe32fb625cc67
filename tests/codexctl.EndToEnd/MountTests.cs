using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>Further folders of the host in a box.</summary>
public class MountTests
{
    [Theory]
    [InlineData(Engine.Docker)]
    [InlineData(Engine.Podman)]
    [InlineData(Engine.Bubblewrap)]
    [InlineData(Engine.Apple)]
    public async Task A_folder_is_read_or_written_and_never_exchanged(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        var data = scene.NewFolder("data, =1:2");
        await File.WriteAllTextAsync(Path.Combine(data, "hello"), "hello\n");
        var output = scene.NewFolder("output");
        string[] mounts = ["--mount", $"{data}:/mnt/a b", "--mount", "../output:/mnt/out:rw"];
        const string Script = "cat '/mnt/a b/hello'; touch '/mnt/a b/x' 2>/dev/null || echo read-only; echo made >/mnt/out/made";

        var run = await scene.RunAsync(["run", .. mounts, "--cmd", "sh", "-c", Script]);

        run.Output.ShouldBe("hello\nread-only\n", run.ToString());
        (await File.ReadAllTextAsync(Path.Combine(output, "made"))).ShouldBe("made\n");
        var without = await scene.RunAsync("run", "--cmd", "true");
        without.ExitCode.ShouldBe(125);
        without.Error.ShouldContain(
            $"was made with {data} at /mnt/a b, {output} at /mnt/out (writable), and no further folders was asked."
        );
        without.Error.ShouldContain("codexctl rm --name");

        // What the folder was is what the container gets, whoever put something else there since.
        Directory.Move(data, data + ".away");
        File.CreateSymbolicLink(data, "/etc");
        foreach (
            var words in (string[][])
                [
                    ["start"],
                    ["run", .. mounts, "--cmd", "ls", "/mnt/a b"],
                ]
        )
        {
            var start = await scene.RunAsync(words);
            start.ExitCode.ShouldNotBe(0, start.ToString());
            start.Output.ShouldBeEmpty();
        }
        File.Delete(data);
        Directory.Move(data + ".away", data);
        (await scene.RunAsync("start")).ExitCode.ShouldBe(0);
        (await scene.RunAsync("exec", "cat", "/mnt/a b/hello")).Output.ShouldBe("hello\n");
    }

    [Fact]
    public async Task What_no_box_may_have_is_refused_and_nothing_is_made()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        Directory.CreateDirectory(Path.Combine(scene.Home, ".ssh"));
        await File.WriteAllTextAsync(Path.Combine(scene.Home, ".ssh", "key"), "secret\n");

        foreach (
            var mount in (string[])
                ["~/.ssh:/mnt/keys", "/:/mnt/all", "/etc:/mnt/etc", "~:/mnt/home", $"{scene.State}:/mnt/state", "/srv:/etc/codex"]
        )
        {
            var outcome = await scene.RunAsync("run", "--mount", mount, "--cmd", "true");
            outcome.ExitCode.ShouldBe(mount.EndsWith("/etc/codex", StringComparison.Ordinal) ? 2 : 125, outcome.ToString());
        }
        (await scene.RunAsync("run", "--mount", "~/.ssh:/mnt/keys", "--cmd", "true")).Error.ShouldContain("--allow-risky-mounts");
        (await scene.StatesAsync()).ShouldBeEmpty();
        // A project's file opens nothing.
        await File.WriteAllTextAsync(Path.Combine(scene.Work, ".codexctl.toml"), "mounts = [\"~/.ssh:/mnt/keys\"]\n");
        var ignored = await scene.RunAsync("run", "--cmd", "ls", "/mnt");
        ignored.Error.ShouldContain("is not trusted. Ignored: mounts.");
        ignored.Output.ShouldNotContain("keys");
        File.Delete(Path.Combine(scene.Work, ".codexctl.toml"));

        var meant = await scene.RunAsync(
            "run",
            "--name",
            $"keys-{scene.Id}",
            "--mount",
            "~/.ssh:/mnt/keys",
            "--allow-risky-mounts",
            "--cmd",
            "cat",
            "/mnt/keys/key"
        );

        meant.Output.ShouldBe("secret\n", meant.ToString());
    }

    [Fact]
    public async Task A_folder_that_a_running_box_could_exchange_is_not_mounted()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var inner = Directory.CreateDirectory(Path.Combine(scene.Work, "inner")).FullName;
        var other = scene.NewFolder("other");
        await using var held = await scene.HoldAsync();
        string[] words = ["run", "--mount", $"{inner}:/mnt/inner", "--cmd", "echo", "ran"];

        var refused = await scene.RunAsync(new Call(words) { Folder = other });

        refused.ExitCode.ShouldBe(125, refused.ToString());
        refused.Error.ShouldContain("runs and may write to a folder above it");
        (await scene.RunAsync("stop")).ExitCode.ShouldBe(0);
        (await scene.RunAsync(new Call(words) { Folder = other })).Output.ShouldBe("ran\n");
    }
}
