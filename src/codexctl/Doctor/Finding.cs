namespace Codexctl.Doctor;

/// <summary>How bad it is.</summary>
public enum Level
{
    Ok,

    /// <summary>It works, and could be better or safer.</summary>
    Warning,

    /// <summary>Something will not work.</summary>
    Problem,
}

/// <summary>What a check saw.</summary>
/// <param name="Check">The check's name; several findings may share it.</param>
/// <param name="Why">The cause; null where the first sentence says it all.</param>
/// <param name="Mend">What to type or set; null when nothing is wrong.</param>
/// <param name="Fix">Does it; null where only the person can.</param>
public sealed record Finding(
    string Check,
    Level Level,
    string What,
    string? Why = null,
    string? Mend = null,
    Func<CancellationToken, Task>? Fix = null
)
{
    /// <summary>`--fix` did it.</summary>
    public bool Fixed { get; init; }

    public static Finding Ok(string check, string what) => new(check, Level.Ok, what);

    public static Finding From(string check, Level level, UserError error, Func<CancellationToken, Task>? fix = null) =>
        new(check, level, error.Message, error.Why, error.Mend, fix);
}

/// <summary>One look at one thing. Never throws for what it looks at; what it did not expect becomes a finding too.</summary>
public sealed record Check(string Name, Func<CancellationToken, Task<IReadOnlyList<Finding>>> LookAsync)
{
    public static Check Of(string name, Func<IEnumerable<Finding>> look) =>
        new(name, _ => Task.FromResult<IReadOnlyList<Finding>>([.. look()]));
}

/// <summary>Runs checks one after the other, and mends what can be mended when asked.</summary>
public static class DoctorRun
{
    /// <param name="told">Gets each finding as soon as it is known, mended or not.</param>
    public static async Task<IReadOnlyList<Finding>> RunAsync(
        IEnumerable<Check> checks,
        bool fix,
        Action<Finding> told,
        CancellationToken cancel = default
    )
    {
        var all = new List<Finding>();
        foreach (var check in checks)
        {
            foreach (var finding in await LookAsync(check, cancel))
            {
                var last = fix && finding is { Fix: { } mend, Level: not Level.Ok } ? await MendAsync(finding, mend, cancel) : finding;
                told(last);
                all.Add(last);
            }
        }
        return all;
    }

    private static async Task<IReadOnlyList<Finding>> LookAsync(Check check, CancellationToken cancel)
    {
        try
        {
            return await check.LookAsync(cancel);
        }
        catch (UserError error)
        {
            return [Finding.From(check.Name, Level.Problem, error)];
        }
        catch (Exception error) when (error is ProcessError or IOException or UnauthorizedAccessException or HttpRequestException)
        {
            return [new Finding(check.Name, Level.Problem, $"This could not be looked at: {error.Message}", (error as ProcessError)?.Tail)];
        }
    }

    private static async Task<Finding> MendAsync(Finding finding, Func<CancellationToken, Task> mend, CancellationToken cancel)
    {
        try
        {
            await mend(cancel);
            return finding with { Fixed = true };
        }
        catch (Exception error) when (error is UserError or ProcessError or IOException or UnauthorizedAccessException)
        {
            return finding with { Why = $"{finding.Why}\nMending it failed: {error.Message}".Trim() };
        }
    }
}
