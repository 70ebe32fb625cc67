using System.Collections.Immutable;

namespace Codexctl.Policy;

/// <summary>What the allow list says about one host and port.</summary>
/// <param name="Host">The canonical name where the text was one; else the text as it came.</param>
/// <param name="Reason">Why not, in words that end no sentence; null when allowed.</param>
/// <param name="Flags">The flags that would allow it, the best first; empty when nothing would.</param>
public sealed record Decision(bool Allowed, string Host, int Port, string? Reason, IReadOnlyList<string> Flags)
{
    /// <summary>A sentence for the person: how to allow it; null when nothing would.</summary>
    public string? Mend =>
        Flags switch
        {
            [] => null,
            [var only] => $"Allow it with: codexctl run {only}; now, in another terminal: codexctl {only[2..]}",
            [var best, var other, ..] => $"Allow it with: codexctl run {best} (or {other}); now, in another terminal: codexctl {best[2..]}",
        };
}

/// <summary>
/// The hosts that a box may reach. Immutable: a change makes a new one. Empty unless somebody allowed something, and empty means nothing.
/// Entries stand in the order they were given and the last one that covers a host decides, so that a host can be taken out of a
/// preset or wildcard and given back.
/// </summary>
public sealed class AllowList
{
    /// <summary>Begins an entry that takes away, in the text form.</summary>
    private const char Not = '!';

    public static AllowList Empty { get; } = new([]);

    private readonly ImmutableArray<Entry> _entries;

    private AllowList(ImmutableArray<Entry> entries) => _entries = entries;

    /// <summary>Presets and patterns; a leading `!` marks what was taken out of an earlier one. <see cref="Parse"/> takes the same.</summary>
    public IReadOnlyList<string> Entries => [.. _entries.Select(entry => (entry.Denies ? $"{Not}" : "") + entry.Text)];

    /// <summary>Whether nothing at all is allowed.</summary>
    public bool IsEmpty => _entries.All(entry => entry.Denies);

    /// <summary>Reads presets and patterns; a text may hold several, parted by commas. Throws UserError at the first wrong one.</summary>
    public static AllowList Parse(IEnumerable<string> entries)
    {
        var list = Empty;
        foreach (var text in entries.SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries)).Where(text => text.Length > 0))
        {
            list = text[0] == Not ? list.Deny(text[1..]) : list.Allow(text);
        }
        return list;
    }

    /// <summary>Adds a preset or pattern.</summary>
    public AllowList Allow(string text)
    {
        var entry = Entry.Parse(text, denies: false);
        return new AllowList([.. Without(entry), entry]);
    }

    /// <summary>Takes a preset or pattern out; where another entry still covers a part of it, that part is denied by name.</summary>
    public AllowList Deny(string text)
    {
        var entry = Entry.Parse(text, denies: true);
        var rest = Without(entry);
        var covered = rest.Any(other => !other.Denies && entry.Overlaps(other));
        return new AllowList(covered ? [.. rest, entry] : rest);
    }

    /// <summary>Decides by name alone; the addresses behind the name are another question (<see cref="AddressRules"/>).</summary>
    /// <param name="host">As it came over the wire: any case, perhaps with a final dot.</param>
    public Decision Decide(string host, int port)
    {
        if (!HostName.TryNormalize(host, allowUnicode: false, out var name, out var reason))
        {
            return new Decision(false, host, port, reason, []);
        }
        if (port is <= 0 or > 65535)
        {
            return new Decision(false, name, port, "there is no such port", []);
        }
        return _entries.LastOrDefault(entry => entry.Matches(name, port)) switch
        {
            null => Refused(name, port, "it is not on the allow list"),
            { Denies: true } => Refused(name, port, "it was denied for this box"),
            _ => new Decision(true, name, port, null, []),
        };
    }

    private ImmutableArray<Entry> Without(Entry entry) =>
        _entries.RemoveAll(other => string.Equals(other.Text, entry.Text, StringComparison.Ordinal));

    private static Decision Refused(string name, int port, string reason)
    {
        var own = $"--allow {name}{(port is 443 or 80 ? "" : $":{port}")}";
        return Presets.Covering(name, port) is { } preset
            ? new Decision(false, name, port, reason, [$"--allow {preset.Name}", own])
            : new Decision(false, name, port, reason, [own]);
    }

    /// <summary>A preset or a pattern.</summary>
    private sealed record Entry(string Text, bool Denies, IReadOnlyList<HostPattern> Patterns)
    {
        public bool Matches(string host, int port) => Patterns.Any(pattern => pattern.Matches(host, port));

        public bool Overlaps(Entry other) => Patterns.Any(mine => other.Patterns.Any(mine.Overlaps));

        public static Entry Parse(string text, bool denies)
        {
            if (Presets.Find(text) is { } preset)
            {
                return new Entry(preset.Name, denies, preset.Patterns);
            }
            var pattern = HostPattern.Parse(text);
            return new Entry(pattern.ToString(), denies, [pattern]);
        }
    }
}
