using System.Text;

namespace Codexctl.Terminal;

/// <summary>The only door to the console. Standard output is data, standard error is talk; a reader that left is no error.</summary>
public sealed class Terminal
{
    private readonly TextWriter _output;
    private readonly TextWriter _error;

    public Terminal(TextWriter output, TextWriter error, bool isInteractive, bool talksToPerson)
    {
        (_output, _error) = (output, error);
        (IsInteractive, TalksToPerson) = (isInteractive, talksToPerson);
    }

    /// <summary>Standard input and output are both terminals: a command can be given one of its own.</summary>
    public bool IsInteractive { get; }

    /// <summary>Standard error is a terminal: progress can be drawn there.</summary>
    public bool TalksToPerson { get; }

    public static Terminal FromConsole() =>
        new(
            new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false), 4096) { AutoFlush = true },
            new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false), 1024) { AutoFlush = true },
            !Console.IsInputRedirected && !Console.IsOutputRedirected,
            !Console.IsErrorRedirected
        );

    /// <summary>Data, with a line end.</summary>
    public void WriteLine(string text) => Quietly(_output, text + "\n");

    /// <summary>A sentence for the person.</summary>
    public void Say(string text) => Quietly(_error, $"codexctl: {text}\n");

    /// <summary>Text for the person as it is.</summary>
    public void Talk(string text) => Quietly(_error, text);

    /// <summary>Asks a question that is answered by yes or no; an empty answer is yes. Only where <see cref="IsInteractive"/>.</summary>
    public bool Confirm(string question)
    {
        Quietly(_error, $"codexctl: {question} [Y/n] ");
        return Console.ReadLine()?.Trim().ToUpperInvariant() is "" or "Y" or "YES";
    }

    /// <summary>What happened, why, and what to type.</summary>
    public void Fail(string what, string? why, string? mend)
    {
        var text = new StringBuilder($"codexctl: {what}\n");
        foreach (var line in (why ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            text.Append($"  {line}\n");
        }
        foreach (var line in (mend ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            text.Append($"  → {line}\n");
        }
        Quietly(_error, text.ToString());
    }

    private static void Quietly(TextWriter writer, string text)
    {
        try
        {
            writer.Write(text);
        }
        catch (IOException)
        {
            // The reader closed its end or the terminal is gone: broken pipe is success.
        }
    }
}
