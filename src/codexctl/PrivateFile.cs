namespace Codexctl;

/// <summary>Files that only their owner may read (0600), replaced as a whole: a reader sees the old or the new, never half of one.</summary>
public static class PrivateFile
{
    /// <param name="durable">On the disk before the old one is given up: for what cannot be made again.</param>
    public static void Write(string path, ReadOnlySpan<byte> content, bool durable = false)
    {
        Paths.MakePrivate(Path.GetDirectoryName(path)!);
        Replace(path, content, UnixFileMode.UserRead | UnixFileMode.UserWrite, durable);
    }

    /// <summary>The same for a file that others may read, in a folder that is there.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode mode, bool durable = false)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (
                var file = new FileStream(
                    temporary,
                    new FileStreamOptions
                    {
                        Mode = FileMode.CreateNew,
                        Access = FileAccess.Write,
                        UnixCreateMode = mode,
                    }
                )
            )
            {
                file.Write(content);
                file.Flush(flushToDisk: durable);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Changes a file of the person's: it keeps its mode; a new one is made 0600, with its folder.</summary>
    public static void Change(string path, ReadOnlySpan<byte> content)
    {
        if (!File.Exists(path))
        {
            Write(path, content);
            return;
        }
        Replace(path, content, ModeOf(path));
    }

    /// <summary>The permissions that a file has.</summary>
    public static UnixFileMode ModeOf(string path) => File.GetUnixFileMode(path) & (UnixFileMode)0b111_111_111;

    /// <summary>The same for a file that the person named: its folder is theirs, and is not made.</summary>
    public static void WriteBeside(string path, ReadOnlySpan<byte> content)
    {
        if (!Directory.Exists(Path.GetDirectoryName(path)))
        {
            throw new UserError($"{Path.GetDirectoryName(path)} does not exist.", null, "Make the folder, or name another file.");
        }
        if (Directory.Exists(path))
        {
            throw new UserError($"{path} is a folder.", null, "Name a file.");
        }
        Write(path, content);
    }

    public static void Write(string path, string content) => Write(path, System.Text.Encoding.UTF8.GetBytes(content));
}
