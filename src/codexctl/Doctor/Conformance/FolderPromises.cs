using Codexctl.Processes;
using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>The person's folder in the box.</summary>
internal static class FolderPromises
{
    private const string Group = "The folder and its files";

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "workdir", "/workdir is the folder: what one side writes the other reads, at once", BothWaysAsync),
        new(Group, "owner", "What the agent writes belongs to the person, who can change and remove it", OwnerAsync),
        new(Group, "writable", "The agent can change and remove the person's files, and sees their modes", WritableAsync),
        new(Group, "read-only", "`--read-only` holds, and is not undone by a run that asks for the opposite", ReadOnlyAsync),
        new(Group, "nothing-else", "Nothing else of the host's files is there: no home, no keys, no engine socket", NothingElseAsync),
        new(Group, "odd-paths", "A folder of any name works, or is refused in words before anything is made", OddPathsAsync),
        new(Group, "links", "A link in the folder leads to the box's files, never to the host's", LinksAsync),
        new(Group, "home", "The box has a home that can be written, and its Codex home is not in /tmp", HomeAsync),
    ];

    private static async Task BothWaysAsync(Trial trial)
    {
        var folder = await trial.StandingAsync();
        await File.WriteAllTextAsync(Path.Combine(folder, "from-host"), "one");
        var said = await trial.RunAsync(folder, "exec", "sh", "-c", "cat from-host; printf two >from-box");
        Expect(said, s => s is { ExitCode: 0, Output: "one" }, "the box reads what the host wrote");
        Expect(await File.ReadAllTextAsync(Path.Combine(folder, "from-box")) == "two", "the host reads something else than the box wrote");
        await File.WriteAllTextAsync(Path.Combine(folder, "from-box"), "three");
        Expect(await trial.RunAsync(folder, "exec", "cat", "from-box"), s => s.Output == "three", "the box reads what the host changed");
    }

    private static async Task OwnerAsync(Trial trial)
    {
        var folder = await trial.StandingAsync();
        var said = await trial.RunAsync(
            folder,
            "exec",
            "sh",
            "-c",
            "mkdir -p made/deep && echo x >made/deep/file && ln -s file made/deep/link"
        );
        Expect(said, s => s.ExitCode == 0, "the box makes folders and files");
        foreach (var path in (string[])["made", "made/deep", "made/deep/file"])
        {
            var owner = Libc.OwnerOf(Path.Combine(folder, path));
            Expect(owner == Libc.GetUserId(), $"{path} belongs to user {owner} instead of {Libc.GetUserId()}");
        }
        await File.AppendAllTextAsync(Path.Combine(folder, "made/deep/file"), "y");
        Directory.Delete(Path.Combine(folder, "made"), recursive: true);
    }

    private static async Task WritableAsync(Trial trial)
    {
        var folder = await trial.StandingAsync();
        var script = Path.Combine(folder, "script.sh");
        await File.WriteAllTextAsync(script, "#!/bin/sh\necho ran\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await File.WriteAllTextAsync(Path.Combine(folder, "old"), "x");
        var said = await trial.RunAsync(
            folder,
            "exec",
            "sh",
            "-c",
            "./script.sh && echo '# more' >>script.sh && rm old && mv script.sh new.sh && stat -c %a new.sh"
        );
        Expect(said, s => s is { ExitCode: 0, Output: "ran\n700\n" }, "the box runs, changes, removes and renames");
        Expect(!File.Exists(Path.Combine(folder, "old")) && File.Exists(Path.Combine(folder, "new.sh")), "the host does not see it");
    }

    private static async Task ReadOnlyAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        await File.WriteAllTextAsync(Path.Combine(folder, "kept"), "x");
        var said = await trial.RunAsync(
            folder,
            "run",
            "--read-only",
            "--cmd",
            "sh",
            "-c",
            "cat kept; touch new; rm -f kept; echo y >kept; mount -o remount,rw /workdir; touch new"
        );
        Expect(said, s => s.Output.StartsWith('x') && s.ExitCode != 0, "writing to a read-only folder");
        Expect(
            await File.ReadAllTextAsync(Path.Combine(folder, "kept")) == "x" && !File.Exists(Path.Combine(folder, "new")),
            "the folder was changed"
        );
        var opposite = await trial.RunAsync(folder, "run", "--cmd", "touch", "new");
        Expect(opposite, s => s.ExitCode == 125 && s.Error.Contains("read-only", StringComparison.Ordinal), "a run that would write");
        Expect(!File.Exists(Path.Combine(folder, "new")), "the folder was changed");
    }

    private static async Task NothingElseAsync(Trial trial)
    {
        var mark = Path.Combine(trial.Root, "of-the-host");
        await File.WriteAllTextAsync(mark, "secret");
        var home = trial.PersonHome;
        var said = await trial.LookAsync(
            $$"""
            for path in '{{mark}}' '{{home}}/.ssh' '{{home}}/.config' '{{home}}/.docker' '{{home}}/.aws' /var/run/docker.sock /run/docker.sock \
                /run/podman/podman.sock /run/containerd/containerd.sock /workdir/../{{Path.GetFileName(mark)}}; do
              [ -e "$path" ] && echo "seen $path"
            done
            ls /home
            find /root -mindepth 1 -maxdepth 1 -readable 2>/dev/null | grep -v -e '/root/\.bashrc$' -e '/root/\.profile$' -e '/root/\.npm$' -e '/root/\.cache$'
            echo end
            """
        );
        Expect(said, s => s.Output == "coder\nend\n", "what the box sees beside its own");
    }

    private static async Task OddPathsAsync(Trial trial)
    {
        string[] names =
        [
            "with space",
            "quote'and\"double",
            "comma,comma",
            "equals=sign",
            "colon:colon",
            "ünïcödé 漢字 🙂",
            "-leading-dash",
            "$(touch x)`id`",
            "back\\slash",
            "per%cent%41",
            "line\nend",
            "UPPER.dots..and_more",
            new string('l', 120),
        ];
        foreach (var name in names)
        {
            var folder = trial.NewFolder(name, exactly: true);
            var said = await trial.RunAsync(folder, "run", "--cmd", "sh", "-c", "echo here >mark; pwd");
            if (said.ExitCode == 0)
            {
                Expect(said.Output == "/workdir\n" && File.Exists(Path.Combine(folder, "mark")), $"in a folder named {name}: {said}");
                Expect((await trial.ContainersAsync(folder)).Count == 1, $"ls does not show the folder named {name}");
            }
            else
            {
                Expect(
                    said.ExitCode is 125 or 2
                        && said.Error.StartsWith("codexctl: ", StringComparison.Ordinal)
                        && !said.Error.Contains("bug", StringComparison.Ordinal),
                    $"in a folder named {name}: {said}"
                );
                Expect(!Directory.EnumerateFileSystemEntries(folder).Any(), $"the folder named {name} was changed by a refused run");
            }
        }
    }

    private static async Task LinksAsync(Trial trial)
    {
        var folder = await trial.StandingAsync();
        var target = Path.Combine(trial.Root, "link-target");
        await File.WriteAllTextAsync(target, "of the host");
        File.CreateSymbolicLink(Path.Combine(folder, "link"), target);
        Expect(
            await trial.RunAsync(folder, "exec", "sh", "-c", "cat link 2>/dev/null; echo end"),
            s => s.Output == "end\n",
            "a link to a file of the host"
        );
    }

    private static async Task HomeAsync(Trial trial) =>
        Expect(
            await trial.LookAsync(
                "echo x >~/file && cat ~/file; case $CODEX_HOME in /tmp*) echo tmp ;; /home/coder/*) echo home ;; esac; [ -w \"$CODEX_HOME\" ] && echo writable"
            ),
            s => s.Output == "x\nhome\nwritable\n",
            "the box's home"
        );
}
