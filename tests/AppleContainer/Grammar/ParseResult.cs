namespace Codexctl.AppleContainer;

/// <summary>How an argument list ends that never becomes a command.</summary>
/// <param name="Text">All that is printed, without the last line break: on standard output when the exit code is 0, else on standard error.</param>
public sealed record Refusal(int ExitCode, string Text);

/// <summary>A command with its values, after the table and the original's own checks.</summary>
public sealed class ParsedCommand(Profile profile, CommandTable table)
{
    internal Dictionary<string, List<string>> Values { get; } = new(StringComparer.Ordinal);

    public Profile Profile { get; } = profile;

    public CommandTable Table { get; } = table;

    /// <summary>The words after `container`, by their full names ("image delete").</summary>
    public string Path => Table.Path;

    /// <summary>Every positional word in order, without the process's own.</summary>
    public IReadOnlyList<string> Positionals { get; internal set; } = [];

    /// <summary>The process's own words (run, create, exec).</summary>
    public IReadOnlyList<string> Passthrough { get; internal set; } = [];

    public bool Has(string option) => Values.ContainsKey(option);

    /// <summary>The last value of an option; null when it was not given.</summary>
    public string? Value(string option) => Values.TryGetValue(option, out var values) ? values[^1] : null;

    public IReadOnlyList<string> All(string option) => Values.TryGetValue(option, out var values) ? values : [];

    public long? Number(string option) => Value(option) is { } text ? long.Parse(text) : null;
}

/// <summary>Either a command or the way the original refuses it.</summary>
public sealed record ParseResult(ParsedCommand? Command, Refusal? Refusal)
{
    public bool Accepted => Command is not null;

    public override string ToString() => Command is { } command ? $"accepted: {command.Path}" : $"exit {Refusal!.ExitCode}: {Refusal.Text}";
}
