using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Gateway.Log;

/// <summary>A record, and whose it is.</summary>
/// <param name="Workdir">The folder on the host; null where the record does not say.</param>
public sealed record LoggedSession(string Engine, string Container, string? Workdir, ContainerPaths Files, RecordSession Record)
{
    public string Id => Record.Id;

    public DateTimeOffset? Started { get; init; }

    /// <summary>A file that somebody named, of which it cannot be told whether anybody still writes to it.</summary>
    public bool IsFile => Engine.Length == 0;

    /// <summary>Whether a gateway, or the proxy that began it, writes to it now.</summary>
    public bool IsLive =>
        !Record.Ended && (IsFile ? FileLock.IsHeld(Mark(Folder, Id)) : GatewayLives(Files) && RecordFile.Last(Files.Records)?.Id == Id);

    /// <summary>Where its files lie.</summary>
    public string Folder => Path.GetDirectoryName(Record.Parts[0])!;

    /// <summary>What `codexctl proxy` holds locked while it records.</summary>
    public static string Mark(string folder, string session) => Path.Combine(folder, session + ".lock");

    /// <summary>Whether a gateway of the container is there.</summary>
    public static bool GatewayLives(ContainerPaths files)
    {
        if (!File.Exists(files.GatewayLock))
        {
            return false;
        }
        using var free = FileLock.TryTake(files.GatewayLock, shared: true);
        return free is null;
    }
}

/// <summary>Finds records in the state directory, without asking an engine: containers may be gone, their records stay.</summary>
public sealed class SessionFinder(Paths paths)
{
    /// <summary>All there are, the oldest first; those of `codexctl proxy --record` too.</summary>
    public IReadOnlyList<LoggedSession> All() =>
        [
            .. Containers()
                .SelectMany(container =>
                    RecordFile
                        .Sessions(container.Files.Records)
                        .Select(record => Describe(container.Engine, container.Name, container.Files, record))
                )
                .Concat(RecordFile.Sessions(paths.Proxy).Select(record => Describe("", "proxy", new ContainerPaths(paths.Proxy), record)))
                .OrderBy(session => session.Id, StringComparer.Ordinal),
        ];

    /// <summary>Whether a session's name is meant: by its beginning, or by the signs of chance at its end.</summary>
    public static bool IsNamed(string? session, string wanted) =>
        session is not null
        && (session.StartsWith(wanted, StringComparison.Ordinal) || session.EndsWith("-" + wanted, StringComparison.Ordinal));

    /// <summary>Whether a container is or was of a folder; also when all its records were removed.</summary>
    public static bool IsOf(string folder, ContainerPaths files, IEnumerable<LoggedSession> sessions) =>
        sessions.Any(session => session.Workdir == folder) || RemovedRecords.Of(files.Records).Any(removed => removed.Workdir == folder);

    /// <summary>Those of a folder on the host, the oldest first.</summary>
    public IReadOnlyList<LoggedSession> OfFolder(string folder) => [.. All().Where(session => session.Workdir == folder)];

    /// <summary>The session that is meant: by the beginning of its name, or the latest of a container, or the latest of the folder.</summary>
    /// <param name="wanted">A session's or a container's name, or a record's path; null for the folder's latest.</param>
    /// <exception cref="UserError">There is none, or several.</exception>
    public LoggedSession Find(string? wanted, string folder)
    {
        if (wanted is null)
        {
            return OfFolder(folder) is [.., var last]
                ? last
                : throw new UserError(
                    $"There is no record for {folder}.",
                    "Records are made by codexctl run.",
                    "codexctl log --list --all shows those of other folders."
                );
        }
        if (wanted.Contains('/') || wanted.EndsWith(".jsonl", StringComparison.Ordinal))
        {
            return OfFile(Path.GetFullPath(wanted));
        }
        var all = All();
        if (all.Where(session => session.Container == wanted).ToList() is [.., var newest])
        {
            return newest;
        }
        return all.Where(session => IsNamed(session.Id, wanted)).ToList() switch
        {
            [var one] => one,
            [] => throw new UserError(
                $"There is no session and no container named {wanted}.",
                Removed(wanted) is { } removed
                    ? $"The record {removed.Session} was removed on {removed.At:yyyy-MM-dd}: {removed.Reason}."
                    : null,
                "codexctl log --list --all shows all that are recorded."
            ),
            var several => throw new UserError(
                $"{several.Count} sessions begin with {wanted}.",
                string.Join('\n', several.Take(10).Select(session => $"{session.Id}  {session.Container}")),
                "Type more of the name."
            ),
        };
    }

    private RemovedRecord? Removed(string wanted) =>
        Containers().SelectMany(container => RemovedRecords.Of(container.Files.Records)).LastOrDefault(one => IsNamed(one.Session, wanted));

    /// <summary>A record that lies somewhere else: of `codexctl proxy`, or a copy.</summary>
    private static LoggedSession OfFile(string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        var (name, part) = RecordFile.Split(path);
        var record =
            part == 1 ? RecordFile.Sessions(folder).FirstOrDefault(session => session.Id == name && session.Parts[0] == path) : null;
        if (!File.Exists(path))
        {
            throw new UserError($"There is no file {path}.", null, "codexctl log --list --all shows the sessions that are recorded.");
        }
        record ??= new RecordSession(Path.GetFileName(path), [path]);
        return FirstLine(path) is null
            ? throw new UserError(
                $"{path} is no record of codexctl.",
                "Its first line does not say so.",
                "docs/recording.md tells what one looks like."
            )
            : Describe("", "", new ContainerPaths(folder), record);
    }

    /// <summary>The containers that have a folder of state, with their engines.</summary>
    public IEnumerable<(string Engine, string Name, ContainerPaths Files)> Containers()
    {
        if (!Directory.Exists(paths.State))
        {
            yield break;
        }
        foreach (var engine in Directory.EnumerateDirectories(paths.State))
        {
            foreach (var container in Directory.EnumerateDirectories(engine))
            {
                var files = new ContainerPaths(container);
                if (Directory.Exists(files.Records) || Directory.Exists(files.Receipts))
                {
                    yield return (Path.GetFileName(engine), Path.GetFileName(container), files);
                }
            }
        }
    }

    private static LoggedSession Describe(string engine, string container, ContainerPaths files, RecordSession record)
    {
        var start = FirstLine(record.Parts[0]);
        return new LoggedSession(engine, container, start?.Info.Workdir, files, record) { Started = start?.At };
    }

    private static SessionStart? FirstLine(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var buffer = new byte[16 << 10];
            var read = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            var line = buffer.AsMemory(0, read);
            var end = line.Span.IndexOf((byte)'\n');
            return end < 0 ? null : RecordLine.Read(line[..end]) as SessionStart;
        }
        catch (IOException)
        {
            // Removed at this moment.
            return null;
        }
    }
}
