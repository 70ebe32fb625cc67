namespace Codexctl.Sessions;

/// <summary>What is kept on disk for a container.</summary>
internal static class ContainerFiles
{
    /// <summary>Removes all of it but recordings and receipts, which are the person's to keep.</summary>
    /// <param name="recordsToo">Those as well: of the demo nobody wants to keep them.</param>
    public static void Remove(ContainerPaths files, bool recordsToo = false)
    {
        string[] records = recordsToo ? [files.Records, files.Receipts] : [];
        foreach (var folder in (string[])[files.Door, Path.GetDirectoryName(files.ControlSocket)!, files.CodexConfig, .. records])
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        foreach (var file in (string[])[files.GatewayOrder, files.GatewayLog, files.GatewayLock, files.Pinned, files.Lease, files.BoxLock])
        {
            File.Delete(file);
        }
        if (Directory.Exists(files.Root) && !Directory.EnumerateFileSystemEntries(files.Root).Any())
        {
            Directory.Delete(files.Root);
        }
    }
}
