using System.Text.Json;
using System.Text.Json.Nodes;

namespace Codexctl.Images;

/// <summary>
/// Which Codex is used: the one that this codexctl came with, unless the person chose another (`codex upgrade`). The
/// earlier choices are remembered, so that each can be gone back to.
/// </summary>
/// <param name="Lock">The one in use.</param>
/// <param name="IsChosen">The person chose it.</param>
/// <param name="Earlier">The person's earlier choices, the newest last; the one of codexctl itself is not among them.</param>
public sealed record CodexPin(CodexLock Lock, bool IsChosen, IReadOnlyList<CodexLock> Earlier)
{
    private const int MostEarlier = 10;

    /// <exception cref="UserError">The pin file cannot be understood; nothing else is used in its place.</exception>
    public static CodexPin Load(Paths paths)
    {
        if (!File.Exists(paths.CodexPin))
        {
            return new CodexPin(CodexLock.Embedded, false, []);
        }
        try
        {
            var locks = JsonNode
                .Parse(File.ReadAllText(paths.CodexPin))!
                .AsArray()
                .Select(node => CodexLock.Parse(node!.ToJsonString()))
                .ToList();
            return new CodexPin(locks[^1], true, locks[..^1]);
        }
        catch (Exception error)
            when (error
                    is JsonException
                        or FormatException
                        or InvalidOperationException
                        or NullReferenceException
                        or ArgumentOutOfRangeException
            )
        {
            throw new UserError(
                $"{paths.CodexPin} cannot be understood.",
                error.Message,
                $"Remove it to go back to Codex {CodexLock.Embedded.Version}, which this codexctl came with."
            );
        }
    }

    /// <summary>Uses another release from now on.</summary>
    public CodexPin Choose(CodexLock next)
    {
        var earlier = IsChosen ? Earlier.Append(Lock) : Earlier;
        return new CodexPin(next, true, [.. earlier.Where(old => old.Version != next.Version).TakeLast(MostEarlier)]);
    }

    /// <summary>The choice before this one, in the end the one of codexctl itself; null when that is in use.</summary>
    public CodexPin? Back() =>
        !IsChosen ? null
        : Earlier.Count > 0 ? new CodexPin(Earlier[^1], true, [.. Earlier.SkipLast(1)])
        : new CodexPin(CodexLock.Embedded, false, []);

    public void Save(Paths paths)
    {
        if (!IsChosen)
        {
            File.Delete(paths.CodexPin);
            return;
        }
        var all = new JsonArray([.. Earlier.Append(Lock).Select(one => (JsonNode)one.ToJson())]);
        PrivateFile.Write(paths.CodexPin, all.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }
}
