namespace Codexctl.AppleContainer;

/// <summary>The words in which the tables are written.</summary>
internal static class TableBuilder
{
    private static readonly Version _always = new(0, 1);

    public static Option Flag(string names, string? since = null, string? help = null) =>
        new(Split(names), ValueKind.None, "", [], Repeats: false, Since(since), help);

    public static Option Text(string names, string value, string? since = null, string? help = null) =>
        new(Split(names), ValueKind.Text, value, [], Repeats: false, Since(since), help);

    public static Option Texts(string names, string value, string? since = null, string? help = null) =>
        new(Split(names), ValueKind.Text, value, [], Repeats: true, Since(since), help);

    public static Option Number(string names, string value, string? since = null, string? help = null) =>
        new(Split(names), ValueKind.WholeNumber, value, [], Repeats: false, Since(since), help);

    public static Option Choice(string names, string value, params string[] choices) =>
        new(Split(names), ValueKind.Choice, value, choices, Repeats: false, _always, "Format of the output");

    public static Option SilentChoice(string names, string value, string? since, params string[] choices) =>
        new(Split(names), ValueKind.SilentChoice, value, choices, Repeats: false, Since(since), "Progress type");

    public static Positional One(string name, string? help = null) => new(name, Required: true, Repeats: false, Passthrough: false, help);

    public static Positional Maybe(string name, string? help = null) =>
        new(name, Required: false, Repeats: false, Passthrough: false, help);

    public static Positional Many(string name, string? help = null) => new(name, Required: true, Repeats: true, Passthrough: false, help);

    public static Positional Any(string name, string? help = null) => new(name, Required: false, Repeats: true, Passthrough: false, help);

    public static Positional Argv(bool required) => new("arguments", required, Repeats: true, Passthrough: true, "New process arguments");

    public static CommandTable Command(
        string path,
        string usage,
        IReadOnlyList<Option> options,
        IReadOnlyList<Positional> positionals,
        string? since = null,
        Func<ParsedCommand, Refusal?>? validate = null
    ) => new(path, usage, [.. options, Flag("--debug")], positionals, Since(since), validate);

    public static Version Since(string? version) => version is null ? _always : new Version(version);

    private static string[] Split(string names) => names.Split(", ");
}
