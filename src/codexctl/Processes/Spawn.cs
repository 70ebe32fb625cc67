using System.Globalization;
using System.Runtime.InteropServices;

namespace Codexctl.Processes;

/// <summary>A process to start. Everything that it shall have is named here; nothing else is inherited.</summary>
internal sealed record SpawnRequest(string File, IReadOnlyList<string> Arguments)
{
    /// <summary>The whole environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public string? WorkingDirectory { get; init; }

    /// <summary>Leader of a session and process group of its own, without a terminal.</summary>
    public bool NewSession { get; init; } = true;

    /// <summary>Files to open in the child, by descriptor. In a new session the first terminal becomes the controlling one.</summary>
    public IReadOnlyList<(int Target, string Path, int Flags)> Opened { get; init; } = [];

    /// <summary>Our descriptors that the child gets, under the numbers that it shall know them by.</summary>
    public IReadOnlyList<(int Source, int Target)> Descriptors { get; init; } = [];
}

/// <summary>The system's refusal to start a program.</summary>
internal sealed class SpawnException(string file, int error)
    : IOException($"{file} cannot be started: {Marshal.GetPInvokeErrorMessage(error)}")
{
    public int Error { get; } = error;
}

/// <summary>
/// posix_spawn(3): the part of starting processes that System.Diagnostics.Process does not offer: new sessions, terminals,
/// descriptors beyond the first three, signals as a fresh process expects them (.NET ignores SIGPIPE).
/// </summary>
internal static unsafe partial class Spawn
{
    // Both structures are opaque; glibc's are the largest with 336 and 80 bytes.
    private const int OpaqueSize = 1024;

    private const short SetSignalDefaults = 0x04;
    private const short SetSignalMask = 0x08;
    private static short SetSession => OperatingSystem.IsMacOS() ? (short)0x400 : (short)0x80;
    private const short MacCloseOthers = 0x4000;

    static Spawn()
    {
        // What we open ourselves is close-on-exec; what a careless parent left open to us must not go further, least of all
        // into a box. (On macOS a flag of each spawn does this.)
        if (OperatingSystem.IsLinux())
        {
            SharedOnPurpose().ForEach(file => Libc.SetCloseOnExec(file));
        }
    }

    /// <exception cref="SpawnException">The program is missing, not executable, or there is no room for a process.</exception>
    public static SpawnedProcess Start(SpawnRequest request)
    {
        using var arguments = new NativeStrings([request.File, .. request.Arguments]);
        using var environment = new NativeStrings(request.Environment.Select(pair => $"{pair.Key}={pair.Value}"));
        var actions = stackalloc byte[OpaqueSize];
        var attributes = stackalloc byte[OpaqueSize];
        Check(request.File, InitActions(actions));
        Check(request.File, InitAttributes(attributes));
        try
        {
            AddActions(request, actions);
            SetAttributes(request, attributes);
            int processId;
            Check(request.File, PosixSpawn(&processId, request.File, actions, attributes, arguments.Pointer, environment.Pointer));
            return new SpawnedProcess(processId);
        }
        finally
        {
            _ = DestroyActions(actions);
            _ = DestroyAttributes(attributes);
        }
    }

    private static void AddActions(SpawnRequest request, byte* actions)
    {
        // First out of the way, then into place: no copy can overwrite a descriptor that is still to be copied.
        var free = 3;
        foreach (var (source, target) in request.Descriptors)
        {
            free = Math.Max(free, Math.Max(source, target) + 1);
        }
        foreach (var (target, _, _) in request.Opened)
        {
            free = Math.Max(free, target + 1);
        }
        for (var i = 0; i < request.Descriptors.Count; i++)
        {
            Check(request.File, AddDuplicate(actions, request.Descriptors[i].Source, free + i));
        }
        foreach (var (target, path, flags) in request.Opened)
        {
            Check(
                request.File,
                AddOpen(
                    actions,
                    target,
                    path,
                    flags,
                    0x180 /* 0600 */
                )
            );
        }
        for (var i = 0; i < request.Descriptors.Count; i++)
        {
            Check(request.File, AddDuplicate(actions, free + i, request.Descriptors[i].Target));
            Check(request.File, AddClose(actions, free + i));
        }
        foreach (var file in SharedOnPurpose())
        {
            // The number may be taken by one of the child's own by now.
            if (request.Descriptors.All(one => one.Target != file) && request.Opened.All(one => one.Target != file))
            {
                Check(request.File, AddClose(actions, file));
            }
        }
        if (request.WorkingDirectory is { } directory)
        {
            Check(request.File, AddChangeDirectory(actions, directory));
        }
    }

    /// <summary>What other children are given for a moment (a run's lease, for one) is not for these, which live long.</summary>
    internal static List<int> SharedOnPurpose()
    {
        var files = new List<int>();
        if (OperatingSystem.IsLinux())
        {
            foreach (var entry in Directory.EnumerateFileSystemEntries("/proc/self/fd"))
            {
                if (int.Parse(Path.GetFileName(entry), CultureInfo.InvariantCulture) is > 2 and var file && Libc.IsInherited(file))
                {
                    files.Add(file);
                }
            }
        }
        return files;
    }

    private static void SetAttributes(SpawnRequest request, byte* attributes)
    {
        // sigset_t is 128 bytes on glibc, 4 on macOS.
        var all = stackalloc byte[128];
        var none = stackalloc byte[128];
        _ = FillSignals(all);
        _ = EmptySignals(none);
        Check(request.File, SetDefaults(attributes, all));
        Check(request.File, SetMask(attributes, none));
        var flags = (short)(SetSignalDefaults | SetSignalMask);
        if (request.NewSession)
        {
            flags |= SetSession;
        }
        if (OperatingSystem.IsMacOS())
        {
            flags |= MacCloseOthers;
        }
        Check(request.File, SetFlags(attributes, flags));
    }

    private static void Check(string file, int error)
    {
        if (error != 0)
        {
            throw new SpawnException(file, error);
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int PosixSpawn(
        int* processId,
        string file,
        void* actions,
        void* attributes,
        byte** arguments,
        byte** environment
    );

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    private static partial int InitActions(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    private static partial int DestroyActions(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    private static partial int AddDuplicate(void* actions, int source, int target);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addclose")]
    private static partial int AddClose(void* actions, int target);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AddOpen(void* actions, int target, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addchdir_np", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AddChangeDirectory(void* actions, string path);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    private static partial int InitAttributes(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_destroy")]
    private static partial int DestroyAttributes(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    private static partial int SetFlags(void* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigdefault")]
    private static partial int SetDefaults(void* attributes, void* signals);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setsigmask")]
    private static partial int SetMask(void* attributes, void* signals);

    [LibraryImport("libc", EntryPoint = "sigfillset")]
    private static partial int FillSignals(void* signals);

    [LibraryImport("libc", EntryPoint = "sigemptyset")]
    private static partial int EmptySignals(void* signals);

    /// <summary>A null-terminated array of C strings.</summary>
    private sealed class NativeStrings : IDisposable
    {
        private readonly List<nint> _strings;

        public NativeStrings(IEnumerable<string> strings)
        {
            _strings = strings.Select(Marshal.StringToCoTaskMemUTF8).ToList();
            Pointer = (byte**)NativeMemory.Alloc((nuint)(_strings.Count + 1), (nuint)sizeof(byte*));
            for (var i = 0; i < _strings.Count; i++)
            {
                Pointer[i] = (byte*)_strings[i];
            }
            Pointer[_strings.Count] = null;
        }

        public byte** Pointer { get; }

        public void Dispose()
        {
            _strings.ForEach(Marshal.FreeCoTaskMem);
            NativeMemory.Free(Pointer);
        }
    }
}
