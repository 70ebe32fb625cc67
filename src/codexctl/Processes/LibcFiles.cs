using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Processes;

internal static partial class Libc
{
    /// <summary>link(2): a second name for a file. Not 0 when that cannot be (another disk, a file system without links).</summary>
    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Link(string existing, string name);

    /// <summary>
    /// Opens a file for reading and writing, made (0600) where there is none, without the lock that .NET takes on every file
    /// that it opens. Closed in children.
    /// </summary>
    public static SafeFileHandle OpenPlainly(string path)
    {
        // creat(2) and open(2) without a mode take no variable arguments, which differ by system and processor.
        if (!File.Exists(path))
        {
            using var made = new SafeFileHandle(Create(path, 0b110_000_000), ownsHandle: true);
            ThrowIf(made.IsInvalid, path);
        }
        const int readWrite = 2;
        var closeOnExec = OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;
        var file = new SafeFileHandle(Open(path, readWrite | closeOnExec), ownsHandle: true);
        ThrowIf(file.IsInvalid, path);
        return file;
    }

    [LibraryImport("libc", EntryPoint = "creat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Create(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    private static void ThrowIf(bool failed, string path)
    {
        if (failed)
        {
            var error = Marshal.GetLastPInvokeError();
            throw new IOException($"{path} cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}", error);
        }
    }
}
