using System.Text;
using Codexctl.Processes;

namespace Codexctl;

/// <summary>Reads a file that somebody else may have put there: never through a link, never a pipe or device, never much of it, once.</summary>
public static class UntrustedFile
{
    /// <returns>The content; null when there is no such file.</returns>
    /// <exception cref="UserError">It is no plain file, too large, or no text.</exception>
    public static byte[]? Read(string path, int largest)
    {
        var file = Libc.OpenFile(path, Libc.OpenNoFollow | Libc.OpenNonBlocking);
        if (file == -Libc.ErrorNoEntry || file == -Libc.ErrorNotDirectory)
        {
            return null;
        }
        if (file < 0)
        {
            throw Refused(path, file == -Libc.ErrorLoop ? "It is a link to another file." : "It cannot be opened.");
        }
        try
        {
            if (!Libc.IsRegularFile(file))
            {
                throw Refused(path, "It is not a plain file.");
            }
            // One more than fits tells that there is more; the size that the file claims may be another a moment later.
            var content = new byte[largest + 1];
            var length = 0;
            for (int count; length < content.Length; length += count)
            {
                count = Libc.Read(file, content.AsSpan(length));
                if (count < 0)
                {
                    throw Refused(path, "It cannot be read.");
                }
                if (count == 0)
                {
                    break;
                }
            }
            return length <= largest ? content[..length] : throw Refused(path, $"It is larger than {largest / 1024} KiB.");
        }
        finally
        {
            Libc.Close(file);
        }
    }

    /// <exception cref="UserError">It is no UTF-8.</exception>
    public static string Text(string path, byte[] content)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (DecoderFallbackException)
        {
            throw Refused(path, "It is not UTF-8 text.");
        }
    }

    private static UserError Refused(string path, string why) =>
        new($"{path} cannot be used.", why, "Look at it, and remove it if it is not yours.");
}
