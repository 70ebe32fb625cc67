using System.Text;
using Codexctl.Engines;
using Codexctl.Models;

namespace Codexctl.Sessions;

/// <summary>Writes what the box mounts read-only at /etc/codex. Replaced file by file, so that a running Codex never reads half of one.</summary>
public static class BoxFiles
{
    public static void Prepare(RunRequest request, ContainerPaths files)
    {
        var profiles = Path.Combine(files.CodexConfig, "profiles");
        MakeReadable(files.CodexConfig);
        MakeReadable(profiles);
        Write(Path.Combine(files.CodexConfig, "config.toml"), CodexConfiguration.Local(new LocalCodex(request.Model)));
        var wanted = CodexConfiguration.Profiles(request.Profiles);
        foreach (var (name, text) in wanted)
        {
            Write(Path.Combine(profiles, name), text);
        }
        foreach (var gone in Directory.EnumerateFiles(profiles).Where(file => !wanted.ContainsKey(Path.GetFileName(file))))
        {
            File.Delete(gone);
        }
        var bundle = Path.Combine(files.CodexConfig, Path.GetFileName(CaBundle.InBox));
        if (request.Certificates is { } certificates)
        {
            Write(bundle, certificates);
        }
        else
        {
            File.Delete(bundle);
        }
    }

    private static void Write(string path, string text) => Write(path, Encoding.UTF8.GetBytes(text));

    private static void Write(string path, ReadOnlySpan<byte> content)
    {
        if (!File.Exists(path) || !content.SequenceEqual(File.ReadAllBytes(path)))
        {
            PrivateFile.Write(path, content);
        }
        // The box's user may be another one than ours; nothing here is secret, and the folder above is ours alone.
        File.SetUnixFileMode(path, (UnixFileMode)0b110_100_100);
    }

    private static void MakeReadable(string folder)
    {
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
    }
}
