namespace Codexctl.AppleContainer;

public enum MountKind
{
    Virtiofs,
    Tmpfs,
    Volume,

    /// <summary>A volume that has no name of its own: `-v /path`.</summary>
    Anonymous,
}

/// <summary>A mount as the original understood it.</summary>
/// <param name="Source">As written; empty for a tmpfs and an anonymous volume.</param>
/// <param name="DirectoryOnly">Made by --mount: a file or a socket is refused.</param>
public sealed record MountSpec(MountKind Kind, string Source, string Destination, IReadOnlyList<string> Options, bool DirectoryOnly)
{
    public bool ReadOnly => Options.Contains("ro");
}

/// <summary>--mount, -v and --tmpfs. Pure; <see cref="Locate"/> is the part that looks at the disk.</summary>
public static class Mounts
{
    /// <summary>A comma list of key=value without any quoting.</summary>
    public static MountSpec ParseMount(string text)
    {
        var kind = MountKind.Virtiofs;
        string? source = null;
        var destination = "";
        var options = new List<string>();
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var pair = part.Split('=');
            if (pair[0] is "readonly" or "ro")
            {
                // Any value means read-only, even `readonly=false`.
                options.Add("ro");
                continue;
            }
            if (pair.Length != 2 || pair[1].Length == 0)
            {
                throw new ContainerException($"invalid directive format missing value {part} in {text}");
            }
            switch (pair[0])
            {
                case "type":
                    kind = pair[1] switch
                    {
                        "bind" or "virtiofs" => MountKind.Virtiofs,
                        "tmpfs" => MountKind.Tmpfs,
                        "volume" => MountKind.Volume,
                        _ => throw new ContainerException($"unsupported mount type {pair[1]}"),
                    };
                    break;
                case "source" or "src":
                    source = pair[1];
                    break;
                case "destination" or "dst" or "target":
                    destination = pair[1];
                    break;
                case "size" or "mode" when kind == MountKind.Tmpfs:
                    options.Add(part);
                    break;
                default:
                    throw new ContainerException($"unknown directive {pair[0]} when parsing mount {text}");
            }
        }
        if (destination.Length == 0)
        {
            throw new ContainerException("mount destination cannot be empty");
        }
        if (kind == MountKind.Tmpfs)
        {
            return source is null
                ? new MountSpec(kind, "", destination, options, DirectoryOnly: false)
                : throw new ContainerException("cannot specify source for tmpfs mount");
        }
        return new MountSpec(kind, source ?? "", destination, options, DirectoryOnly: kind == MountKind.Virtiofs);
    }

    /// <summary>At most three parts between colons, empty ones dropped: a path with a colon cannot be told.</summary>
    public static MountSpec ParseVolume(string text)
    {
        var parts = text.Split(':', StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length is 0 or > 3)
        {
            throw new ContainerException($"invalid volume format {text}");
        }
        if (parts.Length == 1)
        {
            return new MountSpec(MountKind.Anonymous, "", parts[0], [], DirectoryOnly: false);
        }
        string[] options = parts.Length == 3 ? parts[2].Split(',', StringSplitOptions.RemoveEmptyEntries) : [];
        var named = !parts[0].Contains('/', StringComparison.Ordinal) && parts[0] is not ("." or "..");
        if (named)
        {
            Names.CheckVolume(parts[0]);
        }
        return new MountSpec(named ? MountKind.Volume : MountKind.Virtiofs, parts[0], parts[1], options, DirectoryOnly: false);
    }

    /// <summary>A path in the guest and nothing else.</summary>
    public static MountSpec ParseTmpfs(string text) =>
        text.StartsWith('/') && !text.Contains(':', StringComparison.Ordinal)
            ? new MountSpec(MountKind.Tmpfs, "", text, [], DirectoryOnly: false)
            : throw new ContainerException($"invalid tmpfs path {text}: the emulator takes an absolute path without options");

    /// <summary>The mount with its source made absolute and found on the disk, as the kind that it must be.</summary>
    public static MountSpec Locate(MountSpec mount, string currentDirectory)
    {
        if (mount.Kind != MountKind.Virtiofs)
        {
            return mount;
        }
        var path = Path.GetFullPath(mount.Source, currentDirectory);
        if (!Path.Exists(path))
        {
            throw new ContainerException($"path '{mount.Source}' does not exist");
        }
        return mount.DirectoryOnly && !Directory.Exists(path)
            ? throw new ContainerException($"path '{mount.Source}' is not a directory")
            : mount with
            {
                Source = path,
            };
    }
}
