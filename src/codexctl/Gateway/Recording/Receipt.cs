using System.Globalization;
using System.Text;
using System.Text.Json.Serialization;

namespace Codexctl.Gateway.Recording;

/// <summary>What one run did through the door. Hosts are sorted by name; the numbers are connections and refusals.</summary>
/// <param name="Complete">Whether everything that happened is in here. Never true when the gateway or the recording failed meanwhile.</param>
/// <param name="Reason">Why it is incomplete; null when it is complete.</param>
public sealed record Receipt(
    DateTimeOffset Started,
    DateTimeOffset Ended,
    bool Complete,
    string? Reason,
    long ModelCalls,
    long InputTokens,
    long OutputTokens,
    long RefusedModelCalls,
    IReadOnlyDictionary<string, long> HostsReached,
    IReadOnlyDictionary<string, long> HostsRefused,
    long CutPrompts = 0
)
{
    /// <summary>The record that it sums up a part of; null where there was none.</summary>
    public string? Session { get; init; }

    /// <summary>`tcp` where the box's door was a TCP port, with weaker guarantees; null for the socket.</summary>
    public string? Door { get; init; }

    /// <summary>Hosts named in the line for people; the rest is a number.</summary>
    private const int Named = 5;

    /// <param name="incomplete">Why something may be missing; null when nothing is.</param>
    public static Receipt From(TallySnapshot counts, DateTimeOffset started, DateTimeOffset ended, string? incomplete) =>
        new(
            started,
            ended,
            incomplete is null,
            incomplete,
            counts.ModelCalls,
            counts.InputTokens,
            counts.OutputTokens,
            counts.RefusedModelCalls,
            counts.Reached,
            counts.Refused,
            counts.CutPrompts
        );

    /// <summary>The one line for people.</summary>
    public string Line()
    {
        var line = new StringBuilder("codexctl: ");
        if (!Complete)
        {
            // What is counted is the least that happened.
            line.Append("receipt incomplete: ").Append(Reason ?? "the reason is not known").Append("; at least ");
        }
        line.Append(Count(ModelCalls, "model call")).Append(", ");
        line.Append(Count(InputTokens + OutputTokens, "token"));
        if (InputTokens + OutputTokens > 0)
        {
            line.Append(CultureInfo.InvariantCulture, $" ({InputTokens:N0} in, {OutputTokens:N0} out)");
        }
        line.Append("; ").Append(ReachedWords());
        line.Append("; ")
            .Append(HostsRefused.Count == 0 ? "refused nothing" : $"refused {HostsRefused.Values.Sum():N0}: {Names(HostsRefused)}");
        if (RefusedModelCalls > 0)
        {
            line.Append("; ").Append(Count(RefusedModelCalls, "call")).Append(" refused on the model route");
        }
        if (CutPrompts > 0)
        {
            line.Append("; ")
                .Append(Count(CutPrompts, "prompt"))
                .Append(" filled the model's whole context, so that the server may have cut off the beginning");
        }
        if (Door is not null)
        {
            line.Append("; the door was over TCP");
        }
        return line.ToString();
    }

    private string ReachedWords()
    {
        var what =
            HostsReached.Count > 0 ? (ModelCalls > 0 ? "reached the model and " : "reached ") + Names(HostsReached)
            : ModelCalls > 0 ? "reached nothing but the model"
            : "reached nothing";
        // Without the whole record, "nothing" would be a promise.
        return Complete || HostsReached.Count > 0 ? what : what + " that was recorded";
    }

    private static string Names(IReadOnlyDictionary<string, long> hosts)
    {
        var names = hosts.Keys.Order(StringComparer.Ordinal).Take(Named);
        return string.Join(", ", names) + (hosts.Count > Named ? $" and {hosts.Count - Named:N0} more" : "");
    }

    private static string Count(long number, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{number:N0} {what}{(number == 1 ? "" : "s")}");
}

/// <summary>A receipt as it lies in its file: chained to the one before.</summary>
/// <param name="V">The version of the schema.</param>
/// <param name="Previous">SHA-256 (hex) of the whole file before; null in the first.</param>
/// <param name="Record">The record as it was when the receipt was written; null where nothing was recorded.</param>
/// <param name="Sha256">Of the whole file (hex) with 64 zeros in this place, so that a change of the newest shows, which no other follows; null in older files.</param>
public sealed record ReceiptFile(int V, string? Previous, Receipt Receipt, RecordSeal? Record = null, string? Sha256 = null);

/// <summary>JSON of receipts: `codexctl receipt --json` and the files.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true
)]
[JsonSerializable(typeof(Receipt))]
[JsonSerializable(typeof(ReceiptFile))]
[JsonSerializable(typeof(IReadOnlyList<Receipt>))]
public sealed partial class ReceiptJson : JsonSerializerContext;
