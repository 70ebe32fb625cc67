using Codexctl.Engines;

namespace Codexctl.Doctor.Conformance;

/// <summary>Something that codexctl promises on every engine, and how to see whether it holds.</summary>
/// <param name="Group">The heading in the table of docs/engines.md.</param>
/// <param name="Id">Short and stable, for reports and for `--only`.</param>
/// <param name="Text">The promise, as a sentence without a full stop.</param>
/// <param name="Try">Tries it; returns when it holds, throws <see cref="BrokenPromiseException"/> when it does not.</param>
internal sealed record Promise(string Group, string Id, string Text, Func<Trial, Task> Try)
{
    /// <summary>Why an engine with these capabilities cannot give it; null when it can. Such a wish is refused in words then.</summary>
    public Func<EngineCapabilities, string?> NotPossible { get; init; } = _ => null;
}

/// <summary>A promise was tried and does not hold.</summary>
internal sealed class BrokenPromiseException(string message) : Exception(message);

/// <summary>All promises, in the order in which they are tried.</summary>
internal static class Promises
{
    public static IReadOnlyList<Promise> All { get; } =
    [
        .. LifeCyclePromises.All,
        .. ExitPromises.All,
        .. TerminalPromises.All,
        .. FolderPromises.All,
        .. DoorPromises.All,
        .. IsolationPromises.All,
        .. NamePromises.All,
        .. TogetherPromises.All,
        .. RecoveryPromises.All,
    ];
}
