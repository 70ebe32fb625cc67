using System.Runtime.InteropServices;

namespace Codexctl.Processes;

/// <summary>
/// A child of <see cref="Spawn"/>. A thread of its own waits for it, so that it never stays a zombie and nobody else's
/// children are reaped.
/// </summary>
internal sealed partial class SpawnedProcess
{
    private readonly Lock _gate = new();
    private bool _reaped;

    public SpawnedProcess(int id)
    {
        Id = id;
        var exit = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        Exited = exit.Task;
        new Thread(() => Wait(exit), maxStackSize: 256 * 1024) { IsBackground = true, Name = $"wait {id}" }.Start();
    }

    public int Id { get; }

    /// <summary>The exit code, 128+N for signal N.</summary>
    public Task<int> Exited { get; }

    /// <summary>Sends a signal while the process is there: its number cannot have gone to another one.</summary>
    /// <param name="group">To the whole process group that it leads.</param>
    public void Signal(int signal, bool group = false)
    {
        lock (_gate)
        {
            if (!_reaped)
            {
                _ = Libc.Kill(group ? -Id : Id, signal);
            }
        }
    }

    private void Wait(TaskCompletionSource<int> exit)
    {
        // Waits without reaping, then reaps under the lock: Signal never meets a number that was given back.
        Span<byte> information = stackalloc byte[256];
        while (
            WaitId(
                1 /* P_PID */
                ,
                (uint)Id,
                information,
                ExitedNotReaped
            ) != 0
        )
        {
            if (
                Marshal.GetLastPInvokeError() != 4 /* EINTR */
            )
            {
                break;
            }
        }
        int status;
        lock (_gate)
        {
            int result;
            while ((result = WaitPid(Id, out status, 0)) < 0 && Marshal.GetLastPInvokeError() == 4) { }
            _reaped = true;
            if (result < 0)
            {
                // Somebody ignores SIGCHLD for us: the code is lost, the process is gone.
                status = 0xff00;
            }
        }
        var signal = status & 0x7f;
        exit.SetResult(signal == 0 ? (status >> 8) & 0xff : 128 + signal);
    }

    // WEXITED | WNOWAIT
    private static int ExitedNotReaped => OperatingSystem.IsMacOS() ? 0x4 | 0x20 : 0x4 | 0x01000000;

    [LibraryImport("libc", EntryPoint = "waitid", SetLastError = true)]
    private static partial int WaitId(int kind, uint id, Span<byte> information, int options);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    private static partial int WaitPid(int processId, out int status, int options);
}
