using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>
/// The workdir as a label value. Percent-encoded, but for what paths usually hold, because engines differ in what a value
/// may be (Apple's takes no '=', others no line breaks).
/// </summary>
public static class WorkdirLabel
{
    public static string Write(string path) => Uri.EscapeDataString(path).Replace("%2F", "/", StringComparison.Ordinal);

    public static string? Read(ContainerInfo container) =>
        container.Label(ContainerLabels.Workdir) is { } value ? Uri.UnescapeDataString(value) : null;
}
