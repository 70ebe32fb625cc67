using Codexctl.Engines;
using Codexctl.Processes;
using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>Containers are found by name and checked by their labels.</summary>
internal static class NamePromises
{
    private const string Group = "Names and labels";

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "same-name", "Two folders of the same name get two containers", SameNameAsync),
        new(Group, "labels", "Labels come back from the engine as they were given", LabelsAsync),
        new(Group, "foreign", "A container of the name that belongs to another folder is never used", ForeignAsync),
        new(Group, "bad-name", "A name that an engine could not take is a usage error", BadNameAsync),
        new(Group, "linked-folder", "A folder reached by a link has the folder's own container", LinkedFolderAsync),
    ];

    private static async Task SameNameAsync(Trial trial)
    {
        var name = $"same-{trial.Id}";
        var (first, second) = (trial.NewFolder(name, exactly: true), trial.NewFolder(name, exactly: true));
        foreach (var (folder, word) in ((string, string)[])[(first, "one"), (second, "two")])
        {
            Expect(
                await trial.RunAsync(folder, "run", "--cmd", "sh", "-c", $"echo {word} >mark"),
                s => s.ExitCode == 0,
                $"the run in {word}"
            );
            Expect((await File.ReadAllTextAsync(Path.Combine(folder, "mark"))).Trim() == word, $"{word} worked in another folder");
        }
        var (one, _) = await trial.ContainerAsync(first);
        var (two, _) = await trial.ContainerAsync(second);
        Expect(one != two && two.StartsWith(one + "-", StringComparison.Ordinal), $"their containers are {one} and {two}");
    }

    private static async Task LabelsAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        Expect(await trial.RunAsync(folder, "run", "--cmd", "true"), s => s.ExitCode == 0, "run");
        var (name, _) = await trial.ContainerAsync(folder);
        var container = (await trial.Engine.InspectAsync([name])) is [var only]
            ? only
            : throw new BrokenPromiseException($"inspect does not find {name}");
        Expect(container.IsOurs && container.Name == name, "the container's labels are not there");
        Expect(
            Uri.UnescapeDataString(container.Label(ContainerLabels.Workdir)!) == Libc.ResolvePath(folder),
            $"the label of the folder is {container.Label(ContainerLabels.Workdir)}"
        );
        Expect(container.WorkdirReadOnly == false, $"the mount's mode reads as {container.WorkdirReadOnly}");
        Expect(container.State == ContainerState.Stopped, $"its state reads as {container.State}");
        Expect((await trial.Engine.InspectAsync([name + "-x", "no-" + name])).Count == 0, "inspect finds containers that do not exist");
    }

    private static async Task ForeignAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        Expect(await trial.RunAsync(folder, "run", "--cmd", "true"), s => s.ExitCode == 0, "run");
        var (name, _) = await trial.ContainerAsync(folder);
        // The same name, asked for from another folder: not its container.
        var other = trial.NewFolder();
        var said = await trial.RunAsync(other, "run", "--name", name, "--cmd", "touch", "/workdir/x");
        Expect(said, s => s.ExitCode == 125 && s.Error.Contains("belongs to another folder", StringComparison.Ordinal), "a run in it");
        Expect(!File.Exists(Path.Combine(folder, "x")) && !File.Exists(Path.Combine(other, "x")), "it ran anyway");
    }

    private static async Task BadNameAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        foreach (var name in (string[])["", "-x", "a b", "a/b", "../x", "a\nb", "ä", new string('n', 300)])
        {
            var said = await trial.RunAsync(folder, "run", $"--name={name}", "--cmd", "touch", "/workdir/x");
            Expect(said, s => s.ExitCode == 2, $"--name={name}");
        }
        Expect(!Directory.EnumerateFileSystemEntries(folder).Any(), "something ran");
    }

    private static async Task LinkedFolderAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var link = Path.Combine(trial.NewFolder(), "link");
        Directory.CreateSymbolicLink(link, folder);
        Expect(await trial.RunAsync(folder, "run", "--cmd", "true"), s => s.ExitCode == 0, "the run in the folder");
        Expect(await trial.RunAsync(link, "run", "--cmd", "sh", "-c", "echo x >mark"), s => s.ExitCode == 0, "the run by the link");
        Expect(File.Exists(Path.Combine(folder, "mark")), "the link led elsewhere");
        await trial.ContainerAsync(folder);
    }
}
