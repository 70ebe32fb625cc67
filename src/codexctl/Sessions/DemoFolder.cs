using Codexctl.Models;

namespace Codexctl.Sessions;

/// <summary>The demo's project in a temporary folder; removed at the end unless it is to be kept.</summary>
public sealed class DemoFolder : IDisposable
{
    private readonly bool _keep;

    private DemoFolder(string path, bool keep) => (Path, _keep) = (path, keep);

    public string Path { get; }

    public static DemoFolder Make(bool keep)
    {
        var folder = new DemoFolder(Directory.CreateTempSubdirectory("codexctl-demo-").FullName, keep);
        foreach (var file in DemoProject.Default.Files)
        {
            var path = System.IO.Path.Combine(folder.Path, file.Name);
            File.WriteAllText(path, file.Text);
            File.SetUnixFileMode(path, (UnixFileMode)(file.Executable ? 0b111_101_101 : 0b110_100_100));
        }
        return folder;
    }

    /// <summary>The project's files that are not as they were, and new ones.</summary>
    public IReadOnlyList<string> Written()
    {
        var before = DemoProject.Default.Files.ToDictionary(file => file.Name, file => file.Text, StringComparer.Ordinal);
        return
        [
            .. Directory
                .EnumerateFiles(Path, "*", SearchOption.AllDirectories)
                .Select(path => System.IO.Path.GetRelativePath(Path, path))
                .Where(name => !before.TryGetValue(name, out var text) || File.ReadAllText(System.IO.Path.Combine(Path, name)) != text)
                .Order(StringComparer.Ordinal),
        ];
    }

    public void Dispose()
    {
        if (!_keep)
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
