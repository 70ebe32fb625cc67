using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Processes;

/// <summary>
/// An advisory lock on a file, held until disposed or until the process dies: the kernel frees it then, so a lock is
/// never stale. Children do not inherit it, but where <see cref="ShareWithChildren"/> says so.
/// </summary>
public sealed class FileLock : IDisposable
{
    private static readonly TimeSpan _shortestPause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan _longestPause = TimeSpan.FromMilliseconds(40);

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

    /// <summary>Waits for the lock, but not longer than the limit; null then. A wait in the kernel could not be given up.</summary>
    public static async Task<FileLock?> TakeAsync(
        string path,
        bool shared,
        TimeSpan limit,
        TimeProvider clock,
        CancellationToken cancel = default
    )
    {
        var start = clock.GetTimestamp();
        for (var pause = _shortestPause; ; pause = pause * 2 < _longestPause ? pause * 2 : _longestPause)
        {
            cancel.ThrowIfCancellationRequested();
            if (TryTake(path, shared) is { } taken)
            {
                return taken;
            }
            if (clock.GetElapsedTime(start) >= limit)
            {
                return null;
            }
            await Task.Delay(pause, clock, cancel);
        }
    }

    /// <summary>The lock, or null when somebody else holds it.</summary>
    public static FileLock? TryTake(string path, bool shared = false)
    {
        while (true)
        {
            var file = Open(path);
            if (!Libc.Lock(file, (shared ? Libc.LockShared : Libc.LockExclusive) | Libc.LockNonBlocking))
            {
                file.Dispose();
                return null;
            }
            // Its last holder may have removed the file: a lock on what nobody can find any more keeps nobody out.
            if (Libc.IsFileAt(file, path))
            {
                return new FileLock(file);
            }
            file.Dispose();
        }
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

    /// <summary>
    /// Until disposed, programs that are started hold the lock too, until they end: what an engine's client is doing when
    /// we are killed is then done before anybody thinks that we are through.
    /// </summary>
    public IDisposable ShareWithChildren()
    {
        Libc.SetCloseOnExec((int)_file.DangerousGetHandle(), on: false);
        return new Sharing(this);
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

    private sealed class Sharing(FileLock shared) : IDisposable
    {
        public void Dispose()
        {
            if (!shared._file.IsClosed)
            {
                Libc.SetCloseOnExec((int)shared._file.DangerousGetHandle());
            }
        }
    }
}
