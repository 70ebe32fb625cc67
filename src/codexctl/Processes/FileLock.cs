using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Processes;

/// <summary>
/// An advisory lock on a file, held until disposed or until the process dies: the kernel frees it then, so a lock is
/// never stale. Children do not inherit it.
/// </summary>
public sealed class FileLock : IDisposable
{
    private readonly SafeFileHandle _file;

    private FileLock(SafeFileHandle file) => _file = file;

    /// <summary>Waits for the lock, without a time limit; blocks the calling thread.</summary>
    public static FileLock Take(string path, bool shared = false)
    {
        var file = Open(path);
        Libc.Lock(file, shared ? Libc.LockShared : Libc.LockExclusive);
        return new FileLock(file);
    }

    /// <summary>Waits for the lock on a thread of its own, so that many waits do not use up the pool.</summary>
    public static Task<FileLock> TakeAsync(string path, bool shared = false) =>
        Task.Factory.StartNew(() => Take(path, shared), TaskCreationOptions.LongRunning);

    /// <summary>The lock, or null when somebody else holds it.</summary>
    public static FileLock? TryTake(string path, bool shared = false)
    {
        var file = Open(path);
        if (Libc.Lock(file, (shared ? Libc.LockShared : Libc.LockExclusive) | Libc.LockNonBlocking))
        {
            return new FileLock(file);
        }
        file.Dispose();
        return null;
    }

    /// <summary>Whether somebody holds the lock exclusively now.</summary>
    public static bool IsHeld(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }
        using var probe = TryTake(path, shared: true);
        return probe is null;
    }

    public void Dispose() => _file.Dispose();

    // Not by File.OpenHandle: .NET takes an flock of its own on every file that it opens for writing, and fails when somebody
    // else holds one.
    private static SafeFileHandle Open(string path)
    {
        var file = Libc.OpenFile(path, Libc.OpenReadWrite | Libc.OpenCreate);
        return file >= 0
            ? new SafeFileHandle(file, ownsHandle: true)
            : throw new IOException($"{path} cannot be opened: {Marshal.GetPInvokeErrorMessage(-file)}");
    }
}
