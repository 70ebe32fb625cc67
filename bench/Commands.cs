using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Codexctl.Bench;

/// <summary>Starts programs without any shell or .NET machinery in between, and times them from the start to their end.</summary>
internal static unsafe partial class Commands
{
    /// <summary>Milliseconds; the exit code must be 0. Outputs go to /dev/null.</summary>
    public static double Time(string[] command, IReadOnlyDictionary<string, string> environment, string? folder = null)
    {
        using var arguments = new CStrings(command);
        using var variables = new CStrings([.. environment.Select(pair => $"{pair.Key}={pair.Value}")]);
        // Larger than the C library's own on any system.
        var actions = stackalloc byte[512];
        Check(FileActionsInit(actions));
        Check(FileActionsOpen(actions, 0, "/dev/null", 0, 0));
        Check(FileActionsOpen(actions, 1, "/dev/null", 1, 0));
        Check(FileActionsOpen(actions, 2, "/dev/null", 1, 0));
        if (folder is not null)
        {
            Check(FileActionsChdir(actions, folder));
        }
        var begin = Stopwatch.GetTimestamp();
        Check(SpawnProgram(out var child, Find(command[0], environment), actions, null, arguments.Pointer, variables.Pointer));
        int status;
        while (WaitFor(child, out status, 0) < 0) { }
        var time = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        Check(FileActionsDestroy(actions));
        return status == 0 ? time : throw new InvalidOperationException($"{string.Join(' ', command)} ended with status {status:x}");
    }

    /// <summary>What a command prints; null when it is not there or fails.</summary>
    public static string? Read(string file, params string[] arguments)
    {
        if (Has(file) is null)
        {
            return null;
        }
        var start = new ProcessStartInfo(file)
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? (output.Trim().Length > 0 ? output : error.Result).Trim() : null;
    }

    /// <summary>Runs a command that must succeed.</summary>
    public static void Do(string[] command, IReadOnlyDictionary<string, string> environment, string? folder = null) =>
        Time(command, environment, folder);

    /// <summary>Peak resident memory in kilobytes, by GNU time; null without it.</summary>
    public static long? PeakKilobytes(string[] command)
    {
        if (!File.Exists("/usr/bin/time"))
        {
            return null;
        }
        var file = Path.GetTempFileName();
        var told = Read("/usr/bin/time", ["-o", file, "-f", "%M", .. command]);
        var text = File.ReadAllText(file).Trim();
        File.Delete(file);
        return told is null ? null : long.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>The program's whole path; null when it is not on PATH.</summary>
    public static string? Has(string file) =>
        file.Contains('/', StringComparison.Ordinal)
            ? (File.Exists(file) ? file : null)
            : (Environment.GetEnvironmentVariable("PATH") ?? "")
                .Split(':')
                .Select(folder => Path.Combine(folder, file))
                .FirstOrDefault(File.Exists);

    private static string Find(string file, IReadOnlyDictionary<string, string> environment) =>
        file.Contains('/', StringComparison.Ordinal)
            ? file
            : environment["PATH"].Split(':').Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists)
                ?? throw new FileNotFoundException(file);

    private static void Check(int error)
    {
        if (error != 0)
        {
            throw new InvalidOperationException(Marshal.GetPInvokeErrorMessage(error));
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SpawnProgram(out int pid, string path, byte* actions, byte* attributes, byte** argv, byte** environment);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int FileActionsInit(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int FileActionsDestroy(byte* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int FileActionsOpen(byte* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addchdir_np", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int FileActionsChdir(byte* actions, string path);

    [LibraryImport("libc", EntryPoint = "waitpid")]
    private static partial int WaitFor(int pid, out int status, int options);

    /// <summary>An array of C strings that ends with null.</summary>
    private sealed class CStrings : IDisposable
    {
        private readonly int _count;

        public CStrings(string[] texts)
        {
            _count = texts.Length;
            Pointer = (byte**)NativeMemory.AllocZeroed((nuint)(texts.Length + 1), (nuint)sizeof(byte*));
            for (var i = 0; i < texts.Length; i++)
            {
                Pointer[i] = (byte*)Marshal.StringToCoTaskMemUTF8(texts[i]);
            }
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            for (var i = 0; i < _count; i++)
            {
                Marshal.FreeCoTaskMem((nint)Pointer[i]);
            }
            NativeMemory.Free(Pointer);
        }
    }
}
