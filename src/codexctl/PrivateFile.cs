namespace Codexctl;

/// <summary>Files that only their owner may read (0600), replaced as a whole: a reader sees the old or the new, never half of one.</summary>
public static class PrivateFile
{
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        Paths.MakePrivate(Path.GetDirectoryName(path)!);
        Replace(path, content, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    /// <summary>The same for a file that others may read, in a folder that is there.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
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
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

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
