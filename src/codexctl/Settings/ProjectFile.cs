namespace Codexctl.Settings;

/// <summary>What one value of a project file would do.</summary>
/// <param name="Before">The value that holds without the file; null where there is none.</param>
public sealed record ProjectChange(SettingEntry Entry, SettingValue? Before, Effect Effect);

/// <summary>
/// A project's own settings, read once. The agent in the box can write that file: until the person has approved this very
/// content, only what tightens counts.
/// </summary>
/// <param name="Path">Where it is, or would be.</param>
/// <param name="Content">Null when there is none, or it cannot be used.</param>
/// <param name="Problem">Why it cannot be used; null when it can, or is not there.</param>
/// <param name="TrustedBefore">Another content of this path was approved.</param>
public sealed record ProjectFile(
    string Path,
    byte[]? Content,
    IReadOnlyList<ProjectChange> Changes,
    bool Trusted,
    bool TrustedBefore,
    UserError? Problem
)
{
    public const string FileName = ".codexctl.toml";

    /// <summary>Far more than anybody writes by hand.</summary>
    public const int Largest = 64 * 1024;

    public bool Loosens => Changes.Any(change => change.Effect == Effect.Loosens);

    /// <summary>The values that count now. A file that loosens anything is ignored whole, but for what tightens.</summary>
    public IEnumerable<SettingEntry> Counting =>
        Changes.Where(change => Trusted || !Loosens || change.Effect == Effect.Tightens).Select(change => change.Entry);

    /// <summary>A sentence for the person when not all of it counts; null otherwise.</summary>
    public string? Notice
    {
        get
        {
            if (Content is null)
            {
                return TrustedBefore && Problem is null
                    ? $"{Shown.Text(Path)}, which you trusted, is gone. Forget it: codexctl trust --revoke"
                    : null;
            }
            if (Trusted || (!Loosens && !TrustedBefore))
            {
                return null;
            }
            var changed = TrustedBefore ? "was changed since you trusted it" : "is not trusted";
            var ignored = Changes
                .Except(Changes.Where(change => Counting.Contains(change.Entry)))
                .Select(change => change.Entry.Name)
                .ToList();
            return ignored.Count == 0
                ? $"{Shown.Text(Path)} {changed}; it loosens nothing."
                : $"{Shown.Text(Path)} {changed}. Ignored: {string.Join(", ", ignored)}. See what it would do: codexctl trust --show. Approve it: codexctl trust";
        }
    }

    /// <param name="folder">The run's folder, resolved.</param>
    /// <param name="before">The values that hold without the file, by name.</param>
    internal static ProjectFile Read(string folder, IReadOnlyDictionary<string, ResolvedSetting> before, TrustStore trust)
    {
        var path = System.IO.Path.Combine(folder, FileName);
        var known = trust.HashFor(path) is not null;
        try
        {
            if (UntrustedFile.Read(path, Largest) is not { } content)
            {
                return new ProjectFile(path, null, [], false, known, null);
            }
            var changes = SettingsFile
                .Parse(path, UntrustedFile.Text(path, content))
                .Entries.Select(entry =>
                {
                    var current = before.TryGetValue(entry.Name, out var found) ? found.Value : null;
                    return new ProjectChange(entry, current, entry.Setting.EffectOf(current, entry.Value));
                })
                .ToList();
            return new ProjectFile(path, content, changes, trust.Trusts(path, content), known, null);
        }
        catch (UserError error)
        {
            return new ProjectFile(path, null, [], false, known, error);
        }
    }
}
