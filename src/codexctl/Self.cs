using Codexctl.Processes;

namespace Codexctl;

/// <summary>How this very program is started again: as a gateway, or inside a bubblewrap box.</summary>
internal static class Self
{
    /// <summary>A NativeAOT build is one file; else the folder with codexctl.dll and a .NET runtime are needed.</summary>
    public static bool IsOneFile => !File.Exists(Path.Combine(AppContext.BaseDirectory, "codexctl.dll"));

    public static CommandLine Command(IReadOnlyList<string> arguments)
    {
        var program = Environment.ProcessPath!;
        return Path.GetFileName(program) == "dotnet"
            ? new CommandLine(program, [Path.Combine(AppContext.BaseDirectory, "codexctl.dll"), .. arguments])
            : new CommandLine(program, arguments);
    }
}
