using System.Diagnostics;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.BoxFrontEnd;

internal sealed class MinimalProcesses(HostEnvironment host) : IProcesses
{
    public string? Find(string program) =>
        host["WITHOUT_BWRAP"] is null
            ? (host["PATH"] ?? "").Split(':').Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists)
            : null;

    public async Task<ProcessResult> CaptureAsync(
        CommandLine command,
        TimeSpan limit,
        string? input = null,
        CancellationToken cancel = default
    )
    {
        var start = new ProcessStartInfo(command.File, command.Arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(cancel);
        var error = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel).WaitAsync(limit, cancel);
        return new ProcessResult(process.ExitCode, await output, await error);
    }

    public Task<int> StreamAsync(CommandLine command, Action<string> onLine, CancellationToken cancel = default) =>
        throw new NotSupportedException();

    public Task<int> AttachAsync(CommandLine command) => throw new NotSupportedException();

    public Task<(int ProcessId, string Ready)> DetachAsync(
        CommandLine command,
        string log,
        TimeSpan limit,
        CancellationToken cancel = default
    ) => throw new NotSupportedException();
}
