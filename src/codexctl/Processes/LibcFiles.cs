using System.Runtime.InteropServices;

namespace Codexctl.Processes;

internal static partial class Libc
{
    /// <summary>link(2): a second name for a file. Not 0 when that cannot be (another disk, a file system without links).</summary>
    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Link(string existing, string name);
}
