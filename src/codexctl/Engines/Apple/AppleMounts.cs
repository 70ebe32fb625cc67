namespace Codexctl.Engines.Apple;

/// <summary>
/// Mounts in the grammar of Apple's `container`, which has no quoting: `--mount` takes folders without ',' and '=', `-v` takes
/// anything without ':'. What neither can say is mounted by a link to it.
/// </summary>
public static class AppleMounts
{
    /// <summary>The words for one mount.</summary>
    /// <param name="links">The folder of the links; its own path holds no ':'.</param>
    /// <param name="socketDoor">The door is its socket; else it is over TCP, and its folder holds the port and the token.</param>
    public static IReadOnlyList<string> Option(Mount mount, string links, bool socketDoor = true)
    {
        if (mount.Target == Box.Door && socketDoor)
        {
            // The socket alone: a folder shared with the virtual machine shows sockets that nobody can connect to. The engine
            // makes one of its own inside and relays each connection.
            return ["--volume", $"{Path.Combine(mount.Source, Path.GetFileName(Box.DoorSocket))}:{Box.DoorSocket}"];
        }
        if (mount.Source.AsSpan().IndexOfAny(",=") < 0 && mount.Target.AsSpan().IndexOfAny(",=") < 0)
        {
            // Preferred: it refuses what is no folder, where -v would take it for something else.
            return ["--mount", $"type=bind,source={mount.Source},target={mount.Target}{(mount.ReadOnly ? ",readonly" : "")}"];
        }
        var source = NeedsLink(mount) ? Link(mount, links) : mount.Source;
        return ["--volume", $"{source}:{mount.Target}{(mount.ReadOnly ? ":ro" : "")}"];
    }

    /// <summary>The words for an empty file system over a folder of the box.</summary>
    /// <exception cref="UserError">Its path cannot be told; better no box than one that sees it.</exception>
    public static IReadOnlyList<string> Cover(string target) =>
        !target.Contains(':', StringComparison.Ordinal) ? ["--tmpfs", target]
        : target.AsSpan().IndexOfAny(",=") < 0 ? ["--mount", $"type=tmpfs,destination={target}"]
        : throw new UserError(
            $"Apple's container cannot hide {target} from the box.",
            "Its command line cannot express a path with a ':' and a ',' or '='.",
            "Set CODEXCTL_STATE_DIR and CODEXCTL_CACHE_DIR to folders outside of this one."
        );

    /// <summary>The links that must be there before the container is made: path and what it points to.</summary>
    public static IReadOnlyList<(string Path, string Source)> Links(ContainerSpec spec, string links) =>
        [.. spec.Mounts.Where(NeedsLink).Select(mount => (Link(mount, links), mount.Source))];

    private static bool NeedsLink(Mount mount) =>
        mount.Target != Box.Door && mount.Source.AsSpan().IndexOfAny(",=") >= 0 && mount.Source.Contains(':', StringComparison.Ordinal);

    private static string Link(Mount mount, string links) => Path.Combine(links, Paths.Hash(mount.Source, 16));
}
