namespace Codexctl.AppleContainer;

/// <summary>The tree of words. A table is only made when its command is called: the program must start quickly.</summary>
internal static partial class Tables
{
    private static readonly string[] _top =
    [
        "build",
        "copy",
        "create",
        "delete",
        "exec",
        "export",
        "inspect",
        "kill",
        "list",
        "logs",
        "prune",
        "run",
        "start",
        "stats",
        "stop",
    ];

    /// <summary>What a group holds; a group may hold groups.</summary>
    private static readonly Dictionary<string, string[]> _groups = new(StringComparer.Ordinal)
    {
        ["builder"] = ["start", "status", "stop", "delete"],
        ["image"] = ["list", "inspect", "pull", "push", "tag", "delete", "prune", "save", "load"],
        ["network"] = ["create", "delete", "list", "inspect", "prune"],
        ["volume"] = ["create", "delete", "list", "inspect", "prune"],
        ["registry"] = ["login", "logout", "list"],
        ["system"] = ["start", "stop", "status", "version", "logs", "df", "dns", "kernel", "property"],
        ["system dns"] = ["create", "delete", "list"],
        ["system kernel"] = ["set"],
        ["system property"] = ["list"],
    };

    private static readonly Dictionary<string, string> _aliases = new(StringComparer.Ordinal)
    {
        ["rm"] = "delete",
        ["ls"] = "list",
        ["cp"] = "copy",
    };

    private static readonly Dictionary<string, string> _groupAliases = new(StringComparer.Ordinal)
    {
        ["i"] = "image",
        ["n"] = "network",
        ["v"] = "volume",
        ["r"] = "registry",
        ["s"] = "system",
        ["m"] = "machine",
    };

    /// <summary>Known words that the emulator does not play.</summary>
    private static readonly string[] _unsupported = ["machine", "k8s"];

    /// <summary>Every command of a release, for tests and help.</summary>
    public static IEnumerable<CommandTable> All(Profile profile)
    {
        foreach (var name in _top)
        {
            if (Find("", name, profile) is { } table)
            {
                yield return table;
            }
        }
        foreach (var (group, names) in _groups)
        {
            foreach (var name in names)
            {
                if (Find(group, name, profile) is { } table)
                {
                    yield return table;
                }
            }
        }
    }

    /// <summary>The words of a group as they are listed in its help; the root is "".</summary>
    public static IEnumerable<string> Words(string group) =>
        group.Length == 0 ? [.. _top, .. _groups.Keys.Where(g => !g.Contains(' '))] : _groups[group];

    public static bool IsUnsupported(string word, Profile profile) =>
        _unsupported.Contains(_groupAliases.GetValueOrDefault(word, word)) && profile.Version >= new Version(1, 0);

    /// <summary>The full path of the group that a word opens in a group; null when it opens none.</summary>
    public static string? FindGroup(string group, string word)
    {
        var path = group.Length == 0 ? _groupAliases.GetValueOrDefault(word, word) : $"{group} {word}";
        return _groups.ContainsKey(path) ? path : null;
    }

    /// <summary>The command that a word means in a group ("" is the root); null when it means none in that release.</summary>
    public static CommandTable? Find(string group, string word, Profile profile)
    {
        var name = _aliases.GetValueOrDefault(word, word);
        CommandTable table;
        if (group.Length == 0)
        {
            if (!_top.Contains(name))
            {
                return null;
            }
            table = Container(name, profile);
        }
        else
        {
            if (!_groups[group].Contains(name) || _groups.ContainsKey($"{group} {name}"))
            {
                return null;
            }
            table = Grouped($"{group} {name}", profile);
        }
        return table.Since <= profile.Version ? table : null;
    }
}
