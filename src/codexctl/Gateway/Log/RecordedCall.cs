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

    /// <summary>Whether its bodies are whole.</summary>
    public bool Cut { get; private set; }

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

    /// <summary>A part as it went over the wire (but for white space and secrets).</summary>
    public string Wire(CallPart part)
    {
        var form = MessageSplitter.FormOf(Answer?.ContentType, Start.Path);
        var data = part.Data.ToString();
        var name = part.Event ?? (part.Data.Json as System.Text.Json.Nodes.JsonObject)?.Text("type");
        return form switch
        {
            AnswerForm.Events => (name is null ? "" : $"event: {name}\n")
                + $"data: {data.Replace("\n", "\ndata: ", StringComparison.Ordinal)}\n\n",
            AnswerForm.Lines => data + "\n",
            _ => data,
        };
    }
}
