using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>The folder that a box works in: resolved, and refused where mounting it would open the host.</summary>
public sealed record Workdir(string Path, IReadOnlyList<string> Hidden)
{
    /// <param name="given">What the person typed, or the current directory.</param>
    /// <param name="allowHome">`--allow-home`: the home directory may be mounted; codexctl's own folders in it stay hidden.</param>
    public static Workdir Resolve(string given, Paths paths, string home, bool allowHome)
    {
        var path =
            Libc.ResolvePath(given) ?? throw Refused(given, "There is no such folder.", "Check the path, or create the folder first.");
        if (!Directory.Exists(path))
        {
            throw Refused(given, "It is not a folder.", "Give the folder that Codex shall work in.");
        }
        if (HostPlaces.IsSystem(path))
        {
            throw Refused(
                path,
                "It belongs to the system: a box that can write there controls this machine.",
                "Run codexctl in a project folder."
            );
        }
        if (path == (Libc.ResolvePath(home) ?? home) && !allowHome)
        {
            throw Refused(
                path,
                "It is your home directory: the agent could read every key and change what runs at your next login.",
                "Run codexctl in a project folder, or repeat with --allow-home if you mean it."
            );
        }
        var own = HostPlaces.OwnFolders(paths);
        if (own.FirstOrDefault(folder => HostPlaces.IsWithin(path, folder)) is { } outer)
        {
            throw Refused(path, $"It lies inside {outer}, where codexctl keeps its own files.", "Run codexctl in a project folder.");
        }
        var inner = own.Where(folder => HostPlaces.IsInside(folder, path)).ToList();
        if (inner.Count > 0 && !allowHome)
        {
            throw Refused(
                path,
                $"It contains {inner[0]}, where codexctl keeps its own files.",
                "Run codexctl in a project folder, or repeat with --allow-home: those files stay hidden then."
            );
        }
        return new Workdir(path, [.. inner.Select(folder => Engines.Box.Workdir + folder[path.TrimEnd('/').Length..])]);
    }

    private static UserError Refused(string path, string why, string mend) =>
        new($"{path.ReplaceLineEndings("\\n")} cannot be the working folder.", why, mend, ExitCodes.BeforeCommand);
}
