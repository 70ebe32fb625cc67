using Codexctl.Engines.Bubblewrap;

namespace Codexctl.Tests.Engines.Bubblewrap;

public class TreeRemovalTests
{
    [Fact]
    public void Closed_and_linked_folders_go_and_what_they_point_to_stays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Boxes are only made on Linux.");
        var outside = Directory.CreateTempSubdirectory("codexctl-").FullName;
        File.WriteAllText(Path.Combine(outside, "mine"), "");
        var root = Path.Combine(outside, "root");
        var inner = Directory.CreateDirectory(Path.Combine(root, "a", "b", "c")).FullName;
        File.WriteAllText(Path.Combine(inner, "f"), "");
        File.CreateSymbolicLink(Path.Combine(inner, "link"), outside);
        File.CreateSymbolicLink(Path.Combine(root, "link"), outside);
        foreach (var folder in (string[])[inner, Path.Combine(root, "a", "b"), Path.Combine(root, "a"), root])
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(folder, UnixFileMode.None);
            }
        }

        TreeRemoval.Remove(root);
        TreeRemoval.Remove(root);

        Directory.EnumerateFileSystemEntries(outside).Select(Path.GetFileName).ShouldBe(["mine"]);
        Directory.Delete(outside, recursive: true);
    }
}
