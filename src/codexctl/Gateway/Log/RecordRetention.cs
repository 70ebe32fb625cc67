using Codexctl.Gateway.Recording;
using Codexctl.Processes;

namespace Codexctl.Gateway.Log;

/// <summary>How long records stay.</summary>
/// <param name="Keep">Since their last line; null for ever.</param>
/// <param name="MostBytes">All records together; null for any size.</param>
public sealed record RetentionRule(TimeSpan? Keep, long? MostBytes);

/// <summary>A record that goes, and why.</summary>
public sealed record DueRecord(LoggedSession Session, long Bytes, string Reason);

/// <summary>
/// Removes old records, never receipts (their chain stays whole, and knows which records went) and never a record that somebody may still write to.
/// </summary>
public sealed class RecordRetention(SessionFinder sessions, TimeProvider clock)
{
    /// <summary>A record of `codexctl proxy` without an end may still be written to, as long as it is newer.</summary>
    private static readonly TimeSpan _open = TimeSpan.FromDays(1);

    /// <summary>What goes by a rule, the oldest first. Looks and changes nothing.</summary>
    public IReadOnlyList<DueRecord> Due(RetentionRule rule)
    {
        var now = clock.GetUtcNow();
        var all = sessions
            .All()
            .Select(session => (Session: session, Bytes: BytesOf(session), Last: LastLine(session)))
            .OrderBy(one => one.Last)
            .ToList();
        var left = all.Sum(one => one.Bytes);
        var due = new List<DueRecord>();
        foreach (var (session, bytes, last) in all)
        {
            var reason =
                rule.Keep is { } keep && now - last > keep ? $"nothing was added for {Words(keep)}"
                : rule.MostBytes is { } most && left > most ? $"all records together were larger than {Words(most)}"
                : null;
            if (reason is null || InUse(session, last))
            {
                continue;
            }
            left -= bytes;
            due.Add(new DueRecord(session, bytes, reason));
        }
        return due;
    }

    /// <summary>Removes what is due.</summary>
    public IReadOnlyList<DueRecord> Apply(RetentionRule rule)
    {
        var due = Due(rule);
        foreach (var one in due)
        {
            Remove(one);
        }
        return due;
    }

    /// <summary>Removes one record; what is said of it stays in the list beside it.</summary>
    public void Remove(DueRecord due)
    {
        var session = due.Session;
        RemovedRecords.Add(
            session.Folder,
            new RemovedRecord(RemovedRecords.Version, session.Id, session.Workdir, clock.GetUtcNow(), due.Bytes, due.Reason)
        );
        File.Delete(LoggedSession.Mark(session.Folder, session.Id));
        // The first file last: by it the record is found, should this be killed in the middle.
        foreach (var part in session.Record.Parts.Reverse())
        {
            File.Delete(part);
        }
    }

    /// <summary>Whether somebody may still write to it.</summary>
    public bool InUse(LoggedSession session) => InUse(session, LastLine(session));

    public static long BytesOf(LoggedSession session) =>
        session.Record.Parts.Select(part => new FileInfo(part)).Where(file => file.Exists).Sum(file => file.Length);

    internal static string Words(TimeSpan time) =>
        time.TotalDays >= 1 && time.TotalDays % 1 == 0 ? $"{time.TotalDays:0} day{(time.TotalDays == 1 ? "" : "s")}"
        : time.TotalHours == 1 ? "1 hour"
        : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{time.TotalHours:0.##} hours");

    internal static string Words(long bytes) =>
        bytes switch
        {
            >= 1L << 30 => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(double)bytes / (1L << 30):0.#} GB"),
            >= 1L << 20 => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(double)bytes / (1L << 20):0.#} MB"),
            _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(double)bytes / (1L << 10):0.#} KB"),
        };

    private bool InUse(LoggedSession session, DateTimeOffset last)
    {
        if (session.Record.Ended)
        {
            return false;
        }
        if (session.IsFile)
        {
            return session.IsLive || clock.GetUtcNow() - last < _open;
        }
        // Without a gateway, but with runs: the next gateway goes on in it.
        return session.IsLive || (RecordFile.Last(session.Files.Records)?.Id == session.Id && IsLeased(session.Files.Lease));
    }

    private static bool IsLeased(string lease)
    {
        if (!File.Exists(lease))
        {
            return false;
        }
        using var free = FileLock.TryTake(lease);
        return free is null;
    }

    private static DateTimeOffset LastLine(LoggedSession session) => new(File.GetLastWriteTimeUtc(session.Record.Parts[^1]), TimeSpan.Zero);
}
