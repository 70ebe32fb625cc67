using System.Formats.Tar;
using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>
/// The Codex homes of a container on their way into another: a tar file of ours. An agent wrote what is in them, so nothing of it is
/// unpacked on the host; the box that gets them does that, as its own user.
/// </summary>
public static class HomeLuggage
{
    /// <summary>Bytes that go in at once, by standard input and as text. A multiple of three, so that the text has no end within.</summary>
    private const int Piece = 3 << 20;

    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(5);
    private static readonly string[] _homes = [Box.LocalCodexHome, Box.OnlineCodexHome];

    // The search path of the box may begin with folders of the agent's. Whatever is there already stays: doing it twice is doing it once.
    private const string Script = """
        PATH=/usr/local/bin:/usr/bin:/bin; umask 077; set -eu
        new=$1/.codexctl-luggage
        case $2 in
        begin) rm -rf "$new"; mkdir "$new"; : >"$new/.tar" ;;
        add) base64 -d >>"$new/.tar" ;;
        end)
            cd "$new"
            [ ! -s .tar ] || tar -xf .tar
            rm .tar
            find . \( -type f -o -type l \) -exec /bin/sh -c '
                for file; do
                    to=$0/${file#./}
                    [ ! -e "$to" ] && [ ! -L "$to" ] || continue
                    mkdir -p "${to%/*}" && mv "$file" "$to" || exit 1
                done' "$1" {} +
            cd /
            rm -rf "$new"
            ;;
        esac
        """;

    /// <summary>Takes the files and links of the Codex homes out of an exported container. A login stays out: it has ways of its own.</summary>
    /// <param name="export">The container's files, as tar.</param>
    /// <param name="luggage">Gets the names relative to the box's home directory; on the disk when this returns.</param>
    public static void Pack(string export, string luggage)
    {
        using var source = File.OpenRead(export);
        using var target = new FileStream(
            luggage,
            new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }
        );
        var files = new ExportedFiles(source);
        // Of the forms with long names, the one that busybox reads.
        using (var writer = new TarWriter(target, TarEntryFormat.Gnu, leaveOpen: true))
        {
            var packed = new HashSet<string>(StringComparer.Ordinal);
            while (files.Next() is { } file)
            {
                if (NameInHome(file.Name) is { } name && Copy(file, name, files, packed) is { } copy)
                {
                    writer.WriteEntry(copy);
                    packed.Add(name);
                }
            }
        }
        target.Flush(flushToDisk: true);
    }

    /// <summary>Puts them into a box that is ready. What is there already stays as it is.</summary>
    /// <returns>What the box said at the step that failed, or at the last.</returns>
    public static Task<ProcessResult> UnpackAsync(Session session, string luggage, CancellationToken cancel) =>
        UnpackAsync((command, input) => session.CaptureAsync(command, _limit, cancel, input), Box.Home, luggage, cancel);

    internal static async Task<ProcessResult> UnpackAsync(
        Func<IReadOnlyList<string>, string?, Task<ProcessResult>> inBox,
        string home,
        string luggage,
        CancellationToken cancel
    )
    {
        await using var file = File.OpenRead(luggage);
        var result = await StepAsync("begin", null);
        var piece = new byte[Piece];
        while (result.ExitCode == 0)
        {
            var count = await file.ReadAtLeastAsync(piece, Piece, throwOnEndOfStream: false, cancel);
            if (count == 0)
            {
                return await StepAsync("end", null);
            }
            result = await StepAsync("add", Convert.ToBase64String(piece, 0, count) + "\n");
        }
        return result;

        Task<ProcessResult> StepAsync(string step, string? input) => inBox(["/bin/sh", "-c", Script, "sh", home, step], input);
    }

    /// <summary>The name relative to the box's home directory; null for what does not go along.</summary>
    private static string? NameInHome(string entry)
    {
        var path = ExportedFiles.PathOf(entry);
        if (
            _homes.FirstOrDefault(home => path.StartsWith(home + "/", StringComparison.Ordinal)) is not { } found
            || path.Split('/').Contains("..", StringComparer.Ordinal)
        )
        {
            return null;
        }
        return path[(found.Length + 1)..].StartsWith("auth.json", StringComparison.Ordinal) ? null : path[(Box.Home.Length + 1)..];
    }

    private static GnuTarEntry? Copy(ExportedFile file, string name, ExportedFiles files, HashSet<string> packed) =>
        file.Type switch
        {
            '0' => new GnuTarEntry(TarEntryType.RegularFile, name)
            {
                Mode = file.Mode,
                ModificationTime = file.Modified,
                DataStream = files.Content(),
            },
            '2' => new GnuTarEntry(TarEntryType.SymbolicLink, name) { LinkName = file.LinkName },
            // One file of two names: the second is a link to where the first stands in the same archive.
            '1' when NameInHome(file.LinkName) is { } first && packed.Contains(first) => new GnuTarEntry(TarEntryType.HardLink, name)
            {
                LinkName = first,
            },
            _ => null,
        };
}
