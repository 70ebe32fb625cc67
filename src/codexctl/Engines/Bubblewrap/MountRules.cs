using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>Keeps codexctl's own files out of boxes: whoever could write there would be free on the host.</summary>
internal static class MountRules
{
    /// <exception cref="UserError">A mount shows the box something that decides about the box.</exception>
    public static void Check(ContainerSpec spec, Paths paths)
    {
        string[] own = [paths.State, paths.Cache, paths.Config, Paths.SharedSockets];
        foreach (var mount in spec.Mounts.Where(mount => mount.Target is not (Box.Door or Box.CodexConfig)))
        {
            var source = Real(mount.Source);
            foreach (var folder in own.Where(Path.Exists).Select(Real))
            {
                // Where the person allowed the home directory, codexctl's folders in it are covered by empty ones.
                var covered =
                    IsInside(folder, source)
                    && spec.Hidden.Contains(mount.Target + folder[source.TrimEnd('/').Length..], StringComparer.Ordinal);
                if (IsInside(source, folder) || (IsInside(folder, source) && !covered))
                {
                    throw new UserError(
                        $"{mount.Source} cannot be shared with a box.",
                        $"codexctl keeps its own files in {folder}: a box that reaches them could change what protects you from it.",
                        "Use another folder, or move codexctl's files with CODEXCTL_STATE_DIR, CODEXCTL_CACHE_DIR or CODEXCTL_CONFIG."
                    );
                }
            }
        }
    }

    private static bool IsInside(string path, string folder) =>
        string.Equals(path, folder, StringComparison.Ordinal) || path.StartsWith(folder.TrimEnd('/') + "/", StringComparison.Ordinal);

    /// <summary>The path without links, of the part that exists.</summary>
    private static string Real(string path)
    {
        var full = Path.GetFullPath(path);
        var parent = Path.GetDirectoryName(full);
        if (parent is null)
        {
            return full;
        }
        var real = Path.Combine(Real(parent), Path.GetFileName(full));
        return new DirectoryInfo(real).ResolveLinkTarget(returnFinalTarget: true) is { } target ? Real(target.FullName) : real;
    }
}
