using System.Runtime.InteropServices;

namespace Codexctl.Processes;

/// <summary>File descriptors: what pipes, terminals and spawned processes need below .NET's streams.</summary>
internal static unsafe partial class Libc
{
    public const short PollIn = 1;
    public const short PollOut = 4;

    public const int ErrorNoEntry = 2;
    public const int ErrorNotDirectory = 20;
    public const int ErrorInput = 5;
    public const int ErrorAccess = 13;
    public const int ErrorPipe = 32;
    public static int ErrorLoop => OperatingSystem.IsMacOS() ? 62 : 40;
    public static int ErrorAgain => OperatingSystem.IsMacOS() ? 35 : 11;

    public static int OpenReadWrite => 2;
    public static int OpenCreate => OperatingSystem.IsMacOS() ? 0x200 : 0x40;
    public static int OpenWriteAppend => OperatingSystem.IsMacOS() ? 0x1 | 0x8 | 0x200 : 0x1 | 0x400 | 0x40;
    public static int OpenNoControllingTerminal => OperatingSystem.IsMacOS() ? 0x20000 : 0x100;
    public static int OpenCloseOnExec => OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;
    public static int OpenNoFollow =>
        OperatingSystem.IsMacOS() ? 0x100
        : RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000
        : 0x20000;
    public static int OpenNonBlocking => OperatingSystem.IsMacOS() ? 0x4 : 0x800;

    private const int GetDescriptorFlags = 1;
    private const int SetDescriptorFlags = 2;
    private const int GetStatusFlags = 3;
    private const int SetStatusFlags = 4;
    private const int CloseOnExec = 1;

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadRaw(int file, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteRaw(int file, byte* buffer, nint count);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, nint mode);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenOnStack(string path, int flags, nint r2, nint r3, nint r4, nint r5, nint r6, nint r7, nint mode);

    [LibraryImport("libc", EntryPoint = "fstat", SetLastError = true)]
    private static partial int FileStat(int file, Span<byte> buffer);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int PollRaw(PollDescriptor* files, nuint count, int milliseconds);

    // open, fcntl and ioctl take variable arguments, which macOS on ARM passes on the stack: six unused ones fill the registers there.
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(int file, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FcntlOnStack(int file, int command, nint r2, nint r3, nint r4, nint r5, nint r6, nint r7, nint argument);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(int file, nuint request, WindowSize* size);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoctlOnStack(
        int file,
        nuint request,
        nint r2,
        nint r3,
        nint r4,
        nint r5,
        nint r6,
        nint r7,
        WindowSize* size
    );

    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor(int file, short events)
    {
        public int File = file;
        public short Events = events;
        public short Returned;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort WidthPixels;
        public ushort HeightPixels;
    }

    /// <summary>open(2) with close-on-exec; made 0600 where the flags say so. The negated error number when it failed.</summary>
    public static int OpenFile(string path, int flags)
    {
        const int ownerOnly = 0x180;
        while (true)
        {
            var file = OnStack
                ? OpenOnStack(path, flags | OpenCloseOnExec, 0, 0, 0, 0, 0, 0, ownerOnly)
                : Open(path, flags | OpenCloseOnExec, ownerOnly);
            if (file >= 0)
            {
                return file;
            }
            var error = Marshal.GetLastPInvokeError();
            if (error != Interrupted)
            {
                return -error;
            }
        }
    }

    /// <summary>Whether an open descriptor is a plain file: no directory, pipe, socket or device.</summary>
    public static bool IsRegularFile(int file)
    {
        const int kinds = 0xF000;
        const int regular = 0x8000;
        Span<byte> buffer = stackalloc byte[512];
        if (FileStat(file, buffer) != 0)
        {
            return false;
        }
        // st_mode's place in struct stat is part of each system's binary interface.
        var mode = OperatingSystem.IsMacOS()
            ? BitConverter.ToUInt16(buffer[4..])
            : BitConverter.ToInt32(buffer[(RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 24 : 16)..]);
        return (mode & kinds) == regular;
    }

    /// <summary>read(2), again after a signal; the negated error number when it failed.</summary>
    public static int Read(int file, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var count = ReadRaw(file, start, buffer.Length);
                if (count >= 0)
                {
                    return (int)count;
                }
                var error = Marshal.GetLastPInvokeError();
                if (error != Interrupted)
                {
                    return -error;
                }
            }
        }
    }

    /// <summary>write(2), again after a signal; the negated error number when it failed. May write less than asked.</summary>
    public static int Write(int file, ReadOnlySpan<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            while (true)
            {
                var count = WriteRaw(file, start, buffer.Length);
                if (count >= 0)
                {
                    return (int)count;
                }
                var error = Marshal.GetLastPInvokeError();
                if (error != Interrupted)
                {
                    return -error;
                }
            }
        }
    }

    /// <summary>Writes everything, waiting where the reader is slow. Zero, or the negated error number.</summary>
    public static int WriteAll(int file, ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var count = Write(file, buffer);
            if (count == -ErrorAgain)
            {
                // A terminal or pipe that somebody made non-blocking: wait for room.
                Span<PollDescriptor> one = [new PollDescriptor(file, PollOut)];
                Poll(one, Timeout.Infinite);
                continue;
            }
            if (count < 0)
            {
                return count;
            }
            buffer = buffer[count..];
        }
        return 0;
    }

    /// <summary>poll(2), again after a signal. The number of descriptors that have something.</summary>
    public static int Poll(Span<PollDescriptor> files, int milliseconds)
    {
        fixed (PollDescriptor* start = files)
        {
            while (true)
            {
                var count = PollRaw(start, (nuint)files.Length, milliseconds);
                if (count >= 0)
                {
                    return count;
                }
                var error = Marshal.GetLastPInvokeError();
                if (error != Interrupted)
                {
                    throw new IOException($"poll failed: {Marshal.GetPInvokeErrorMessage(error)}");
                }
            }
        }
    }

    /// <summary>
    /// Whether a standard stream was handed to us: one that was closed may by now be a file of the runtime's own, which is
    /// always close-on-exec, as an inherited one never is.
    /// </summary>
    public static bool IsInherited(int file)
    {
        var flags = Control(file, GetDescriptorFlags, 0);
        return flags >= 0 && (flags & CloseOnExec) == 0;
    }

    public static void SetCloseOnExec(int file, bool on = true) => Control(file, SetDescriptorFlags, on ? CloseOnExec : 0);

    public static void SetNonBlocking(int file) => Control(file, SetStatusFlags, Control(file, GetStatusFlags, 0) | OpenNonBlocking);

    /// <summary>Whether reads and writes wait. False for a descriptor that is not open.</summary>
    public static bool IsBlocking(int file) => Control(file, GetStatusFlags, 0) is >= 0 and var flags && (flags & OpenNonBlocking) == 0;

    public static void SetBlocking(int file)
    {
        if (Control(file, GetStatusFlags, 0) is >= 0 and var flags && (flags & OpenNonBlocking) != 0)
        {
            _ = Control(file, SetStatusFlags, flags & ~OpenNonBlocking);
        }
    }

    /// <summary>The size of a terminal; null when it is none or does not know.</summary>
    public static TerminalSize? GetWindowSize(int file)
    {
        WindowSize size;
        var request = OperatingSystem.IsMacOS() ? 0x40087468u : 0x5413u;
        return WindowControl(file, request, &size) == 0 && size is { Rows: > 0, Columns: > 0 }
            ? new TerminalSize(size.Columns, size.Rows)
            : null;
    }

    public static void SetWindowSize(int file, TerminalSize size)
    {
        var window = new WindowSize { Rows = size.Rows, Columns = size.Columns };
        _ = WindowControl(file, OperatingSystem.IsMacOS() ? 0x80087467u : 0x5414u, &window);
    }

    private static bool OnStack => OperatingSystem.IsMacOS() && RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    private static int Control(int file, int command, nint argument) =>
        OnStack ? FcntlOnStack(file, command, 0, 0, 0, 0, 0, 0, argument) : Fcntl(file, command, argument);

    private static int WindowControl(int file, nuint request, WindowSize* size) =>
        OnStack ? IoctlOnStack(file, request, 0, 0, 0, 0, 0, 0, size) : Ioctl(file, request, size);
}

/// <summary>Columns and rows of a terminal.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct TerminalSize(ushort Columns, ushort Rows);
