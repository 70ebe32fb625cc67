using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Codexctl.AppleContainer;

/// <summary>Standing in for a process in the container: terminal, standard input and signals as the original treats them.</summary>
internal static class Attachment
{
    private const int SignalUser1 = 10;
    private const int SignalUser2 = 12;
    private const int Patience = 3;

    /// <summary>With -i and -t the original opens standard input as a terminal, and fails when it is none.</summary>
    public static void RequireTerminal(string failure)
    {
        if (!Libc.InputIsTerminal)
        {
            throw new ContainerException($"{failure} POSIXError(rawValue: 25): Inappropriate ioctl for device");
        }
    }

    /// <param name="terminal">-i and -t together: raw mode.</param>
    /// <param name="hasThreshold">The third signal ends the program (run, exec); `start` never ends by one.</param>
    /// <param name="onRefusal">Gets what Docker says when it refuses, which nobody else then sees; null where that cannot be.</param>
    /// <returns>The process's exit code.</returns>
    public static int Run(
        Docker docker,
        IEnumerable<string> arguments,
        bool interactive,
        bool terminal,
        bool hasThreshold,
        Action<string>? onRefusal = null
    )
    {
        if (interactive)
        {
            Libc.LeaveInputNonBlocking();
        }
        Process? process = null;
        var received = 0;
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (terminal)
            {
                // Handlers are there in the original, and nobody reads what they write.
                return;
            }
            var number = context.Signal switch
            {
                PosixSignal.SIGINT => 2,
                PosixSignal.SIGTERM => 15,
                var other => (int)other,
            };
            Console.Error.WriteLine(
                $"failed to send signal: [\"error\": invalidArgument: \"missing signal in xpc message\", \"signal\": {number}]"
            );
            if (
                context.Signal is PosixSignal.SIGINT or PosixSignal.SIGTERM
                && Interlocked.Increment(ref received) >= Patience
                && hasThreshold
            )
            {
                Console.Error.WriteLine("Received 3 SIGINT/SIGTERM's, forcefully exiting.");
                process?.Kill();
                Environment.Exit(1);
            }
        }
        var registrations = ((PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, (PosixSignal)SignalUser1, (PosixSignal)SignalUser2])
            .Select(signal => PosixSignalRegistration.Create(signal, OnSignal))
            .ToList();
        using (process = docker.Attach(arguments, terminal, onRefusal is not null))
        {
            if (terminal)
            {
                KeepOutputProcessing(process);
            }
            if (onRefusal is not null)
            {
                PassError(process, onRefusal);
            }
            process.WaitForExit();
            registrations.ForEach(registration => registration.Dispose());
            // Whoever of the two threads comes first: it was given up.
            return hasThreshold && Volatile.Read(ref received) >= Patience ? 1 : process.ExitCode;
        }
    }

    /// <summary>Docker's own refusal comes before anything of the process; all else is passed on as it is.</summary>
    private static void PassError(Process process, Action<string> onRefusal)
    {
        const string refusal = "Error response from daemon:";
        using var error = Console.OpenStandardError();
        var from = process.StandardError.BaseStream;
        var buffer = new byte[64 * 1024];
        var isFirst = true;
        for (var count = from.Read(buffer); count > 0; count = from.Read(buffer))
        {
            if (isFirst && Encoding.UTF8.GetString(buffer, 0, count).StartsWith(refusal, StringComparison.Ordinal))
            {
                onRefusal(Encoding.UTF8.GetString(buffer, 0, count) + process.StandardError.ReadToEnd());
                return;
            }
            isFirst = false;
            error.Write(buffer, 0, count);
        }
    }

    /// <summary>The original's raw mode leaves output processing on; the client's does not: put it right once, as soon as it is raw.</summary>
    private static void KeepOutputProcessing(Process process)
    {
        while (!process.HasExited && !Libc.KeepOutputProcessing())
        {
            Thread.Sleep(5);
        }
    }
}
