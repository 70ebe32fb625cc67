using Codexctl.Processes;

namespace Codexctl.Doctor;

/// <summary>The version of an engine, as its own program says it.</summary>
internal static class EngineVersion
{
    /// <param name="engine">The word that `--engine` takes.</param>
    public static async Task<string> TellAsync(IProcesses processes, string engine, CancellationToken cancel)
    {
        var program = engine switch
        {
            "apple" => "container",
            "bubblewrap" => "bwrap",
            _ => engine,
        };
        try
        {
            var said = await processes.CaptureAsync(new CommandLine(program, ["--version"]), TimeSpan.FromSeconds(10), cancel: cancel);
            return said.Output.Trim().ReplaceLineEndings(" ");
        }
        catch (UserError error)
        {
            return $"its version cannot be told: {error.Message}";
        }
    }
}
