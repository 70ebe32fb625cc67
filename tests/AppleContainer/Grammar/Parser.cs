namespace Codexctl.AppleContainer;

/// <summary>Reads the words after a command's name by its table.</summary>
internal sealed class Parser(Profile profile, CommandTable table)
{
    private readonly ParsedCommand _command = new(profile, table);
    private readonly List<string> _positionals = [];
    private readonly List<string> _unknown = [];
    private readonly List<string> _surplus = [];
    private List<string> _passthrough = [];
    private IReadOnlyList<string> _words = [];
    private int _at;
    private Refusal? _refusal;

    public ParseResult Parse(IReadOnlyList<string> words, int begin, Func<ParsedCommand, Refusal?> check)
    {
        _words = words;
        _at = begin;
        var result = ReadAll() ?? _refusal ?? Missing();
        if (result is not null)
        {
            return new ParseResult(null, result);
        }
        _command.Positionals = _positionals;
        _command.Passthrough = _passthrough;
        // In this order: the original decodes and validates before it tells of words that nobody took.
        result =
            table.Validate?.Invoke(_command)
            ?? check(_command)
            ?? (_unknown.Count > 0 ? Grammar.UsageError(table, $"Unknown option '{_unknown[0]}'") : null)
            ?? (_surplus.Count > 0 ? Grammar.UsageError(table, Grammar.Unexpected(_surplus)) : null);
        return result is null ? new ParseResult(_command, null) : new ParseResult(null, result);
    }

    /// <summary>The refusal or answer (help, version) that ends the reading; null when all words are read or one was refused.</summary>
    private Refusal? ReadAll()
    {
        var optionsEnded = false;
        while (_at < _words.Count && _refusal is null)
        {
            var word = _words[_at++];
            if (optionsEnded || word.Length < 2 || word[0] != '-')
            {
                if (TakePositional(word))
                {
                    return null;
                }
            }
            else if (word == "--")
            {
                optionsEnded = true;
            }
            else if (word is "-h" or "--help")
            {
                return new Refusal(0, Grammar.CommandHelp(table, profile));
            }
            else if (word == "--version")
            {
                return new Refusal(0, profile.VersionLine);
            }
            else
            {
                ReadOption(word);
            }
        }
        return null;
    }

    /// <summary>True when the rest of the words is the process's own.</summary>
    private bool TakePositional(string word)
    {
        if (table.LastBeforePassthrough >= 0)
        {
            _positionals.Add(word);
            if (_positionals.Count < table.LastBeforePassthrough)
            {
                return false;
            }
            _passthrough = [.. _words.Skip(_at)];
            return true;
        }
        var room = table.Positionals.Any(p => p.Repeats) ? int.MaxValue : table.Positionals.Count;
        (_positionals.Count < room ? _positionals : _surplus).Add(word);
        return false;
    }

    private void ReadOption(string word)
    {
        var equals = word.IndexOf('=', StringComparison.Ordinal);
        var name = equals < 0 ? word : word[..equals];
        var glued = equals < 0 ? null : word[(equals + 1)..];
        if (table.Find(name, profile) is { } option)
        {
            Take(option, name, glued);
        }
        else if (name.StartsWith("--", StringComparison.Ordinal) || glued is not null || table.Find(name[..2], profile) is null)
        {
            _unknown.Add(name);
        }
        else
        {
            // A group: every letter by itself, an option among them takes the next word. A value glued to its letter is read as letters.
            foreach (var letter in name[1..])
            {
                var single = $"-{letter}";
                if (single == "-h")
                {
                    _refusal ??= new Refusal(0, Grammar.CommandHelp(table, profile));
                }
                else if (table.Find(single, profile) is { } member)
                {
                    Take(member, single, glued: null);
                }
                else
                {
                    _unknown.Add(single);
                }
            }
        }
    }

    private void Take(Option option, string name, string? glued)
    {
        if (_refusal is not null)
        {
            return;
        }
        if (option.Kind == ValueKind.None)
        {
            if (glued is not null)
            {
                _refusal = Grammar.UsageError(table, $"The option '{name}' does not take any value, but '{glued}' was specified.");
                return;
            }
            Store(option, "");
            return;
        }
        var shown = $"{name} <{option.ValueName}>";
        var help = option.Help is null ? null : $"{string.Join(", ", option.Names)} <{option.ValueName}>  {option.Help}";
        if (glued is null)
        {
            // "-" alone is a value (`build -f -`); every other word with a dash is an option.
            if (_at >= _words.Count || (_words[_at].Length > 1 && _words[_at][0] == '-'))
            {
                _refusal = Grammar.UsageError(table, $"Missing value for '{shown}'", help);
                return;
            }
            glued = _words[_at++];
        }
        if (!IsValid(option, glued))
        {
            var choices = option.Kind == ValueKind.Choice ? $". Please provide one of {ChoiceList(option.Choices)}." : "";
            _refusal = Grammar.UsageError(table, $"The value '{glued}' is invalid for '{shown}'{choices}", help);
            return;
        }
        Store(option, glued);
    }

    private void Store(Option option, string value)
    {
        if (!_command.Values.TryGetValue(option.Key, out var values))
        {
            _command.Values[option.Key] = values = [];
        }
        values.Add(value);
    }

    private Refusal? Missing()
    {
        var have = _positionals.Count;
        foreach (var positional in table.Positionals)
        {
            var there = positional.Passthrough ? _passthrough.Count : have--;
            if (positional.Required && there <= 0)
            {
                var help = positional.Help is null ? null : $"{positional.Shown}  {positional.Help}";
                return Grammar.UsageError(table, $"Missing expected argument '{positional.Shown}'", help);
            }
        }
        return null;
    }

    private static bool IsValid(Option option, string value) =>
        option.Kind switch
        {
            ValueKind.WholeNumber => IsInteger(value),
            ValueKind.Choice or ValueKind.SilentChoice => option.Choices.Contains(value),
            _ => true,
        };

    /// <summary>As Swift reads an Int: an optional sign and digits, nothing around them, within 64 bits.</summary>
    private static bool IsInteger(string value) =>
        value.Length > 0
        && value.AsSpan(value[0] is '+' or '-' ? 1 : 0) is { Length: > 0 } digits
        && digits.IndexOfAnyExceptInRange('0', '9') < 0
        && long.TryParse(value, out _);

    private static string ChoiceList(IReadOnlyList<string> choices) =>
        string.Join(", ", choices.Take(choices.Count - 1).Select(choice => $"'{choice}'")) + $" or '{choices[^1]}'";
}
