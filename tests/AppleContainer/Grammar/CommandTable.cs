namespace Codexctl.AppleContainer;

/// <summary>What an option's value must be at parse time. Everything else about a value is looked at when the command runs.</summary>
public enum ValueKind
{
    /// <summary>A flag: no value.</summary>
    None,
    Text,
    WholeNumber,

    /// <summary>One of a list, and the refusal names the list.</summary>
    Choice,

    /// <summary>One of a list, and the refusal keeps it to itself.</summary>
    SilentChoice,
}

/// <summary>One option of one command.</summary>
/// <param name="Names">All spellings with their dashes, the one used as a key last.</param>
/// <param name="ValueName">What stands in angle brackets in errors.</param>
/// <param name="Repeats">Every value counts; else the last wins.</param>
public sealed record Option(
    IReadOnlyList<string> Names,
    ValueKind Kind,
    string ValueName,
    IReadOnlyList<string> Choices,
    bool Repeats,
    Version Since,
    string? Help
)
{
    public string Key => Names[^1];
}

/// <summary>One positional argument, or with <paramref name="Repeats"/> all that remain.</summary>
/// <param name="Passthrough">From here on nothing is read as an option: the words are the process's own.</param>
public sealed record Positional(string Name, bool Required, bool Repeats, bool Passthrough, string? Help)
{
    public string Shown => Repeats ? $"<{Name}> ..." : $"<{Name}>";
}

/// <summary>The grammar of one command: the only place where it is written down.</summary>
/// <param name="Path">The words after `container`, by their full names.</param>
/// <param name="Usage">The usage line as the original prints it, without "container" and the path.</param>
public sealed record CommandTable(
    string Path,
    string Usage,
    IReadOnlyList<Option> Options,
    IReadOnlyList<Positional> Positionals,
    Version Since,
    Func<ParsedCommand, Refusal?>? Validate
)
{
    /// <summary>Where the process's own words begin: the positional before the passthrough one; none is -1.</summary>
    public int LastBeforePassthrough { get; } =
        Positionals.TakeWhile(p => !p.Passthrough).Count() is var n && n < Positionals.Count ? n : -1;

    public Option? Find(string name, Profile profile)
    {
        foreach (var option in Options)
        {
            if (option.Since <= profile.Version && option.Names.Contains(name, StringComparer.Ordinal))
            {
                return option;
            }
        }
        return null;
    }
}
