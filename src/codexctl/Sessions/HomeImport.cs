using System.Formats.Tar;
using Codexctl.Engines;

namespace Codexctl.Sessions;

/// <summary>Puts files into the Codex homes of a box. What is there stays as it is, so that doing it twice is doing it once.</summary>
public static class HomeImport
{
    // Each piece goes in by standard input, as text.
    private const int Piece = 4 << 20;
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(5);

    // The search path of the box may begin with folders of the agent's.
    private const string Script = """
        PATH=/usr/local/bin:/usr/bin:/bin; umask 077; set -eu
        mkdir -p "$1"; new=$(mktemp -d "$1/.import.XXXXXX"); trap 'rm -rf "$new"' EXIT
        base64 -d >"$new/.tar"; tar -xf "$new/.tar" -C "$new"; rm "$new/.tar"; cd "$new"
        find . -type f | while IFS= read -r file; do
            to=$1/${file#./}
            [ ! -e "$to" ] && [ ! -L "$to" ] || continue
            mkdir -p "${to%/*}"; mv "$file" "$to"; echo "$file"
        done
        """;

    /// <returns>How many were not there yet.</returns>
    /// <exception cref="UserError">The box did not take them.</exception>
    public static async Task<int> PutAsync(Session session, IEnumerable<HomeFile> files, CancellationToken cancel)
    {
        var waiting = new Dictionary<string, List<HomeFile>>(StringComparer.Ordinal);
        var taken = 0;
        foreach (var file in files)
        {
            if (!waiting.TryGetValue(file.Home, out var piece))
            {
                waiting[file.Home] = piece = [];
            }
            piece.Add(file);
            if (piece.Sum(one => (long)one.Content.Length) >= Piece)
            {
                taken += await PutPieceAsync(session, file.Home, piece, cancel);
                piece.Clear();
            }
        }
        foreach (var (home, piece) in waiting.Where(one => one.Value.Count > 0))
        {
            taken += await PutPieceAsync(session, home, piece, cancel);
        }
        return taken;
    }

    private static async Task<int> PutPieceAsync(Session session, string home, List<HomeFile> files, CancellationToken cancel)
    {
        using var tar = new MemoryStream();
        using (var writer = new TarWriter(tar, TarEntryFormat.Ustar, leaveOpen: true))
        {
            foreach (var file in files)
            {
                await writer.WriteEntryAsync(
                    new UstarTarEntry(TarEntryType.RegularFile, file.Name)
                    {
                        DataStream = new MemoryStream(file.Content),
                        Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                    },
                    cancel
                );
            }
        }
        var text = Convert.ToBase64String(tar.GetBuffer(), 0, (int)tar.Length, Base64FormattingOptions.InsertLineBreaks);
        var result = await session.CaptureAsync(["/bin/sh", "-c", Script, "sh", home], _limit, cancel, text + "\n");
        return result.ExitCode == 0
            ? result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length
            : throw new UserError(
                $"The sessions could not be put into the box {session.Container}.",
                result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault(),
                "What was put there stays; run codexctl import --apply again for the rest."
            );
    }
}
