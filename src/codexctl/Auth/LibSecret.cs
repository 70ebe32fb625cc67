using System.Runtime.InteropServices;

namespace Codexctl.Auth;

/// <summary>What libsecret said.</summary>
internal sealed class LibSecretException(string message) : Exception(message);

/// <summary>
/// The few calls of libsecret that are needed. The library is looked for at the first call, so codexctl runs without it; the calls block, and
/// may wait for a person who types a password.
/// </summary>
internal static unsafe partial class LibSecret
{
    private const string Secret = "libsecret-1.so.0";
    private const string Glib = "libglib-2.0.so.0";
    private const string Objects = "libgobject-2.0.so.0";
    private const int SearchAll = 1 << 1;

    /// <summary>Whether the library is on this machine.</summary>
    public static bool IsInstalled => NativeLibrary.TryLoad(Secret, out _);

    /// <summary>How many items match, and whether one of them is locked.</summary>
    public static (int Count, bool Locked) Search(IReadOnlyDictionary<string, string> attributes)
    {
        using var table = new Table(attributes);
        var list = SearchSync(0, 0, table.Handle, SearchAll, 0, out var error);
        Check(error);
        var (count, locked) = (0, false);
        for (var node = (Node*)list; node is not null; node = node->Next)
        {
            count++;
            locked |= IsLocked(node->Data) != 0;
            Unreference(node->Data);
        }
        FreeList(list);
        return (count, locked);
    }

    /// <summary>The secret; null when there is none, or it stays locked.</summary>
    public static byte[]? Lookup(IReadOnlyDictionary<string, string> attributes)
    {
        using var table = new Table(attributes);
        var password = LookupSync(0, table.Handle, 0, out var error);
        Check(error);
        if (password == 0)
        {
            return null;
        }
        try
        {
            return MemoryMarshal.CreateReadOnlySpanFromNullTerminated((byte*)password).ToArray();
        }
        finally
        {
            FreePassword(password);
        }
    }

    public static void Store(IReadOnlyDictionary<string, string> attributes, string label, ReadOnlySpan<byte> secret)
    {
        using var table = new Table(attributes);
        byte[] terminated = [.. secret, 0];
        fixed (byte* password = terminated)
        {
            var stored = StoreSync(0, table.Handle, null, label, password, 0, out var error);
            terminated.AsSpan().Clear();
            Check(error);
            if (stored == 0)
            {
                throw new LibSecretException("it was not stored");
            }
        }
    }

    /// <summary>Removes what matches; false when nothing did.</summary>
    public static bool Clear(IReadOnlyDictionary<string, string> attributes)
    {
        using var table = new Table(attributes);
        var removed = ClearSync(0, table.Handle, 0, out var error);
        Check(error);
        return removed != 0;
    }

    private static void Check(nint error)
    {
        if (error != 0)
        {
            var message = Marshal.PtrToStringUTF8(((Error*)error)->Message) ?? "no reason given";
            FreeError(error);
            throw new LibSecretException(message);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Error
    {
        public uint Domain;
        public int Code;
        public nint Message;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Node
    {
        public nint Data;
        public Node* Next;
        public Node* Previous;
    }

    /// <summary>A GHashTable of texts, and the texts.</summary>
    private sealed class Table : IDisposable
    {
        private readonly List<nint> _texts = [];

        public Table(IReadOnlyDictionary<string, string> entries)
        {
            var glib = NativeLibrary.Load(Glib);
            Handle = NewTable(NativeLibrary.GetExport(glib, "g_str_hash"), NativeLibrary.GetExport(glib, "g_str_equal"));
            foreach (var (name, value) in entries)
            {
                _ = Insert(Handle, Native(name), Native(value));
            }
        }

        public nint Handle { get; }

        public void Dispose()
        {
            FreeTable(Handle);
            _texts.ForEach(Marshal.FreeCoTaskMem);
        }

        private nint Native(string text)
        {
            var native = Marshal.StringToCoTaskMemUTF8(text);
            _texts.Add(native);
            return native;
        }
    }

    [LibraryImport(Secret, EntryPoint = "secret_password_storev_sync", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StoreSync(
        nint schema,
        nint attributes,
        string? collection,
        string label,
        byte* password,
        nint cancellable,
        out nint error
    );

    [LibraryImport(Secret, EntryPoint = "secret_password_lookupv_sync")]
    private static partial nint LookupSync(nint schema, nint attributes, nint cancellable, out nint error);

    [LibraryImport(Secret, EntryPoint = "secret_password_clearv_sync")]
    private static partial int ClearSync(nint schema, nint attributes, nint cancellable, out nint error);

    [LibraryImport(Secret, EntryPoint = "secret_password_free")]
    private static partial void FreePassword(nint password);

    [LibraryImport(Secret, EntryPoint = "secret_service_search_sync")]
    private static partial nint SearchSync(nint service, nint schema, nint attributes, int flags, nint cancellable, out nint error);

    [LibraryImport(Secret, EntryPoint = "secret_item_get_locked")]
    private static partial int IsLocked(nint item);

    [LibraryImport(Glib, EntryPoint = "g_hash_table_new")]
    private static partial nint NewTable(nint hash, nint equal);

    [LibraryImport(Glib, EntryPoint = "g_hash_table_insert")]
    private static partial int Insert(nint table, nint key, nint value);

    [LibraryImport(Glib, EntryPoint = "g_hash_table_unref")]
    private static partial void FreeTable(nint table);

    [LibraryImport(Glib, EntryPoint = "g_list_free")]
    private static partial void FreeList(nint list);

    [LibraryImport(Glib, EntryPoint = "g_error_free")]
    private static partial void FreeError(nint error);

    [LibraryImport(Objects, EntryPoint = "g_object_unref")]
    private static partial void Unreference(nint instance);
}
