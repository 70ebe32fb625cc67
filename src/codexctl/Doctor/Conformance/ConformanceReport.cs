using System.Text;
using System.Text.Json.Serialization;

namespace Codexctl.Doctor.Conformance;

/// <summary>What became of a promise.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Verdict>))]
public enum Verdict
{
    [JsonStringEnumMemberName("held")]
    Held,

    [JsonStringEnumMemberName("not possible")]
    NotPossible,

    [JsonStringEnumMemberName("broken")]
    Broken,
}

/// <param name="Detail">Why it is not possible, or what was seen instead; null when it holds.</param>
public sealed record PromiseResult(string Group, string Id, string Promise, Verdict Verdict, string? Detail, double Seconds);

/// <summary>One engine against all promises; `doctor --conformance --json` prints it.</summary>
/// <param name="EngineVersion">As the engine's own client says it.</param>
/// <param name="Ok">No promise is broken.</param>
public sealed record ConformanceReport(
    string Codexctl,
    string Engine,
    string EngineVersion,
    string System,
    bool Ok,
    IReadOnlyList<PromiseResult> Results
) : VersionedJson
{
    /// <summary>How a box looks from inside, in short: what nobody could measure who has not got this machine. Empty when no box could be made.</summary>
    public IReadOnlyList<string> Seen { get; init; } = [];

    /// <summary>As text that can be pasted into an issue.</summary>
    public string ToMarkdown()
    {
        var text = new StringBuilder();
        text.Append($"### codexctl conformance: {Engine}\n\n");
        text.Append($"- codexctl {Codexctl}\n- engine: {Engine}, {EngineVersion}\n- system: {System}\n");
        foreach (var one in Seen)
        {
            text.Append($"- {one}\n");
        }
        text.Append(
            $"- {Count(Verdict.Held)} held, {Count(Verdict.NotPossible)} not possible, {Count(Verdict.Broken)} broken\n\n| promise | verdict |\n|---|---|\n"
        );
        // What is broken first: that is what whoever reads it looks for.
        foreach (var result in Results.OrderBy(result => result.Verdict != Verdict.Broken))
        {
            var detail = result.Detail is { } why ? $": {Cell(why)}" : "";
            text.Append($"| {Cell(result.Promise)} (`{result.Id}`) | {Word(result.Verdict)}{detail} |\n");
        }
        return text.ToString();
    }

    public static string Word(Verdict verdict) =>
        verdict switch
        {
            Verdict.Held => "held",
            Verdict.NotPossible => "not possible",
            _ => "**broken**",
        };

    private int Count(Verdict verdict) => Results.Count(result => result.Verdict == verdict);

    private static string Cell(string text) => text.ReplaceLineEndings(" ").Replace("|", "\\|", StringComparison.Ordinal);
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true
)]
[JsonSerializable(typeof(ConformanceReport))]
internal sealed partial class ConformanceJson : JsonSerializerContext;
