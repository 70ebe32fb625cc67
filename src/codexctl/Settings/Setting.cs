using System.Globalization;

namespace Codexctl.Settings;

/// <summary>What a value of a project's own file means, that nobody has approved yet.</summary>
public enum Effect
{
    /// <summary>Nothing that a person need know.</summary>
    None,

    /// <summary>The box can do less, or the person sees more.</summary>
    Tightens,

    /// <summary>The box could do more, or something leaves the machine: only after `codexctl trust`.</summary>
    Loosens,
}

/// <summary>A setting: everything that is known about it stands in <see cref="SettingsTable"/>, and everything else is made from there.</summary>
/// <param name="Name">Dotted; `*` stands for a name that the person chooses (servers.*.url).</param>
/// <param name="Default">Null where there is none.</param>
/// <param name="Help">A phrase.</param>
/// <param name="Project">What a project file may do with it before it is trusted, in words for the reference.</param>
public sealed record Setting(string Name, SettingKind Kind, SettingValue? Default, string Help, string Project = Setting.AfterTrust)
{
    public const string AfterTrust = "after trust";

    /// <summary>The only values it may have; empty for any.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>Variables that set it, the first that is set counts; empty for settings with a name of the person's in them.</summary>
    public IReadOnlyList<string> Variables { get; init; } = [];

    /// <summary>Says what is wrong with a value; null when nothing is. A UserError thrown here counts too.</summary>
    public Func<SettingValue, string?>? Check { get; init; }

    /// <summary>Judges a project's value against the one that holds without it; null: any other value loosens.</summary>
    public Func<SettingValue?, SettingValue, Effect>? Judge { get; init; }

    /// <summary>What parts the entries of a list in a variable, and in a word that was typed.</summary>
    public string Separators { get; init; } = ", ";

    /// <summary>What the default is where it is no fixed value.</summary>
    public string? DefaultWords { get; init; }

    public bool IsPattern => Name.Contains('*', StringComparison.Ordinal);

    public Effect EffectOf(SettingValue? current, SettingValue proposed) =>
        proposed.Same(current) ? Effect.None
        : Judge is null ? Effect.Loosens
        : Judge(current, proposed);

    /// <summary>What is wrong with a value; null when nothing is.</summary>
    public string? ProblemWith(SettingValue value)
    {
        if (value.Words.FirstOrDefault(word => word.Any(char.IsControl)) is not null)
        {
            return "control characters are not allowed";
        }
        if (Kind == SettingKind.List && value.Words.Contains("", StringComparer.Ordinal))
        {
            return "empty entries are not allowed";
        }
        if (Choices.Count > 0 && !Choices.Contains(value.Text, StringComparer.Ordinal))
        {
            var near = Nearest.Of(value.Text, Choices);
            return $"it is one of {string.Join(", ", Choices)}{(near is null ? "" : $"; did you mean {near}?")}";
        }
        try
        {
            return Check?.Invoke(value);
        }
        catch (UserError error)
        {
            return Shown.Text(error.Why is null ? error.Message : $"{error.Message} {error.Why}");
        }
    }

    /// <summary>Reads a value that was typed, or stands in a variable.</summary>
    /// <returns>The value, or what is wrong.</returns>
    public (SettingValue? Value, string? Problem) Read(IReadOnlyList<string> words)
    {
        SettingValue value;
        var text = string.Join(' ', words).Trim();
        switch (Kind)
        {
            case SettingKind.Flag:
                bool? on = text.ToLowerInvariant() switch
                {
                    "true" or "1" or "yes" or "on" => true,
                    "false" or "0" or "no" or "off" => false,
                    _ => null,
                };
                if (on is null)
                {
                    return (null, "it is true or false");
                }
                value = SettingValue.Of(on.Value);
                break;
            case SettingKind.Number:
                if (!decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
                {
                    return (null, "it is a number");
                }
                value = new SettingValue(Kind, [number.ToString(CultureInfo.InvariantCulture)]);
                break;
            case SettingKind.List:
                value = new SettingValue(
                    Kind,
                    [
                        .. words.SelectMany(word =>
                            word.Split(Separators.ToCharArray(), StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                        ),
                    ]
                );
                break;
            default:
                value = new SettingValue(Kind, [text]);
                break;
        }
        return ProblemWith(value) is { } problem ? (null, problem) : (value, null);
    }
}
