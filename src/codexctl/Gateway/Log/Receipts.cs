using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>A receipt, and whose it is.</summary>
/// <param name="Number">Its place in its container's chain; null for one that was never written: it is made from the record.</param>
public sealed record FoundReceipt(string Engine, string Container, long? Number, Receipt Receipt);

/// <summary>Finds receipts; and where a gateway died and nobody was left to write one, says what the record says.</summary>
public sealed class ReceiptFinder(SessionFinder sessions)
{
    /// <summary>Of the containers of a folder, or of all (null), the oldest first.</summary>
    public async Task<IReadOnlyList<FoundReceipt>> FindAsync(string? folder, CancellationToken cancel)
    {
        var all = sessions.All();
        var found = new List<FoundReceipt>();
        foreach (var (engine, container, files) in sessions.Containers())
        {
            var own = all.Where(session => session.Engine == engine && session.Container == container).ToList();
            if (folder is not null && !SessionFinder.IsOf(folder, files, own))
            {
                continue;
            }
            var kept = new ReceiptStore(files.Receipts).Entries();
            found.AddRange(kept.Select(entry => new FoundReceipt(engine, container, entry.Number, entry.File.Receipt)));
            foreach (var session in own)
            {
                if (await UnwrittenAsync(session, [.. kept.Select(entry => entry.File.Receipt)], cancel) is { } receipt)
                {
                    found.Add(new FoundReceipt(engine, container, null, receipt));
                }
            }
        }
        return [.. found.OrderBy(receipt => receipt.Receipt.Ended)];
    }

    /// <summary>What happened in a session after its last receipt, where nobody was left to say so. Never "complete".</summary>
    private static async Task<Receipt?> UnwrittenAsync(LoggedSession session, IReadOnlyList<Receipt> kept, CancellationToken cancel)
    {
        var own = kept.Where(receipt => receipt.Session == session.Id).ToList();
        var ended = session.Record.Ended;
        if ((ended && own.Count > 0) || own.Exists(receipt => !receipt.Complete))
        {
            return null;
        }
        var read = await RecordFile.ReadAsync(session.Record, cancel);
        var last = own.Count > 0 ? own.Max(receipt => receipt.Ended) : (DateTimeOffset?)null;
        var tally = new Tally();
        var seen = read.Exchanges.Where(exchange => last is null || exchange.At > last).ToList();
        seen.ForEach(tally.Add);
        var live = !ended && session.IsLive;
        if (live && own.Count > 0 && seen.Count == 0)
        {
            return null;
        }
        var why =
            live ? "the run is still on"
            : ended ? "no receipt was written"
            : "the gateway died";
        var start = last ?? session.Started ?? seen.FirstOrDefault()?.At ?? DateTimeOffset.UnixEpoch;
        var end = seen.Count > 0 ? seen.Max(exchange => exchange.At) : start;
        return Receipt.From(tally.Snapshot(), start, end, why) with { Session = session.Id };
    }
}
