namespace Codexctl.AppleContainer;

/// <summary>--ulimit type=soft[:hard].</summary>
public sealed record Ulimit(string Type, string Soft, string Hard)
{
    private static readonly string[] _types =
    [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];

    public static IReadOnlyList<Ulimit> ParseAll(IReadOnlyList<string> texts)
    {
        var limits = new List<Ulimit>();
        foreach (var text in texts)
        {
            var pair = text.Split('=');
            var values = pair.Length == 2 ? pair[1].Split(':') : [];
            if (
                pair[0].Length == 0
                || values.Length is not (1 or 2)
                || !values.All(value => value == "unlimited" || ulong.TryParse(value, out _))
            )
            {
                throw new ContainerException($"invalid ulimit format '{text}': expected <type>=<soft>[:<hard>]");
            }
            var type = pair[0].ToLowerInvariant();
            if (!_types.Contains(type))
            {
                throw new ContainerException($"unsupported ulimit type '{pair[0]}': valid types are {string.Join(", ", _types)}");
            }
            if (limits.Any(limit => limit.Type == type))
            {
                throw new ContainerException($"duplicate ulimit type: {type}");
            }
            limits.Add(new Ulimit(type, values[0], values[^1]));
        }
        return limits;
    }
}
