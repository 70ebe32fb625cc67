namespace Codexctl.AppleContainer;

/// <summary>The two sides of `cp`: exactly one of them is in a container.</summary>
public sealed record CopyRequest(string Container, string ContainerPath, string LocalPath, bool IntoContainer)
{
    public static CopyRequest Parse(ParsedCommand command)
    {
        var source = Side(command.Positionals[0]);
        var destination = Side(command.Positionals[1]);
        return (source.Container, destination.Container) switch
        {
            (not null, not null) => throw new ContainerException("copying between containers is not supported"),
            (null, null) => throw new ContainerException("one of source or destination must be a container reference (container_id:path)"),
            (null, { } container) => new CopyRequest(container, destination.Path, source.Path, IntoContainer: true),
            ({ } container, null) => new CopyRequest(container, source.Path, destination.Path, IntoContainer: false),
        };
    }

    private static (string? Container, string Path) Side(string text) =>
        text.Split(':') switch
        {
            [var path] when path.Length > 0 => (null, path),
            [var container, var path] when container.Length > 0 && path.StartsWith('/') => (container, path),
            _ => throw new ContainerException($"invalid path given: {text}"),
        };
}
