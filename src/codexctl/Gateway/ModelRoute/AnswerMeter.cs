using System.Buffers;
using System.Text;
using System.Text.Json;
using Codexctl.Gateway.Recording;
using Codexctl.Models;

namespace Codexctl.Gateway.ModelRoute;

/// <summary>What a meter learns about a call.</summary>
internal interface IMeteredCall
{
    /// <summary>Whether the first word of the answer is still to come.</summary>
    bool AwaitsToken { get; }

    long? InputTokens { get; set; }

    long? OutputTokens { get; set; }

    /// <summary>How long the server says that it generated.</summary>
    TimeSpan? Generation { get; set; }

    string? Error { get; set; }

    void FirstToken();
}

/// <summary>Reads tokens, times and errors from an answer that passes by, in whatever chunks. Looks closely only at lines that have the words for it.</summary>
internal sealed class AnswerMeter(AnswerForm form, IMeteredCall call)
{
    /// <summary>A longer line has no usage that would be worth its memory. Bytes.</summary>
    private const int Longest = 4 << 20;

    private static readonly byte[][] _words =
    [
        .. new[] { "content", "response", "thinking", "reasoning_content", "reasoning", "text", "delta" }.Select(name =>
            Encoding.ASCII.GetBytes($"\"{name}\":")
        ),
    ];

    private readonly ArrayBufferWriter<byte> _line = new();
    private bool _tooLong;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var newline = form switch
            {
                AnswerForm.Whole => -1,
                // Empty lines tell nothing here, so a carriage return may end one too.
                AnswerForm.Events => bytes.IndexOfAny((byte)'\n', (byte)'\r'),
                _ => bytes.IndexOf((byte)'\n'),
            };
            var piece = newline < 0 ? bytes : bytes[..newline];
            if (newline >= 0 && _line.WrittenCount == 0)
            {
                Look(piece);
            }
            else
            {
                _tooLong |= _line.WrittenCount + piece.Length > Longest;
                if (!_tooLong)
                {
                    _line.Write(piece);
                }
                if (newline >= 0)
                {
                    End();
                }
            }
            bytes = newline < 0 ? default : bytes[(newline + 1)..];
        }
    }

    /// <summary>The line that was begun is over.</summary>
    public void End()
    {
        if (!_tooLong)
        {
            Look(_line.WrittenSpan);
        }
        _tooLong = false;
        _line.ResetWrittenCount();
    }

    private void Look(ReadOnlySpan<byte> line)
    {
        if (line.StartsWith("data:"u8))
        {
            line = line[5..];
        }
        line = line.Trim(" \r\t"u8);
        if (line.Length == 0 || line[0] != '{')
        {
            return;
        }
        if (call.AwaitsToken && HasWords(line))
        {
            call.FirstToken();
        }
        if (line.IndexOf("\"usage\""u8) < 0 && line.IndexOf("eval_count\""u8) < 0 && line.IndexOf("\"error\""u8) < 0)
        {
            return;
        }
        try
        {
            using var document = JsonDocument.Parse(line.ToArray());
            Read(document.RootElement);
        }
        catch (JsonException)
        {
            // The client sees what it is; there is nothing to count.
        }
    }

    // The first chunk of chat completions has a role and an empty content.
    private static bool HasWords(ReadOnlySpan<byte> line)
    {
        foreach (var field in _words)
        {
            var at = line.IndexOf(field);
            if (at >= 0 && line[(at + field.Length)..].TrimStart((byte)' ') is [(byte)'"', not (byte)'"', ..])
            {
                return true;
            }
        }
        return line.IndexOf("\"tool_calls\":"u8) >= 0;
    }

    private void Read(JsonElement answer)
    {
        if ((answer.Get("usage") ?? answer.Get("response")?.Get("usage")) is { } usage)
        {
            call.InputTokens = usage.Number("prompt_tokens") ?? usage.Number("input_tokens") ?? call.InputTokens;
            call.OutputTokens = usage.Number("completion_tokens") ?? usage.Number("output_tokens") ?? call.OutputTokens;
        }
        call.InputTokens = answer.Number("prompt_eval_count") ?? call.InputTokens;
        call.OutputTokens = answer.Number("eval_count") ?? call.OutputTokens;
        if (answer.Number("eval_duration") is { } nanoseconds and > 0)
        {
            call.Generation = TimeSpan.FromTicks(nanoseconds / 100);
        }
        if (answer.Get("error") is { } error && StreamEvent.Words(error) is { } words)
        {
            call.Error ??= words;
        }
    }
}
