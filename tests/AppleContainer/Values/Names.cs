namespace Codexctl.AppleContainer;

/// <summary>What names may look like.</summary>
public static class Names
{
    /// <summary>^[a-zA-Z0-9][a-zA-Z0-9_.-]+$ and at most 63 characters: the id is also the host name.</summary>
    public static void CheckContainer(string name)
    {
        if (
            name.Length is < 2 or > 63
            || !char.IsAsciiLetterOrDigit(name[0])
            || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-')
        )
        {
            throw new ContainerException($"container ID {name} is not a valid container ID");
        }
    }

    /// <summary>^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$</summary>
    public static void CheckNetwork(string name)
    {
        if (
            name.Length is 0 or > 63
            || !IsLowerOrDigit(name[0])
            || !IsLowerOrDigit(name[^1])
            || !name.All(c => IsLowerOrDigit(c) || c is '_' or '.' or '-')
        )
        {
            throw new ContainerException($"invalid network name: {name}");
        }
    }

    /// <summary>^[A-Za-z0-9][A-Za-z0-9_.-]*$ and at most 255 characters.</summary>
    public static void CheckVolume(string name)
    {
        if (
            name.Length is 0 or > 255
            || !char.IsAsciiLetterOrDigit(name[0])
            || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-')
        )
        {
            throw new ContainerException($"invalid volume name '{name}'");
        }
    }

    private static bool IsLowerOrDigit(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
