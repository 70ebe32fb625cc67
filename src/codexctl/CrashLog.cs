namespace Codexctl;

/// <summary>Keeps what a bug report needs: the stack, never arguments or environment.</summary>
internal static class CrashLog
{
    /// <returns>A sentence that says where it is, or why it could not be kept.</returns>
    public static string Write(Paths paths, Exception error)
    {
        try
        {
            Paths.MakePrivate(paths.State);
            PrivateFile.Write(paths.CrashLog, $"codexctl {Product.Version}\n{error}\n");
            return $"The details are in {paths.CrashLog}";
        }
        catch (Exception second) when (second is IOException or UnauthorizedAccessException)
        {
            return $"The details could not be kept ({second.Message}):\n{error}";
        }
    }
}
