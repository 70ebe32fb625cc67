using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>One model call with all that was recorded of it.</summary>
public sealed class RecordedCall(CallStart start)
{
    public CallStart Start { get; } = start;
    public CallRequest? Request { get; private set; }
    public CallAnswer? Answer { get; private set; }
    public List<CallPart> Parts { get; } = [];

    /// <summary>Null when nobody saw its end.</summary>
    public ModelCall? End { get; private set; }

    /// <summary>Whether the record has less of it than there was.</summary>
    public bool Cut { get; private set; }

    /// <summary>
    /// Whether the answer, as far as it is known, ends in the middle: nobody saw its end, the rest is not recorded, or the stream had no last word.
    /// </summary>
    public bool BrokeOff =>
        End is null
        || Cut
        || (
            End.Error is not null
            && (
                Form == AnswerForm.Whole
                    ? Answer is { Status: < 400 } && Parts.Exists(part => part.Data.Json is null)
                    : !Parts.Exists(IsLastWord)
            )
        );

    /// <summary>Whether it can be given again: an answer, or an error of which only the words are known.</summary>
    public bool CanReplay => Answer is not null || (Request is not null && End is { Status: >= 400, Error: not null });

    private AnswerForm Form => MessageSplitter.FormOf(Answer?.ContentType, Start.Path);

    /// <summary>The calls of a session, in the order in which they began.</summary>
    public static IReadOnlyList<RecordedCall> Of(IEnumerable<Exchange> exchanges)
    {
        var calls = new List<RecordedCall>();
        var open = new Dictionary<long, RecordedCall>();
        foreach (var exchange in exchanges)
        {
            switch (exchange)
            {
                case SessionStart { Again: true }:
                    // The next gateway counts from the beginning.
                    open.Clear();
                    break;
                case CallStart start:
                    calls.Add(open[start.Id] = new RecordedCall(start));
                    break;
                case CallRequest request when open.TryGetValue(request.Id, out var call):
                    call.Request = request;
                    break;
                case CallAnswer answer when open.TryGetValue(answer.Id, out var call):
                    call.Answer = answer;
                    break;
                case CallPart part when open.TryGetValue(part.Id, out var call):
                    call.Parts.Add(part);
                    break;
                case CallCut cut when open.TryGetValue(cut.Id, out var call):
                    call.Cut = true;
                    break;
                case ModelCall { Id: { } id } end when open.Remove(id, out var call):
                    call.End = end;
                    break;
            }
        }
        return calls;
    }

    private static bool IsLastWord(CallPart part) =>
        part.Data.Text?.Trim() is "[DONE]"
        || part.Data.Json is JsonObject message
            && (
                message.Text("type") is "response.completed" or "response.failed" or "response.incomplete" or "error"
                || message["error"] is not null
                || message["done"] is JsonValue done && done.GetValueKind() == JsonValueKind.True
            );

    /// <summary>A part as it went over the wire (but for white space and secrets).</summary>
    public string Wire(CallPart part)
    {
        var data = part.Data.ToString();
        var name = part.Event ?? (part.Data.Json as JsonObject)?.Text("type");
        return Form switch
        {
            AnswerForm.Events => (name is null ? "" : $"event: {name}\n")
                + $"data: {data.Replace("\n", "\ndata: ", StringComparison.Ordinal)}\n\n",
            AnswerForm.Lines => data + "\n",
            _ => data,
        };
    }
}
