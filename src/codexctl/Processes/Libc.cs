using System.Runtime.InteropServices;

namespace Codexctl.Processes;

/// <summary>The few system calls that .NET does not offer. Linux and macOS.</summary>
internal static unsafe partial class Libc
{
    public const int LockShared = 1;
    public const int LockExclusive = 2;
    public const int LockNonBlocking = 4;

    public const int SigHup = 1;
    public const int SigInt = 2;
    public const int SigKill = 9;
    public const int SigTerm = 15;

    private const int Interrupted = 4;

    [LibraryImport("libc", EntryPoint = "getuid")]
    public static partial uint GetUserId();

    [LibraryImport("libc", EntryPoint = "getgid")]
    public static partial uint GetGroupId();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int processId, int signal);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    public static partial int GetTerminalAttributes(int file, Span<byte> attributes);

    [LibraryImport("libc", EntryPoint = "tcsetattr", SetLastError = true)]
    public static partial int SetTerminalAttributes(int file, int action, ReadOnlySpan<byte> attributes);

    [LibraryImport("libc", EntryPoint = "cfmakeraw")]
    public static partial void MakeRaw(Span<byte> attributes);

    [LibraryImport("libc", EntryPoint = "isatty")]
    public static partial int IsTerminal(int file);

    [LibraryImport("libc", EntryPoint = "stat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Stat(string path, Span<byte> buffer);

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint RealPath(string path, nint buffer);

    [LibraryImport("libc", EntryPoint = "free")]
    private static partial void Free(nint memory);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FileControl(int file, int command);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenForChildren(string path, int flags);

    /// <summary>link(2): a second name for a file. Not 0 when that cannot be (another disk, a file system without links).</summary>
    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Link(string existing, string name);

    /// <summary>Whether a terminal's settings (struct termios) hand on each key as it is typed.</summary>
    public static bool IsRaw(ReadOnlySpan<byte> settings)
    {
        var lineByLine = OperatingSystem.IsMacOS() ? 0x100u : 0x2u;
        return (BitConverter.ToUInt32(settings[(3 * FlagSize)..]) & lineByLine) == 0;
    }

    /// <summary>Takes OPOST out of a terminal's settings. False when it was out already.</summary>
    public static bool RemoveOutputProcessing(Span<byte> settings)
    {
        const byte outputProcessing = 1;
        var on = (settings[FlagSize] & outputProcessing) != 0;
        settings[FlagSize] &= 0xff ^ outputProcessing;
        return on;
    }

    // c_iflag, c_oflag, c_cflag, c_lflag come first, in this order; both processors are little-endian.
    private static int FlagSize => OperatingSystem.IsMacOS() ? 8 : 4;

    /// <summary>The absolute path with every link on the way resolved; null when it does not exist.</summary>
    public static string? ResolvePath(string path)
    {
        var resolved = RealPath(path, 0);
        if (resolved == 0)
        {
            return null;
        }
        var text = Marshal.PtrToStringUTF8(resolved);
        Free(resolved);
        return text;
    }

    /// <summary>
    /// A closed standard stream would be given to the next file that is opened, which then gets what was meant for the
    /// terminal: closed ones become /dev/null.
    /// </summary>
    public static void EnsureStandardStreams()
    {
        const int getFlags = 1;
        const int readWrite = 2;
        for (var file = 0; file <= 2; file++)
        {
            if (FileControl(file, getFlags) < 0)
            {
                _ = OpenForChildren("/dev/null", readWrite);
            }
        }
    }

    /// <summary>flock(2), again after a signal. False when non-blocking and somebody else holds it.</summary>
    public static bool Lock(SafeHandle file, int operation)
    {
        while (FLock(file, operation) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error == Interrupted)
            {
                continue;
            }
            if ((operation & LockNonBlocking) != 0 && error == ErrorAgain)
            {
                return false;
            }
            throw new IOException($"flock failed: {Marshal.GetPInvokeErrorMessage(error)}");
        }
        return true;
    }

    /// <summary>Whether a directory is a real one, owned by us and closed to everybody else.</summary>
    public static bool IsPrivateDirectory(string path)
    {
        var info = new DirectoryInfo(path);
        if (!info.Exists || info.LinkTarget is not null || OperatingSystem.IsWindows())
        {
            return false;
        }
        var mode = File.GetUnixFileMode(path);
        const UnixFileMode others =
            UnixFileMode.GroupRead
            | UnixFileMode.GroupWrite
            | UnixFileMode.GroupExecute
            | UnixFileMode.OtherRead
            | UnixFileMode.OtherWrite
            | UnixFileMode.OtherExecute;
        return (mode & others) == UnixFileMode.None && OwnerOf(path) == GetUserId();
    }

    /// <summary>Whether an open file is still what its path names. True where that cannot be told.</summary>
    public static bool IsFileAt(SafeHandle file, string path)
    {
        Span<byte> open = stackalloc byte[512];
        Span<byte> named = stackalloc byte[512];
        var ours = OperatingSystem.IsMacOS() ? $"/dev/fd/{file.DangerousGetHandle()}" : $"/proc/self/fd/{file.DangerousGetHandle()}";
        if (Stat(ours, open) != 0)
        {
            return true;
        }
        // st_ino is at the eighth byte on every system that we know; two files of one path are on one disk.
        return Stat(path, named) == 0 && open.Slice(8, 8).SequenceEqual(named.Slice(8, 8));
    }

    /// <summary>The owner's id of a file, following links; null when it cannot be read.</summary>
    public static uint? OwnerOf(string path)
    {
        // struct stat differs by system and architecture; st_uid's place in it is part of each system's binary interface.
        Span<byte> buffer = stackalloc byte[512];
        if (Stat(path, buffer) != 0)
        {
            return null;
        }
        var offset =
            OperatingSystem.IsMacOS() ? 16
            : RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 28
            : 24;
        return BitConverter.ToUInt32(buffer[offset..]);
    }
}
