using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Processes;

/// <summary>A pseudo terminal, and processes on it.</summary>
internal sealed partial class Pty : IDisposable
{
    private Pty(SafeFileHandle master, string name)
    {
        Master = master;
        Name = name;
    }

    /// <summary>Our side: what is written here is typed, what is read here was printed.</summary>
    public SafeFileHandle Master { get; }

    /// <summary>The path of the side that programs use.</summary>
    public string Name { get; }

    public int Descriptor => (int)Master.DangerousGetHandle();

    public static unsafe Pty Open(TerminalSize size)
    {
        var file = OpenMaster(Libc.OpenReadWrite | Libc.OpenNoControllingTerminal | Libc.OpenCloseOnExec);
        if (file < 0)
        {
            throw Failure("posix_openpt");
        }
        var master = new SafeFileHandle(file, ownsHandle: true);
        try
        {
            Libc.SetCloseOnExec(file);
            if (Grant(file) != 0 || Unlock(file) != 0)
            {
                throw Failure("grantpt");
            }
            // The pointer is to memory of the C library's own, overwritten by the next call: one at a time.
            lock (NameGate)
            {
                var name = Marshal.PtrToStringUTF8(SlaveName(file)) ?? throw Failure("ptsname");
                var pty = new Pty(master, name);
                pty.Resize(size);
                return pty;
            }
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    /// <summary>Starts a process whose three standard streams and controlling terminal are this terminal.</summary>
    public SpawnedProcess Start(SpawnRequest request) =>
        Spawn.Start(
            request with
            {
                NewSession = true,
                // Opened by the leader of a new session, without O_NOCTTY: it becomes the controlling terminal.
                Opened = [(0, Name, Libc.OpenReadWrite), (1, Name, Libc.OpenReadWrite), (2, Name, Libc.OpenReadWrite)],
            }
        );

    /// <summary>Sets the size; the foreground processes get SIGWINCH from the kernel.</summary>
    public void Resize(TerminalSize size) => Libc.SetWindowSize(Descriptor, size);

    /// <summary>The process group in the foreground; null when there is none.</summary>
    public int? ForegroundGroup => GetForegroundGroup(Descriptor) is > 0 and var group ? group : null;

    public void Dispose() => Master.Dispose();

    private static readonly Lock NameGate = new();

    private static IOException Failure(string call) =>
        new($"No terminal can be made: {call}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", EntryPoint = "posix_openpt", SetLastError = true)]
    private static partial int OpenMaster(int flags);

    [LibraryImport("libc", EntryPoint = "grantpt", SetLastError = true)]
    private static partial int Grant(int file);

    [LibraryImport("libc", EntryPoint = "unlockpt", SetLastError = true)]
    private static partial int Unlock(int file);

    [LibraryImport("libc", EntryPoint = "ptsname", SetLastError = true)]
    private static partial nint SlaveName(int file);

    [LibraryImport("libc", EntryPoint = "tcgetpgrp", SetLastError = true)]
    private static partial int GetForegroundGroup(int file);
}
