using Codexctl.Processes;

namespace Codexctl;

/// <summary>How this very program is started again: as a gateway, or inside a bubblewrap box.</summary>
internal static class Self
{
    public static CommandLine Command(IReadOnlyList<string> arguments)
    {
        var program = Environment.ProcessPath!;
        return Path.GetFileName(program) == "dotnet"
            ? new CommandLine(program, [Path.Combine(AppContext.BaseDirectory, "codexctl.dll"), .. arguments])
            : new CommandLine(program, arguments);
    }
}
