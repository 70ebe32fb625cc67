using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>
/// Removes a tree that an agent made: names that are no text, folders nobody may enter, any depth. Works on descriptors and
/// raw names, never follows a link, and never goes down more than one level: deeper folders are moved up first.
/// </summary>
internal static unsafe partial class TreeRemoval
{
    private const int AtRemoveDirectory = 0x200;
    private const int PathOnly = 0x200000;
    private const int CloseOnExec = 0x80000;
    private const int NotADirectory = 20;
    private const int NoEntry = 2;
    private const int TooManyLinks = 40;

    private static int DirectoryNoFollow =>
        RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 | 0x8000 : 0x10000 | 0x20000;

    /// <exception cref="IOException">Something cannot be removed.</exception>
    public static void Remove(string path)
    {
        var info = new DirectoryInfo(path);
        if (info.LinkTarget is not null || File.Exists(path))
        {
            File.Delete(path);
            return;
        }
        if (!info.Exists)
        {
            return;
        }
        using (
            var root = OpenDirectory(
                -100 /* AT_FDCWD */
                ,
                [.. System.Text.Encoding.UTF8.GetBytes(path), 0],
                path
            )
        )
        {
            var counter = 0;
            while (EmptyOnce(root, root, path, ref counter)) { }
        }
        Directory.Delete(path);
    }

    /// <summary>Removes files and one layer of folders; what those hold moves into the root. Whether there may be more.</summary>
    private static bool EmptyOnce(SafeFileHandle folder, SafeFileHandle root, string path, ref int counter)
    {
        var more = false;
        foreach (var name in Names(folder, path))
        {
            if (Unlink(folder, name, 0) == 0)
            {
                continue;
            }
            using var child = OpenDirectory(folder, name, path);
            if (!ReferenceEquals(folder, root))
            {
                // Moved up, under a name that no entry can have yet.
                more = true;
                byte[] target;
                do
                {
                    target = System.Text.Encoding.UTF8.GetBytes($".codexctl-removing-{Environment.ProcessId}-{counter++}\0");
                } while (Exists(root, target));
                Check(Rename(folder, name, root, target), path);
                continue;
            }
            more |= EmptyOnce(child, root, path, ref counter);
            Check(Unlink(folder, name, AtRemoveDirectory), path);
        }
        return more;
    }

    private static SafeFileHandle OpenDirectory(SafeFileHandle folder, byte[] name, string path) =>
        OpenDirectory((int)folder.DangerousGetHandle(), name, path);

    private static SafeFileHandle OpenDirectory(int folder, byte[] name, string path)
    {
        fixed (byte* start = name)
        {
            var reference = OpenAt(folder, start, PathOnly | CloseOnExec | DirectoryNoFollow, 0);
            Check(reference, path);
            using var handle = new SafeFileHandle(reference, ownsHandle: true);
            if (!OperatingSystem.IsWindows())
            {
                // Through the descriptor: the name could be a link by now.
                File.SetUnixFileMode(
                    $"/proc/self/fd/{reference}",
                    UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
                );
            }
            ReadOnlySpan<byte> dot = ".\0"u8;
            fixed (byte* here = dot)
            {
                var opened = OpenAt(reference, here, CloseOnExec | DirectoryNoFollow, 0);
                Check(opened, path);
                return new SafeFileHandle(opened, ownsHandle: true);
            }
        }
    }

    private static List<byte[]> Names(SafeFileHandle folder, string path)
    {
        // A copy with a position of its own, which closedir closes.
        ReadOnlySpan<byte> dot = ".\0"u8;
        int copy;
        fixed (byte* here = dot)
        {
            copy = OpenAt((int)folder.DangerousGetHandle(), here, CloseOnExec | DirectoryNoFollow, 0);
        }
        Check(copy, path);
        var stream = OpenStream(copy);
        var names = new List<byte[]>();
        byte* entry;
        while ((entry = ReadEntry(stream)) != null)
        {
            // struct dirent of 64-bit Linux: inode 8, offset 8, length 2, type 1, then the name.
            var name = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(entry + 19);
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                names.Add([.. name, 0]);
            }
        }
        _ = CloseStream(stream);
        return names;
    }

    private static int Unlink(SafeFileHandle folder, byte[] name, int flags)
    {
        fixed (byte* start = name)
        {
            return UnlinkAt((int)folder.DangerousGetHandle(), start, flags);
        }
    }

    private static int Rename(SafeFileHandle from, byte[] name, SafeFileHandle to, byte[] target)
    {
        fixed (byte* source = name)
        fixed (byte* destination = target)
        {
            return RenameAt((int)from.DangerousGetHandle(), source, (int)to.DangerousGetHandle(), destination);
        }
    }

    private static bool Exists(SafeFileHandle folder, byte[] name)
    {
        fixed (byte* start = name)
        {
            var file = OpenAt((int)folder.DangerousGetHandle(), start, PathOnly | CloseOnExec | 0x20000, 0);
            if (file >= 0)
            {
                _ = Processes.Libc.Close(file);
                return true;
            }
            return Marshal.GetLastPInvokeError() is not NoEntry and not NotADirectory and not TooManyLinks;
        }
    }

    private static void Check(int result, string path)
    {
        if (result < 0)
        {
            throw new IOException($"{path} cannot be removed: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        }
    }

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static partial int OpenAt(int folder, byte* path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int UnlinkAt(int folder, byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    private static partial int RenameAt(int from, byte* source, int to, byte* target);

    [LibraryImport("libc", EntryPoint = "fdopendir", SetLastError = true)]
    private static partial nint OpenStream(int file);

    [LibraryImport("libc", EntryPoint = "readdir", SetLastError = true)]
    private static partial byte* ReadEntry(nint stream);

    [LibraryImport("libc", EntryPoint = "closedir", SetLastError = true)]
    private static partial int CloseStream(nint stream);
}
