namespace Codexctl.AppleContainer;

/// <summary>Labels of containers and of networks: they follow different rules.</summary>
public static class Labels
{
    /// <summary>
    /// A container's label: at most one `=`, because the original splits at two of them and then wants at most two parts. Empty parts
    /// are dropped before counting, so that `k==b` is k with the value "b" and `=v` the key v.
    /// </summary>
    public static (string Key, string Value) ParseContainer(string label)
    {
        var parts = SplitAtMostTwice(label);
        return parts.Count switch
        {
            1 => (parts[0], ""),
            2 => (parts[0], parts[1]),
            _ => throw new ContainerException($"invalid label format {label}"),
        };
    }

    /// <summary>A network's label: any value, but a key of lower-case letters, digits, `-`, `.` and `/` only.</summary>
    public static (string Key, string Value) ParseNetwork(string label)
    {
        var equals = label.IndexOf('=', StringComparison.Ordinal);
        var (key, value) = equals < 0 ? (label, "") : (label[..equals], label[(equals + 1)..]);
        if (key.Length == 0 || !key.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '.' or '/'))
        {
            throw new ContainerException(
                $"LabelError(code: ContainerResource.AppErrorCode(rawValue: \"invalid_label_key_content\"), metadata: [\"key\": \"{key}\"])"
            );
        }
        return (key, value);
    }

    /// <summary>Swift's split with two splits at most: empty parts are dropped and do not count, the last part keeps its `=`.</summary>
    private static List<string> SplitAtMostTwice(string text)
    {
        var parts = new List<string>();
        var start = 0;
        for (var at = 0; at < text.Length && parts.Count < 2; at++)
        {
            if (text[at] == '=')
            {
                if (at > start)
                {
                    parts.Add(text[start..at]);
                }
                start = at + 1;
            }
        }
        if (start < text.Length)
        {
            parts.Add(text[start..]);
        }
        return parts;
    }
}
