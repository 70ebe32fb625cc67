using Tomlyn.Syntax;

namespace Codexctl.Settings;

/// <summary>
/// Changes one value in the text of a settings file and leaves everything else as it is: comments, order, layout. Pure; the
/// result is read again before it is given back, so that nothing which cannot be understood is ever written.
/// </summary>
public static class SettingsEditor
{
    /// <exception cref="UserError">The text cannot be understood as it is, or would not be afterwards.</exception>
    public static string Set(string path, string text, IReadOnlyList<string> names, SettingValue value)
    {
        SettingsFile.Parse(path, text);
        var document = SettingsFile.Document(path, text);
        var changed = Find(document, names) is { } pair
            ? Replace(text, pair.Value!.Span, value.ToToml())
            : Insert(document, text, names, value);
        return Checked(path, changed, names, value);
    }

    /// <summary>Adds an entry to a list, at its end; the text as it is when the entry is there already.</summary>
    public static string Add(string path, string text, IReadOnlyList<string> names, string entry)
    {
        var before = SettingsFile
            .Parse(path, text)
            .Entries.FirstOrDefault(found => found.Path.SequenceEqual(names, StringComparer.Ordinal));
        if (before is null)
        {
            return Set(path, text, names, SettingValue.Of([entry]));
        }
        if (before.Value.Words.Contains(entry, StringComparer.Ordinal))
        {
            return text;
        }
        var array = (ArraySyntax)Find(SettingsFile.Document(path, text), names)!.Value!;
        var quoted = SettingValue.Quote(entry);
        var last = array.Items.LastOrDefault();
        string changed;
        if (last is null)
        {
            changed = text.Insert(array.OpenBracket!.Span.End.Offset + 1, quoted);
        }
        else
        {
            // On a line of its own, where the last one is.
            var start = last.Value!.Span.Start.Offset;
            var lineStart = text.LastIndexOf('\n', start) + 1;
            var indent = text[lineStart..start];
            var parted = string.IsNullOrWhiteSpace(indent) && lineStart > array.Span.Start.Offset ? "\n" + indent : " ";
            changed = last.Comma is { } comma
                ? text.Insert(EndOfLineComment(text, comma.Span.End.Offset + 1, parted), $"{parted}{quoted},")
                : text.Insert(last.Value.Span.End.Offset + 1, $",{parted}{quoted}");
        }
        return Checked(path, changed, names, SettingValue.Of([.. before.Value.Words, entry]));
    }

    /// <summary>Takes a value out, with its line; null when it is not there.</summary>
    public static string? Unset(string path, string text, IReadOnlyList<string> names)
    {
        SettingsFile.Parse(path, text);
        var document = SettingsFile.Document(path, text);
        if (Find(document, names) is not { } pair)
        {
            return null;
        }
        string changed;
        if (pair.Parent is InlineTableItemSyntax item && item.Parent is SyntaxNode { Parent: InlineTableSyntax inline })
        {
            var others = inline.Items.Where(other => other != item).Select(other => Slice(text, other.KeyValue!.Span).Trim());
            var inside = string.Join(", ", others);
            changed = Replace(text, inline.Span, inside.Length == 0 ? "{}" : $"{{ {inside} }}");
        }
        else
        {
            var start = text.LastIndexOf('\n', Math.Max(0, pair.Span.Start.Offset - 1)) + 1;
            start = pair.Span.Start.Offset == 0 ? 0 : start;
            var end = text.IndexOf('\n', pair.Value!.Span.End.Offset);
            changed = text.Remove(start, (end < 0 ? text.Length : end + 1) - start);
        }
        return Checked(path, changed, names, null);
    }

    private static KeyValueSyntax? Find(DocumentSyntax document, IReadOnlyList<string> names) => Find(SettingsFile.Pairs(document), names);

    private static KeyValueSyntax? Find(
        IEnumerable<(IReadOnlyList<string> Names, KeyValueSyntax Pair)> pairs,
        IReadOnlyList<string> names
    ) => pairs.FirstOrDefault(found => found.Names.SequenceEqual(names, StringComparer.Ordinal)).Pair;

    private static string Insert(DocumentSyntax document, string text, IReadOnlyList<string> names, SettingValue value)
    {
        // In the table that is there with the longest part of the name; else a table of its own at the end.
        for (var length = names.Count - 1; length > 0; length--)
        {
            var parent = names.Take(length).ToList();
            var line = $"{Dotted(names.Skip(length))} = {value.ToToml()}\n";
            var table = document
                .Tables.OfType<TableSyntax>()
                .FirstOrDefault(table => SettingsFile.Names(table.Name).SequenceEqual(parent, StringComparer.Ordinal));
            if (table is not null)
            {
                return InsertLine(text, table.Items.LastOrDefault()?.Value?.Span.End.Offset ?? table.CloseBracket!.Span.End.Offset, line);
            }
            if (Find(SettingsFile.AllPairs(document), parent)?.Value is InlineTableSyntax inline)
            {
                var items = inline.Items.Select(item => Slice(text, item.KeyValue!.Span).Trim()).Append(line.TrimEnd());
                return Replace(text, inline.Span, $"{{ {string.Join(", ", items)} }}");
            }
            if (
                document.KeyValues.LastOrDefault(pair =>
                    SettingsFile.Names(pair.Key).Take(length).SequenceEqual(parent, StringComparer.Ordinal)
                ) is
                { } dotted
            )
            {
                return InsertLine(text, dotted.Value!.Span.End.Offset, $"{Dotted(names)} = {value.ToToml()}\n");
            }
        }
        if (names.Count > 1)
        {
            var gap =
                text.Length == 0 ? ""
                : text.EndsWith('\n') ? "\n"
                : "\n\n";
            return $"{text}{gap}[{Dotted(names.SkipLast(1))}]\n{names[^1]} = {value.ToToml()}\n";
        }
        var plain = $"{names[0]} = {value.ToToml()}\n";
        if (document.KeyValues.LastOrDefault() is { } before)
        {
            return InsertLine(text, before.Value!.Span.End.Offset, plain);
        }
        return document.Tables.FirstOrDefault() is { } first
            ? text.Insert(StartOfComments(text, first.Span.Start.Offset), plain + "\n")
            : $"{text}{(text.Length == 0 || text.EndsWith('\n') ? "" : "\n")}{plain}";
    }

    // Below the line in which something ends, with the comment behind it.
    private static string InsertLine(string text, int after, string line)
    {
        var end = text.IndexOf('\n', after);
        return end < 0 ? $"{text}\n{line}" : text.Insert(end + 1, line);
    }

    // The comment lines right above a table belong to it.
    private static int StartOfComments(string text, int table)
    {
        var start = table;
        while (start > 0)
        {
            var above = text.LastIndexOf('\n', Math.Max(0, start - 2)) + 1;
            above = start == 1 ? 0 : above;
            if (!text[above..start].TrimStart().StartsWith('#'))
            {
                break;
            }
            start = above;
        }
        return start;
    }

    private static int EndOfLineComment(string text, int after, string parted)
    {
        var end = text.IndexOf('\n', after);
        return parted.Length > 1 && end >= 0 && text[after..end].TrimStart() is "" or ['#', ..] ? end : after;
    }

    private static string Dotted(IEnumerable<string> names) => string.Join('.', names);

    private static string Slice(string text, SourceSpan span) => text[span.Start.Offset..(span.End.Offset + 1)];

    private static string Replace(string text, SourceSpan span, string with) =>
        text.Remove(span.Start.Offset, span.End.Offset + 1 - span.Start.Offset).Insert(span.Start.Offset, with);

    private static string Checked(string path, string text, IReadOnlyList<string> names, SettingValue? value)
    {
        var found = SettingsFile.Parse(path, text).Entries.FirstOrDefault(entry => entry.Path.SequenceEqual(names, StringComparer.Ordinal));
        var right = value is null ? found is null : value.Same(found?.Value);
        return right
            ? text
            : throw new UserError(
                $"{path} is laid out in a way that {string.Join('.', names)} cannot be changed in.",
                null,
                "Change it by hand: codexctl config edit"
            );
    }
}
