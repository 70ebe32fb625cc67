using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>Makes of a record, event by event, what a person reads. Works on live events and on old ones alike.</summary>
public sealed class Conversation
{
    /// <summary>Requests that are remembered, to show of the next one only what is new.</summary>
    private const int Remembered = 8;

    private readonly Dictionary<long, OpenCall> _open = [];
    private readonly LinkedList<List<Heard>> _known = [];

    /// <summary>Whether bodies are recorded: without them there is no conversation to show.</summary>
    public bool AnyBodies { get; private set; }

    public IEnumerable<ConversationItem> Add(Exchange exchange) =>
        exchange switch
        {
            SessionStart start => Start(start),
            SessionEnd end => [.. Lost(end.At), new ConversationItem(end.At, ConversationKind.End)],
            CallStart call => Begin(call),
            CallRequest request => Request(request),
            CallPart part => Part(part),
            CallCut cut =>
            [
                new ConversationItem(cut.At, ConversationKind.Note, $"the rest of this call is not recorded: {cut.Reason}", cut.Id),
            ],
            BodiesSwitched bodies => [new ConversationItem(bodies.At, ConversationKind.Note, Words(bodies))],
            ModelCall call => Done(call),
            EgressCall call => [Egress(call)],
            _ => [],
        };

    /// <summary>The record is over: calls that never ended.</summary>
    public IEnumerable<ConversationItem> Lost(DateTimeOffset at)
    {
        var lost = _open
            .Select(open => new ConversationItem(
                at,
                ConversationKind.Lost,
                "the gateway did not see the end of this call",
                open.Key,
                open.Value.Start.Model
            ))
            .ToList();
        _open.Clear();
        return lost;
    }

    private IEnumerable<ConversationItem> Start(SessionStart start)
    {
        if (start is { Part: > 1, Again: false })
        {
            // The next file of the same session.
            return [];
        }
        AnyBodies |= start.Bodies;
        var words = new List<string>();
        if (start.Again)
        {
            words.Add("goes on after its gateway was killed");
        }
        words.AddRange(((string?[])[start.Info.Container, start.Info.Workdir, start.Info.Server]).OfType<string>());
        words.Add(start.Bodies ? "bodies are recorded" : "bodies are not recorded");
        return
        [
            .. Lost(start.At),
            new ConversationItem(start.At, ConversationKind.Session, string.Join(" · ", words), null, start.Info.Session),
        ];
    }

    private IEnumerable<ConversationItem> Begin(CallStart call)
    {
        _open[call.Id] = new OpenCall(call);
        return [new ConversationItem(call.At, ConversationKind.Call, call.Kind, call.Id, call.Model ?? Asked(call.Method, call.Path))];
    }

    // Of what is no question to a model, the request itself says the most.
    private static string Asked(string method, string path) => $"{Redaction.Text(method)} {Redaction.Path(path)}";

    private IEnumerable<ConversationItem> Request(CallRequest request)
    {
        AnyBodies = true;
        var heard = Conversing.Read(request.Body);
        var (before, same) = Longest(heard);
        if (before is not null)
        {
            _known.Remove(before);
        }
        _known.AddFirst(heard);
        if (_known.Count > Remembered)
        {
            _known.RemoveLast();
        }
        // Of what is new, the model's own words were shown when it said them; unless that was before the record began.
        return heard
            .Skip(same)
            .Where(one =>
                before is null || one.Kind is ConversationKind.User or ConversationKind.ToolOutput or ConversationKind.Instructions
            )
            .Where(one => one.Text.Length > 0 || one.Kind is ConversationKind.ToolCall or ConversationKind.ToolOutput)
            .Select(one => new ConversationItem(request.At, one.Kind, one.Text, request.Id, one.Name, one.CallId))
            .ToList();
    }

    private (List<Heard>? Before, int Same) Longest(List<Heard> heard)
    {
        List<Heard>? best = null;
        var most = 0;
        foreach (var known in _known)
        {
            var same = 0;
            while (same < known.Count && same < heard.Count && known[same].Print == heard[same].Print)
            {
                same++;
            }
            // The same instructions alone do not make the same conversation.
            if (same > most && heard.Take(same).Any(one => one.Kind != ConversationKind.Instructions))
            {
                (best, most) = (known, same);
            }
        }
        return (best, most);
    }

    private IEnumerable<ConversationItem> Part(CallPart part)
    {
        AnyBodies = true;
        return _open.TryGetValue(part.Id, out var call)
            ? call.Reader.Read(part).Select(spoken => Item(part.At, part.Id, spoken)).ToList()
            : [];
    }

    private IEnumerable<ConversationItem> Done(ModelCall call)
    {
        var items = new List<ConversationItem>();
        AnswerReader? reader = null;
        if (call.Id is { } id && _open.Remove(id, out var open))
        {
            reader = open.Reader;
            items.AddRange(reader.End().Select(spoken => Item(call.At + call.Duration, id, spoken)));
        }
        if (call is { InputTokens: null, OutputTokens: null } && reader is not null)
        {
            call = call with { InputTokens = reader.InputTokens, OutputTokens = reader.OutputTokens };
        }
        var name = call.Id is null ? Asked(call.Method, call.Path) : null;
        items.Add(new ConversationItem(call.At + call.Duration, ConversationKind.Done, call.Error, call.Id, name, null, Numbers(call)));
        return items;
    }

    internal static CallNumbers Numbers(ModelCall call)
    {
        var used = call.InputTokens + (call.OutputTokens ?? 0);
        return new CallNumbers(
            call.Kind,
            call.Model,
            call.Status,
            call.InputTokens,
            call.OutputTokens,
            call.TimeToFirstToken?.TotalMilliseconds,
            call.TokensPerSecond is { } rate ? Math.Round(rate, 1) : null,
            call.Context,
            used is { } tokens && call.Context > 0 ? Math.Round((double)tokens / call.Context.Value, 4) : null,
            Math.Round(call.Duration.TotalMilliseconds, 1)
        );
    }

    private static ConversationItem Item(DateTimeOffset at, long id, Spoken spoken) =>
        new(at, spoken.Kind, spoken.Text, id, spoken.Name, spoken.CallId);

    private static ConversationItem Egress(EgressCall call)
    {
        var host = call.Host.Length == 0 ? "(unreadable request)" : $"{call.Host}:{call.Port}";
        var text = call.Allowed && call.Reason is null ? $"{call.BytesUp:N0} bytes up, {call.BytesDown:N0} down" : call.Reason;
        return new ConversationItem(call.At, call.Allowed ? ConversationKind.Reached : ConversationKind.Refused, text, null, host);
    }

    private static string Words(BodiesSwitched bodies) =>
        (bodies.On ? "from here on bodies are recorded" : "from here on bodies are not recorded")
        + (bodies.Reason is { } why ? $": {why}" : "");

    private sealed class OpenCall(CallStart start)
    {
        public CallStart Start { get; } = start;

        public AnswerReader Reader { get; } = new();
    }
}
