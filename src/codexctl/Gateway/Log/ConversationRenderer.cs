using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Log;

/// <summary>
/// Writes a session as people read it: event by event as they come, live or from a record. What the model, a tool or a host says can never move
/// the cursor or change colours: control characters are shown, not sent.
/// </summary>
/// <param name="colours">ANSI colours; without them the same text plainly.</param>
public sealed class ConversationRenderer(TextWriter output, bool colours)
{
    private const string Dim = "\x1b[2m";
    private const string Bold = "\x1b[1m";
    private const string Italic = "\x1b[2;3m";
    private const string Red = "\x1b[31m";
    private const string Green = "\x1b[32m";
    private const string Yellow = "\x1b[33m";
    private const string Cyan = "\x1b[36m";
    private const string Off = "\x1b[0m";

    private readonly Conversation _conversation = new();

    // What is being streamed: a piece that follows goes on in the same line.
    private (long? Call, ConversationKind Kind)? _streaming;
    private bool _lineOpen;
    private long? _lastCall;

    /// <summary>Whether long tool outputs and instructions are shown in full.</summary>
    public bool Full { get; init; }

    /// <summary>Whether any body was seen.</summary>
    public bool AnyBodies => _conversation.AnyBodies;

    /// <summary>Shows one event. Not for use by several threads at once.</summary>
    public void Add(Exchange exchange)
    {
        foreach (var item in _conversation.Add(exchange))
        {
            Write(item);
        }
        output.Flush();
    }

    /// <summary>The record ends here although calls are open: they are shown as lost.</summary>
    public void End(DateTimeOffset at)
    {
        foreach (var item in _conversation.Lost(at))
        {
            Write(item);
        }
        CloseLine();
        output.Flush();
    }

    public void Flush() => output.Flush();

    /// <summary>Shows an item of a conversation that somebody else keeps.</summary>
    public void Write(ConversationItem item)
    {
        switch (item.Kind)
        {
            case ConversationKind.Answer:
                Stream(item, "", "answer");
                break;
            case ConversationKind.Reasoning:
                Stream(item, Italic, "thinks");
                break;
            case ConversationKind.Session:
                Line(item, Bold, "session", $"{item.Name} · {item.Text}");
                break;
            case ConversationKind.End:
                Line(item, Dim, "end", "the gateway ended");
                break;
            case ConversationKind.Call:
                _lastCall = item.Call;
                Line(item, Bold, item.Text ?? "call", $"#{item.Call} {item.Name}");
                break;
            case ConversationKind.User:
                Block(item, Green, "person");
                break;
            case ConversationKind.Instructions when !Full:
                Line(
                    item,
                    Dim,
                    "system",
                    string.Create(CultureInfo.InvariantCulture, $"{item.Text!.Length:N0} characters of instructions")
                );
                break;
            case ConversationKind.Instructions:
                Block(item, Dim, "system");
                break;
            case ConversationKind.Assistant:
                Block(item, "", "answer");
                break;
            case ConversationKind.ToolCall:
                Line(item, Cyan, "tool", $"{item.Name} {Arguments(item.Text ?? "")}");
                break;
            case ConversationKind.ToolOutput:
                Block(item, Dim, "output");
                break;
            case ConversationKind.Error:
                Line(item, Red, "error", item.Text);
                break;
            case ConversationKind.Lost:
                Line(item, Red, "lost", $"#{item.Call} {item.Name}: {item.Text}");
                break;
            case ConversationKind.Done:
                Done(item, item.Numbers!);
                break;
            case ConversationKind.Refused:
                Line(item, Yellow, "refused", $"{item.Name}: {item.Text}");
                break;
            case ConversationKind.Reached:
                Line(item, "", "reached", $"{item.Name}: {item.Text}");
                break;
            default:
                Line(item, Dim, "note", item.Text);
                break;
        }
    }

    private void Stream(ConversationItem item, string style, string label)
    {
        var key = (item.Call, item.Kind);
        var text = item.Text ?? "";
        if (_streaming != key)
        {
            CloseLine();
            Label(item, style, label);
            _streaming = key;
            _lineOpen = true;
            text = text.TrimStart('\n');
        }
        Put(style, Indent(VisibleText.Clean(text)));
    }

    private void Line(ConversationItem item, string style, string label, string? text)
    {
        CloseLine();
        Label(item, style, label);
        Put(style, Indent(VisibleText.Clean(text ?? "")));
        output.Write('\n');
    }

    private void Block(ConversationItem item, string style, string label)
    {
        var text = (item.Text ?? "").Trim('\n');
        var lines = text.Split('\n');
        if (!Full && lines.Length > 14)
        {
            var left = lines.Length - 12;
            text = string.Join('\n', lines.Take(12)) + $"\n… {left:N0} more lines (--full shows them)";
        }
        if (!Full && text.Length > 4000)
        {
            text = text[..4000] + $"\n… {text.Length - 4000:N0} more characters (--full shows them)";
        }
        Line(item, style, label, text);
    }

    private void Done(ConversationItem item, CallNumbers numbers)
    {
        var words = new List<string>();
        if (item.Call is null)
        {
            // Answered by the gateway itself: a title, a list, a refusal.
            words.Add(numbers.Model is { } model ? $"{numbers.Kind} {model}" : numbers.Kind);
            if (numbers.Kind is "pass" or "refused" && item.Name is { } asked)
            {
                words.Add(asked);
            }
        }
        if (numbers.InputTokens is { } input)
        {
            words.Add(string.Create(CultureInfo.InvariantCulture, $"{input:N0} tokens in, {numbers.OutputTokens ?? 0:N0} out"));
        }
        if (numbers.FirstTokenMs is { } first)
        {
            words.Add($"first token {Seconds(first)}");
        }
        if (numbers.TokensPerSecond is { } rate)
        {
            words.Add(string.Create(CultureInfo.InvariantCulture, $"{rate:0.0} tokens/s"));
        }
        if (numbers.ContextUsed is { } used)
        {
            words.Add(string.Create(CultureInfo.InvariantCulture, $"{used * 100:0} % of {numbers.Context:N0} context"));
        }
        words.Add(Seconds(numbers.DurationMs));
        var failed = item.Text is not null || numbers.Status is 0 or >= 400;
        if (numbers.Status is not 200)
        {
            words.Add(numbers.Status == 0 ? "the box left" : $"status {numbers.Status}");
        }
        var text = string.Join(" · ", words);
        var which = item.Call is { } call && call != _lastCall ? $"#{call} " : "";
        Line(item, failed ? Red : Dim, failed ? "failed" : "done", which + text + (item.Text is { } why ? $"\n{why}" : ""));
    }

    private void Label(ConversationItem item, string style, string label)
    {
        Put(Dim, item.At.ToLocalTime().ToString("HH:mm:ss", CultureInfo.InvariantCulture));
        output.Write(' ');
        Put(style, label.PadRight(8));
        output.Write(' ');
    }

    private void CloseLine()
    {
        if (_lineOpen)
        {
            output.Write('\n');
        }
        _lineOpen = false;
        _streaming = null;
    }

    private void Put(string style, string text)
    {
        if (!colours || style.Length == 0 || text.Length == 0)
        {
            output.Write(text);
            return;
        }
        // In one piece: Ctrl-C between them would leave the terminal in that colour.
        output.Write(style + text + Off);
    }

    // A command is what a person wants to read, not its JSON.
    private static string Arguments(string text)
    {
        try
        {
            if (JsonNode.Parse(text) is not JsonObject arguments)
            {
                return text;
            }
            return arguments.Count == 1 && (arguments.Text("cmd") ?? arguments.Text("command")) is { } command
                ? command
                : arguments.ToJsonString(RecordLine.Relaxed);
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            return text;
        }
    }

    private static string Indent(string text) => text.Replace("\n", "\n                  ", StringComparison.Ordinal);

    private static string Seconds(double milliseconds) =>
        milliseconds < 1000
            ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds:0} ms")
            : string.Create(CultureInfo.InvariantCulture, $"{milliseconds / 1000:0.0} s");
}
