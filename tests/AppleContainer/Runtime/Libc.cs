using System.Runtime.InteropServices;

namespace Codexctl.AppleContainer;

/// <summary>What the emulator does to standard input and the terminal on purpose. Linux.</summary>
internal static unsafe partial class Libc
{
    private const int GetFlags = 3;
    private const int SetFlags = 4;
    private const int NonBlocking = 0x800;

    /// <summary>struct termios: four words of flags first, of which c_oflag is the second and c_lflag the fourth.</summary>
    private const int TermiosSize = 60;
    private const uint Opost = 1;
    private const uint Icanon = 2;

    [LibraryImport("libc", EntryPoint = "isatty")]
    private static partial int IsATty(int file);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int FileControl(int file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "tcgetattr")]
    private static partial int GetTerminal(int file, uint* attributes);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetTerminal(int file, int action, uint* attributes);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int folder, string path, int flags, uint mask, byte* buffer);

    /// <summary>Whether there is a socket at the path, links followed.</summary>
    public static bool IsSocket(string path)
    {
        const int currentFolder = -100;
        const uint typeMask = 1;
        const int modeOffset = 28;
        const int fileType = 0xF000;
        const int socketType = 0xC000;
        var buffer = stackalloc byte[256];
        return StatX(currentFolder, path, 0, typeMask, buffer) == 0 && (*(ushort*)(buffer + modeOffset) & fileType) == socketType;
    }

    /// <summary>Who owns the file, links followed, as the machine outside of our user namespace numbers people; -1 for nobody there.</summary>
    public static long OwnerOutside(string path)
    {
        const int currentFolder = -100;
        const uint userMask = 8;
        const int userOffset = 20;
        var buffer = stackalloc byte[256];
        if (StatX(currentFolder, path, 0, userMask, buffer) != 0)
        {
            return -1;
        }
        long owner = *(uint*)(buffer + userOffset);
        foreach (var line in File.ReadLines("/proc/self/uid_map"))
        {
            var numbers = line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse).ToArray();
            if (owner >= numbers[0] && owner < numbers[0] + numbers[2])
            {
                return numbers[1] + owner - numbers[0];
            }
        }
        return -1;
    }

    public static bool InputIsTerminal => IsATty(0) == 1;

    /// <summary>The original sets this with -i and never takes it back.</summary>
    public static void LeaveInputNonBlocking() => _ = FileControl(0, SetFlags, FileControl(0, GetFlags, 0) | NonBlocking);

    /// <summary>Once the client has made the terminal raw: output processing back on, which the original never turns off. False while it is not raw.</summary>
    public static bool KeepOutputProcessing()
    {
        var attributes = stackalloc uint[TermiosSize / sizeof(uint)];
        if (GetTerminal(0, attributes) != 0 || (attributes[3] & Icanon) != 0)
        {
            return false;
        }
        attributes[1] |= Opost;
        return SetTerminal(0, 0, attributes) == 0;
    }
}
