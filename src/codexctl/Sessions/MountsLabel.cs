using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>A container's further folders as a label value: SOURCE:TARGET:ro, parted by commas, each path percent-encoded.</summary>
public static class MountsLabel
{
    public static string Write(IEnumerable<Mount> mounts) =>
        string.Join(
            ',',
            mounts
                .OrderBy(mount => mount.Target, StringComparer.Ordinal)
                .Select(mount => $"{Encode(mount.Source)}:{Encode(mount.Target)}:{(mount.ReadOnly ? "ro" : "rw")}")
        );

    public static IReadOnlyList<Mount> Read(ContainerInfo container) =>
        container.Label(ContainerLabels.Mounts) is { Length: > 0 } value
            ?
            [
                .. value
                    .Split(',')
                    .Select(one => one.Split(':'))
                    .Where(parts => parts.Length == 3)
                    .Select(parts => new Mount(Uri.UnescapeDataString(parts[0]), Uri.UnescapeDataString(parts[1]), parts[2] != "rw")),
            ]
            : [];

    /// <summary>For a person.</summary>
    public static string Words(IReadOnlyList<Mount> mounts) =>
        mounts.Count == 0
            ? "no further folders"
            : string.Join(", ", mounts.Select(mount => $"{mount.Source} at {mount.Target}{(mount.ReadOnly ? "" : " (writable)")}"));

    private static string Encode(string path) => WorkdirLabel.Write(path);
}
