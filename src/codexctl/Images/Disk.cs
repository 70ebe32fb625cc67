namespace Codexctl.Images;

/// <summary>Writing to the cache, with errors in words.</summary>
internal static class Disk
{
    private const int NoSpaceLeft = 28;

    /// <summary>EDQUOT: 122 on Linux, 69 on macOS.</summary>
    private static readonly int s_quotaExceeded = OperatingSystem.IsMacOS() ? 69 : 122;

    /// <summary>Opens a file to go on writing to it; makes it where there is none.</summary>
    public static FileStream Open(string file)
    {
        try
        {
            return new FileStream(
                file,
                new FileStreamOptions
                {
                    Mode = FileMode.OpenOrCreate,
                    Access = FileAccess.ReadWrite,
                    Share = FileShare.Read,
                    BufferSize = 0,
                    Options = FileOptions.Asynchronous,
                }
            );
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Explain(error, file);
        }
    }

    public static async Task WriteAsync(FileStream file, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await file.WriteAsync(bytes);
        }
        catch (IOException error)
        {
            throw Explain(error, file.Name);
        }
    }

    public static UserError Explain(Exception error, string path)
    {
        var folder = Path.GetDirectoryName(path);
        return error is IOException && (error.HResult == NoSpaceLeft || error.HResult == s_quotaExceeded)
            ? new UserError(
                $"The disk is full: {folder} has no room for Codex.",
                "The download and the unpacked files need 600 MB.",
                "Make room and try again, or set CODEXCTL_CACHE_DIR to another disk."
            )
            : new UserError($"{path} cannot be written.", error.Message, "Make it writable, or set CODEXCTL_CACHE_DIR to another folder.");
    }
}
