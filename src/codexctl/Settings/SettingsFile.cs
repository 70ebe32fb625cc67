using System.Globalization;
using System.Text;
using Tomlyn;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Codexctl.Settings;

/// <summary>A value as it stands in a file.</summary>
/// <param name="Path">The name's parts: servers, home, url.</param>
/// <param name="Line">Counted from 1.</param>
public sealed record SettingEntry(Setting Setting, IReadOnlyList<string> Path, SettingValue Value, int Line)
{
    public string Name => string.Join('.', Path);
}

/// <summary>A settings file that was read and understood whole: known names, right kinds, each once.</summary>
public sealed class SettingsFile
{
    private SettingsFile(string path, IReadOnlyList<SettingEntry> entries) => (Path, Entries) = (path, entries);

    public string Path { get; }

    public IReadOnlyList<SettingEntry> Entries { get; }

    /// <param name="path">For messages; nothing is read.</param>
    /// <exception cref="UserError">It cannot be understood; with the file, the line and the nearest right name.</exception>
    public static SettingsFile Parse(string path, string text)
    {
        var entries = new List<SettingEntry>();
        var document = Document(path, text);
        if (document.Tables.OfType<TableArraySyntax>().FirstOrDefault() is { } array)
        {
            throw Wrong(
                path,
                array.Span.Start.Line + 1,
                $"[[{string.Join('.', Names(array.Name))}]] begins a list of tables; write one pair of brackets."
            );
        }
        foreach (var (names, pair) in Pairs(document))
        {
            entries.Add(Entry(path, names, pair));
        }
        return new SettingsFile(path, entries);
    }

    /// <summary>The text of the person's own file; null when there is none.</summary>
    /// <exception cref="UserError">It cannot be read, or is no text: nothing is made of what is half understood.</exception>
    public static string? ReadText(string path)
    {
        try
        {
            var bytes = File.ReadAllBytes(path);
            var begin = bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes.AsSpan(begin));
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            return new FileInfo(path).LinkTarget is { } target
                ? throw Unreadable(path, $"It is a link to {target}, which is not there.")
                : null;
        }
        catch (DecoderFallbackException)
        {
            throw Unreadable(path, "It is not UTF-8 text.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(path, Directory.Exists(path) ? "It is a folder." : error.Message);
        }
    }

    private static UserError Unreadable(string path, string why) =>
        new($"{path} cannot be read.", why, "Mend it, or name another with CODEXCTL_CONFIG.");

    /// <exception cref="UserError">It is no TOML.</exception>
    internal static DocumentSyntax Document(string path, string text)
    {
        try
        {
            var document = SyntaxParser.Parse(text, path, validate: true);
            return document.Diagnostics.FirstOrDefault(message => message.Kind == DiagnosticMessageKind.Error) is { } error
                ? throw Wrong(path, error.Span.Start.Line + 1, error.Message)
                : document;
        }
        catch (Exception error) when (error is TomlException or ArgumentException or InvalidOperationException or IndexOutOfRangeException)
        {
            // The parser gives up by an exception on too deep nesting, and trips over some texts that are no TOML.
            throw Wrong(path, 1, error is TomlException ? error.Message : "It is not valid TOML.");
        }
    }

    /// <summary>Every pair of the file that holds a value which is no table, with its whole name.</summary>
    internal static IEnumerable<(IReadOnlyList<string> Names, KeyValueSyntax Pair)> Pairs(DocumentSyntax document) =>
        AllPairs(document).Where(found => found.Pair.Value is not InlineTableSyntax);

    /// <summary>Those whose value is a table within a line too, each before what is in it.</summary>
    internal static IEnumerable<(IReadOnlyList<string> Names, KeyValueSyntax Pair)> AllPairs(DocumentSyntax document) =>
        document
            .KeyValues.SelectMany(pair => AllPairs([], pair))
            .Concat(document.Tables.SelectMany(table => table.Items.SelectMany(pair => AllPairs(Names(table.Name), pair))));

    internal static IReadOnlyList<string> Names(KeySyntax? key) =>
        key is null ? [] : [Part(key.Key), .. key.DotKeys.Select(dotted => Part(dotted.Key))];

    private static IEnumerable<(IReadOnlyList<string> Names, KeyValueSyntax Pair)> AllPairs(
        IReadOnlyList<string> table,
        KeyValueSyntax pair
    )
    {
        IReadOnlyList<string> names = [.. table, .. Names(pair.Key)];
        var inside = (pair.Value as InlineTableSyntax)?.Items.SelectMany(item => AllPairs(names, item.KeyValue!)) ?? [];
        return inside.Prepend((names, pair));
    }

    private static string Part(BareKeyOrStringValueSyntax? part) =>
        part switch
        {
            BareKeySyntax bare => bare.Key?.Text ?? "",
            StringValueSyntax quoted => quoted.Value ?? "",
            _ => "",
        };

    private static SettingEntry Entry(string path, IReadOnlyList<string> names, KeyValueSyntax pair)
    {
        var line = pair.Span.Start.Line + 1;
        var name = Shown.Text(string.Join('.', names));
        var setting = SettingsTable.Find(names);
        if (setting is null)
        {
            throw SettingsTable.IsTable(names)
                ? Wrong(path, line, $"{name} is a table of settings, not a value.")
                : Wrong(path, line, $"There is no setting {name}.", SettingsTable.NearestTo(names));
        }
        if (SettingsTable.ProblemWithNames(names) is { } problemWithName)
        {
            throw Wrong(path, line, $"{name}: {problemWithName}.");
        }
        var value = Value(setting, pair.Value) ?? throw Wrong(path, line, $"{name} must be {KindWords(setting)}.");
        return setting.ProblemWith(value) is { } problem
            ? throw Wrong(path, line, $"{name} cannot be {Shown.Text(value.Text)}: {problem.TrimEnd('.')}.")
            : new SettingEntry(setting, names, value, line);
    }

    private static SettingValue? Value(Setting setting, ValueSyntax? value) =>
        (setting.Kind, value) switch
        {
            (SettingKind.Text, StringValueSyntax text) => SettingValue.Of(text.Value ?? ""),
            (SettingKind.Flag, BooleanValueSyntax flag) => SettingValue.Of(flag.Value),
            (SettingKind.Number, IntegerValueSyntax number) => Number(number.Value),
            (SettingKind.Number, FloatValueSyntax { Value: > -1e9 and < 1e9 } number) => Number((decimal)number.Value),
            (SettingKind.List, ArraySyntax array) when array.Items.All(item => item.Value is StringValueSyntax) => SettingValue.Of([
                .. array.Items.Select(item => ((StringValueSyntax)item.Value!).Value ?? ""),
            ]),
            _ => null,
        };

    private static SettingValue Number(decimal number) => new(SettingKind.Number, [number.ToString(CultureInfo.InvariantCulture)]);

    internal static string KindWords(Setting setting) =>
        setting.Kind switch
        {
            SettingKind.Flag => "true or false, without quotes",
            SettingKind.Number => "a number, without quotes",
            SettingKind.List => "a list of texts, such as [\"npm\", \"pypi\"]",
            _ => "a text in quotes",
        };

    private static UserError Wrong(string path, int line, string what, string? nearest = null) =>
        new(
            $"{path}:{line}: {Shown.Text(what.ReplaceLineEndings(" "))}",
            null,
            nearest is null ? "Correct the line; docs/settings.md has every setting." : $"Did you mean {Shown.Text(nearest)}?"
        );
}
