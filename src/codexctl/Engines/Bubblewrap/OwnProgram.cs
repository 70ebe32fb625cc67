using System.Runtime.InteropServices;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>codexctl's own files on the host, which the box runs as its init.</summary>
/// <param name="Files">The binary, or the folder of a framework-dependent build.</param>
/// <param name="DotnetRoot">The .NET installation that a framework-dependent build needs; null for a native binary.</param>
public sealed record OwnProgram(string Files, string? DotnetRoot)
{
    /// <summary>The program that runs now.</summary>
    public static OwnProgram Current()
    {
        var folder = AppContext.BaseDirectory.TrimEnd('/');
        if (!File.Exists(Path.Combine(folder, "codexctl.dll")))
        {
            return new OwnProgram(
                Environment.ProcessPath ?? throw new UserError("codexctl cannot tell where its own program file is."),
                null
            );
        }
        // <root>/shared/Microsoft.NETCore.App/<version>/
        var runtime = RuntimeEnvironment.GetRuntimeDirectory().TrimEnd('/');
        return new OwnProgram(folder, Path.GetFullPath(Path.Combine(runtime, "../../..")));
    }
}
