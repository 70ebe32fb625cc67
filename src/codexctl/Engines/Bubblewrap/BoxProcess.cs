using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Codexctl.Processes;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>
/// Process 1 of a running box as the host sees it. Its start time tells it from a later process with the same number, so a
/// file that was left behind never harms a stranger.
/// </summary>
/// <param name="Boot">The kernel's name for this boot: numbers and times start again with the next.</param>
internal sealed partial record BoxProcess(int Id, ulong StartTime, string Boot)
{
    public static string PathIn(ContainerPaths paths) => Path.Combine(paths.Box, "run.json");

    /// <summary>The process as it is now; null when it is gone.</summary>
    public static BoxProcess? Observe(int id) => ReadStartTime(id) is { } time ? new BoxProcess(id, time, ThisBoot()) : null;

    /// <summary>What was recorded at the last start; null when nothing was, or it cannot be read.</summary>
    public static BoxProcess? Read(ContainerPaths paths)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(PathIn(paths)), BoxJson.Default.BoxProcess);
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    public void Write(ContainerPaths paths) =>
        PrivateFile.Write(PathIn(paths), JsonSerializer.SerializeToUtf8Bytes(this, BoxJson.Default.BoxProcess));

    public bool IsAlive() => Id > 1 && string.Equals(Boot, ThisBoot(), StringComparison.Ordinal) && ReadStartTime(Id) == StartTime;

    /// <summary>
    /// Kills it and waits until it is gone; the kernel takes everything in its process namespace with it. Nothing happens when
    /// it is gone already.
    /// </summary>
    public void Kill(TimeSpan limit)
    {
        // A handle is taken first and the identity checked then: the number cannot change hands in between.
        using var handle = OpenHandle(Id);
        if (!IsAlive())
        {
            return;
        }
        if (handle is null)
        {
            // A kernel before 5.3.
            _ = Libc.Kill(Id, Libc.SigKill);
            var deadline = Environment.TickCount64 + (long)limit.TotalMilliseconds;
            while (IsAlive() && Environment.TickCount64 < deadline)
            {
                Thread.Sleep(5);
            }
        }
        else
        {
            _ = SystemCall(
                424 /* pidfd_send_signal */
                ,
                (int)handle.DangerousGetHandle(),
                Libc.SigKill,
                0,
                0
            );
            Span<Libc.PollDescriptor> one = [new((int)handle.DangerousGetHandle(), Libc.PollIn)];
            Libc.Poll(one, (int)limit.TotalMilliseconds);
        }
        if (IsAlive())
        {
            throw new UserError(
                $"Process {Id} of the box did not end within {limit.TotalSeconds:0} seconds.",
                "The system is overloaded, or its storage hangs."
            );
        }
    }

    private static SafeFileHandle? OpenHandle(int id)
    {
        var file = SystemCall(
            434 /* pidfd_open */
            ,
            id,
            0,
            0,
            0
        );
        return file >= 0 ? new SafeFileHandle((nint)file, ownsHandle: true) : null;
    }

    private static ulong? ReadStartTime(int id)
    {
        try
        {
            return ParseStartTime(File.ReadAllText($"/proc/{id}/stat"));
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The 22nd field; null for a process that has ended. The second may hold anything, brackets and spaces too.</summary>
    internal static ulong? ParseStartTime(string stat)
    {
        var fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 19 && fields[0] is not ("Z" or "X") && ulong.TryParse(fields[19], CultureInfo.InvariantCulture, out var time)
            ? time
            : null;
    }

    private static string ThisBoot() =>
        File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "";

    // Linux only; variable arguments are passed as others there.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint SystemCall(nint number, nint a, nint b, nint c, nint d);
}
