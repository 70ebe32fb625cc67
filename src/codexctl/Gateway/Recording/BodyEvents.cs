namespace Codexctl.Gateway.Recording;

/// <summary>
/// Makes of bytes that came by what is written down: requests, the beginnings of answers, and their parts, without secrets. Runs on the
/// recorder's own thread, off the way of the traffic.
/// </summary>
internal sealed class BodyEvents
{
    private readonly Dictionary<long, Answer> _answers = [];

    /// <summary>What is to be written for an exchange, in order; the exchange itself where it is no bytes.</summary>
    public IEnumerable<Exchange> Of(Exchange exchange)
    {
        switch (exchange)
        {
            case CallBytes { IsRequest: true } request:
                return [Request(request)];
            case CallBytes bytes:
                return AnswerBytes(bytes);
            case ModelCall { Id: { } id } call when _answers.Remove(id, out var answer):
                return [.. answer.End(), call];
            case CallCut cut when _answers.Remove(cut.Id, out var answer):
                // What it held back may be half of a secret.
                return [.. answer.End(), cut];
            default:
                return [exchange];
        }
    }

    private static CallRequest Request(CallBytes request)
    {
        var headers = (request.Headers ?? []).Select(pair => BodyRedaction.Header(pair.Key, pair.Value)).ToList();
        return new CallRequest(request.At, request.Id, headers, BodyRedaction.Body(request.Bytes));
    }

    private IEnumerable<Exchange> AnswerBytes(CallBytes bytes)
    {
        if (!_answers.TryGetValue(bytes.Id, out var answer))
        {
            _answers.Add(bytes.Id, answer = new Answer(MessageSplitter.FormOf(bytes.ContentType, bytes.Path)));
            yield return new CallAnswer(bytes.At, bytes.Id, bytes.Since, bytes.Status, bytes.ContentType);
        }
        foreach (var part in answer.Add(bytes))
        {
            yield return part;
        }
    }

    private sealed class Answer(AnswerForm form)
    {
        private readonly MessageSplitter _splitter = new(form);
        private readonly StreamRedaction _redaction = new();
        private CallBytes? _last;
        private bool _cut;

        public IEnumerable<Exchange> Add(CallBytes bytes)
        {
            _last = bytes;
            foreach (var part in Parts(_splitter.Add(bytes.Bytes), bytes))
            {
                yield return part;
            }
            if (_splitter.TooLong && !_cut)
            {
                _cut = true;
                yield return new CallCut(bytes.At, bytes.Id, $"a part is longer than {MessageSplitter.Longest >> 20} MB");
            }
        }

        public IEnumerable<Exchange> End()
        {
            if (_last is not { } last)
            {
                return [];
            }
            return [.. Parts(_splitter.End(), last), .. _redaction.Flush()];
        }

        private IEnumerable<Exchange> Parts(IEnumerable<Message> messages, CallBytes bytes)
        {
            foreach (var message in messages)
            {
                var json = BodyRedaction.Parse(message.Data);
                var type = (json as System.Text.Json.Nodes.JsonObject)?["type"]?.ToJsonString().Trim('"');
                if (message.Event is "ping" || type is "ping")
                {
                    // Only says that the connection lives, in the middle of whatever is being said.
                    continue;
                }
                var data = json is null
                    ? new BodyData(null, System.Text.Encoding.UTF8.GetString(message.Data.Span))
                    : new BodyData(json, null);
                var part = new CallPart(bytes.At, bytes.Id, bytes.Since, message.Event == type ? null : message.Event, data);
                foreach (var ready in _redaction.Add(part, message.Data))
                {
                    yield return ready;
                }
            }
        }
    }
}
