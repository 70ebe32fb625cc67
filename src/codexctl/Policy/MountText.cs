namespace Codexctl.Policy;

/// <summary>
/// A further folder for boxes as a person writes it: SOURCE:TARGET, read-only, or SOURCE:TARGET:rw. Pure; whether the source may be
/// shared is found out when it is.
/// </summary>
/// <param name="Source">Begins with / or ~/.</param>
/// <param name="Target">An absolute path in the box, without a slash at its end.</param>
public sealed record MountText(string Source, string Target, bool ReadOnly)
{
    public const string Form = "SOURCE:TARGET[:ro|:rw]";

    private const string Example = "For example: ~/data:/mnt/data";

    // What the box itself lives in, whatever its image: covered, it would run other programs, or believe other settings.
    // A mount point is made where there is none, so nothing below a mount of ours either.
    private static readonly string[] _boxes =
    [
        "bin",
        "boot",
        "dev",
        "etc",
        "home",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "nix",
        "opt",
        "proc",
        "root",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr",
        "var",
        "workdir",
    ];

    /// <exception cref="UserError">It cannot be understood, or the box needs what is at its target.</exception>
    public static MountText Parse(string text)
    {
        if (text.Any(char.IsControl))
        {
            throw Wrong(text, "Control characters are not allowed.", Example);
        }
        var readOnly = !text.EndsWith(":rw", StringComparison.Ordinal);
        var paths = !readOnly || text.EndsWith(":ro", StringComparison.Ordinal) ? text[..^3] : text;
        // A source may hold a colon, a target may not.
        var colon = paths.LastIndexOf(":/", StringComparison.Ordinal);
        if (colon <= 0)
        {
            throw Wrong(text, $"It is {Form}, and the target is a path from /.", Example);
        }
        var source = paths[..colon];
        if (source[0] != '/' && source != "~" && !source.StartsWith("~/", StringComparison.Ordinal))
        {
            throw Wrong(text, "The source is a path from / or ~/.", Example);
        }
        return new MountText(source, Inside(text, paths[(colon + 1)..]), readOnly);
    }

    /// <exception cref="UserError">One of them is wrong, or a target lies in another's.</exception>
    public static IReadOnlyList<MountText> ParseAll(IEnumerable<string> texts)
    {
        var all = new List<MountText>();
        foreach (var mount in texts.Select(Parse))
        {
            if (all.FirstOrDefault(other => Covers(other.Target, mount.Target) || Covers(mount.Target, other.Target)) is { } other)
            {
                throw new UserError(
                    $"Two mounts meet in the box: {other.Target} and {mount.Target}.",
                    "One would cover the other, or be made inside of a folder of yours.",
                    "Give each a target of its own."
                );
            }
            all.Add(mount);
        }
        return all;
    }

    public override string ToString() => $"{Source}:{Target}{(ReadOnly ? "" : ":rw")}";

    private static string Inside(string text, string target)
    {
        target = target.Length > 1 && target[^1] == '/' ? target[..^1] : target;
        var names = target[1..].Split('/');
        // Characters that some engine's command line has a use for.
        if (names.Any(name => name is "" or "." or "..") || target.AsSpan().IndexOfAny(":,=\"\\") >= 0)
        {
            throw Wrong(text, "The target is a plain path in the box, without ':', ',', '=', quotes, '.' and '..'.", Example);
        }
        return _boxes.Contains(names[0], StringComparer.Ordinal)
            ? throw Wrong(text, $"The box needs its own /{names[0]}.", "Choose a target below /mnt.")
            : target;
    }

    private static bool Covers(string path, string other) => path == other || other.StartsWith(path + "/", StringComparison.Ordinal);

    private static UserError Wrong(string text, string why, string mend) => new($"'{text}' is no mount.", why, mend, ExitCodes.Usage);
}
