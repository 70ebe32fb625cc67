using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Codexctl.Settings;

namespace Codexctl.Processes;

/// <summary>The real processes of this machine.</summary>
public sealed class ProcessRunner(HostEnvironment environment) : IProcesses
{
    private const int LargestOutput = 64 << 20;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    public string? Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal))
        {
            return IsExecutable(program) ? program : null;
        }
        return (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            // Never from the current folder: that is the one the box writes to.
            .Where(Path.IsPathRooted)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(IsExecutable);
    }

    public async Task<ProcessResult> CaptureAsync(
        CommandLine command,
        TimeSpan limit,
        string? input = null,
        CancellationToken cancel = default
    )
    {
        using var process = Start(command, redirect: true);
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        timer.CancelAfter(limit);
        var output = ReadAsync(process.StandardOutput, timer.Token);
        var error = ReadAsync(process.StandardError, timer.Token);
        try
        {
            await FeedAsync(process, input, timer.Token);
            await process.WaitForExitAsync(timer.Token);
            return new ProcessResult(process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            KillTree(process);
            cancel.ThrowIfCancellationRequested();
            throw new UserError(
                $"{Path.GetFileName(command.File)} did not answer within {limit.TotalSeconds:0} seconds.",
                $"The command was: {command.Display}",
                $"Check that its service works (try: {Path.GetFileName(command.File)} version), then run the command again."
            );
        }
    }

    public async Task<int> StreamAsync(CommandLine command, Action<string> onLine, CancellationToken cancel = default)
    {
        using var process = Start(command, redirect: true);
        process.StandardInput.Close();
        var gate = new Lock();
        async Task PumpAsync(StreamReader reader)
        {
            while (await reader.ReadLineAsync(CancellationToken.None) is { } line)
            {
                lock (gate)
                {
                    onLine(line);
                }
            }
        }
        var pumps = Task.WhenAll(PumpAsync(process.StandardOutput), PumpAsync(process.StandardError));
        try
        {
            await process.WaitForExitAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            _ = Libc.Kill(process.Id, Libc.SigInt);
            using var patience = new CancellationTokenSource(_patience);
            try
            {
                await process.WaitForExitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                KillTree(process);
            }
            throw;
        }
        await pumps;
        return process.ExitCode;
    }

    public async Task<int> AttachAsync(CommandLine command)
    {
        using var terminal = new TerminalGuard();
        var ended = 0;
        Process? child = null;
        // Ctrl-C and Ctrl-\ reach the child by itself: it is in the terminal's foreground group. They must not end us before it.
        // A supervisor's `kill -INT` reaches only us, so it is passed on; hearing it twice does no harm.
        using var interrupt = PosixSignalRegistration.Create(
            PosixSignal.SIGINT,
            context =>
            {
                context.Cancel = true;
                // Clients of engines end with 0 when they are interrupted, and leave the command running.
                Interlocked.Exchange(ref ended, Libc.SigInt);
                if (child is not null)
                {
                    _ = Libc.Kill(child.Id, Libc.SigInt);
                }
            }
        );
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, context => context.Cancel = true);
        using var process = Start(command, redirect: false);
        child = process;
        void Forward(PosixSignalContext context, int signal)
        {
            context.Cancel = true;
            Interlocked.Exchange(ref ended, signal);
            _ = Libc.Kill(process.Id, signal);
            _ = KillLaterAsync(process);
        }
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Forward(context, Libc.SigTerm));
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Forward(context, Libc.SigHup));

        await process.WaitForExitAsync(CancellationToken.None);
        terminal.DiedAbnormally = process.ExitCode >= 128;
        // After SIGTERM or SIGHUP it was ended by force, whatever it made of that, and who asks must know. An interrupt it may
        // answer with a code of its own.
        return ended is Libc.SigTerm or Libc.SigHup || (ended != 0 && process.ExitCode == 0) ? 128 + ended : process.ExitCode;
    }

    public Task<(int ProcessId, string Ready)> DetachAsync(
        CommandLine command,
        string log,
        TimeSpan limit,
        CancellationToken cancel = default
    ) => Detached.StartAsync(command with { File = Resolve(command) }, log, limit, cancel);

    private static async Task KillLaterAsync(Process process)
    {
        await Task.Delay(_patience);
        KillTree(process);
    }

    private Process Start(CommandLine command, bool redirect)
    {
        var (file, arguments) = command.LeavesProcesses
            ? WithoutShared(Resolve(command), command.Arguments)
            : (Resolve(command), command.Arguments);
        var start = new ProcessStartInfo(file)
        {
            UseShellExecute = false,
            RedirectStandardInput = redirect,
            RedirectStandardOutput = redirect,
            RedirectStandardError = redirect,
            WorkingDirectory = command.WorkingDirectory ?? "",
        };
        if (redirect)
        {
            start.StandardOutputEncoding = start.StandardErrorEncoding = new UTF8Encoding(false);
            start.StandardInputEncoding = new UTF8Encoding(false);
        }
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        foreach (var (name, value) in command.Environment)
        {
            start.Environment[name] = value;
        }
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new UserError($"{command.File} cannot be started.", error.Message, exitCode: ExitCodes.BeforeCommand);
        }
    }

    /// <summary>
    /// A shell holds what is shared until the program has ended, and the program starts without. (bash: others know no
    /// descriptors above 9.) On a machine without bash nobody holds it.
    /// </summary>
    private (string File, IReadOnlyList<string> Arguments) WithoutShared(string file, IReadOnlyList<string> arguments)
    {
        var shared = Spawn.SharedOnPurpose();
        if (shared.Count == 0)
        {
            return (file, arguments);
        }
        if (Find("bash") is not { } bash)
        {
            shared.ForEach(descriptor => Libc.SetCloseOnExec(descriptor));
            return (file, arguments);
        }
        // The exit is there so that bash stays, and does not become the program itself.
        var script = $"\"$@\" {string.Join(' ', shared.Select(descriptor => $"{descriptor}>&-"))}; exit $?";
        return (bash, ["-c", script, "bash", file, .. arguments]);
    }

    private string Resolve(CommandLine command) =>
        Find(command.File)
        ?? throw new UserError(
            $"The program {command.File} was not found.",
            "It is not in any folder of PATH.",
            $"Install {command.File}, or add its folder to PATH."
        );

    private static async Task FeedAsync(Process process, string? input, CancellationToken cancel)
    {
        try
        {
            if (input is not null)
            {
                await process.StandardInput.WriteAsync(input.AsMemory(), cancel);
            }
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The child did not want all of its input and ended: its exit code tells the rest.
        }
    }

    private static async Task<string> ReadAsync(StreamReader reader, CancellationToken cancel)
    {
        var text = new StringBuilder();
        var buffer = new char[16384];
        int count;
        while ((count = await reader.ReadAsync(buffer.AsMemory(), cancel)) > 0)
        {
            // What comes after the limit is read, so that the child does not hang, and thrown away.
            if (text.Length < LargestOutput)
            {
                text.Append(buffer, 0, count);
            }
        }
        return text.ToString();
    }

    private static bool IsExecutable(string path) =>
        !OperatingSystem.IsWindows()
        && File.Exists(path)
        && (File.GetUnixFileMode(path) & (UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute))
            != UnixFileMode.None;

    private static void KillTree(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is InvalidOperationException or Win32Exception or AggregateException or NotSupportedException)
        {
            // It ended by itself meanwhile, or belongs to somebody else (sudo): nothing more can be done to it.
        }
    }
}
