using System.Text;
using Microsoft.Win32.SafeHandles;

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

    /// <summary>Nothing but data and errors (`--quiet`).</summary>
    public bool Quiet { get; set; }

    /// <summary>Standard input and output are both terminals: a command can be given one of its own.</summary>
    public bool IsInteractive { get; }

    /// <summary>Standard error is a terminal: progress can be drawn there.</summary>
    public bool TalksToPerson { get; }

    /// <summary>Standard input is a terminal.</summary>
    public bool ReadsFromPerson { get; init; }

    /// <summary>Standard output is a terminal: tables and colours can be drawn there.</summary>
    public bool DrawsOutput { get; private init; }

    /// <summary>Standard output for text that comes in pieces.</summary>
    public TextWriter Data => _data ??= new DataWriter(this);

    /// <summary>Nobody reads standard output any more.</summary>
    public bool DataClosed { get; private set; }

    private TextWriter? _data;

    public static Terminal FromConsole() =>
        new(
            new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false), 4096) { AutoFlush = true },
            new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false), 1024) { AutoFlush = true },
            !Console.IsInputRedirected && !Console.IsOutputRedirected,
            !Console.IsErrorRedirected
        )
        {
            DrawsOutput = !Console.IsOutputRedirected,
            ReadsFromPerson = !Console.IsInputRedirected,
        };

    /// <summary>Standard input to its end, but not more than a number of bytes.</summary>
    public static async Task<string> ReadAllAsync(int most, CancellationToken cancel)
    {
        await using var input = Console.OpenStandardInput();
        var buffer = new byte[most];
        var length = await input.ReadAtLeastAsync(buffer, most, throwOnEndOfStream: false, cancel);
        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    /// <summary>Data, with a line end.</summary>
    public void WriteLine(string text) => DataClosed |= !Quietly(_output, text + "\n");

    /// <summary>A sentence for the person, whatever is quoted in it.</summary>
    public void Say(string text) => Talk($"codexctl: {VisibleText.Clean(text)}\n");

    /// <summary>Text for the person as it is.</summary>
    public void Talk(string text)
    {
        if (!Quiet)
        {
            Quietly(_error, text);
        }
    }

    /// <summary>Asks a question of yes or no, yes when only Enter is typed. Null when nobody is there to answer.</summary>
    public async Task<bool?> ConfirmAsync(string question, CancellationToken cancel)
    {
        if (!TalksToPerson || !ReadsFromPerson)
        {
            return null;
        }
        Talk($"codexctl: {question} [Y/n] ");
        // The wait for a line cannot be given up; whoever presses Ctrl-C leaves it behind.
        var line = await Task.Run(ReadLine, cancel).WaitAsync(cancel);
        return line?.Trim().ToUpperInvariant() switch
        {
            null => null,
            "" or "Y" or "YES" => true,
            _ => false,
        };
    }

    /// <summary>A question that is answered with yes or no; anything else is no. Ask only when <see cref="IsInteractive"/>.</summary>
    public bool Ask(string question)
    {
        Quietly(_error, $"codexctl: {question} [y/N] ");
        return ReadLine()?.Trim().ToUpperInvariant() is "Y" or "YES";
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
        Quietly(_error, VisibleText.Clean(text.ToString()));
    }

    // Not by Console.In, which takes the terminal's settings into its own hands for the rest of the program's life. A terminal
    // gives a line at a time.
    private static string? ReadLine()
    {
        using var input = new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        var buffer = new byte[1024];
        var count = input.Read(buffer);
        return count == 0 ? null : Encoding.UTF8.GetString(buffer, 0, count);
    }

    private static bool Quietly(TextWriter writer, string text)
    {
        try
        {
            writer.Write(text);
            return true;
        }
        catch (IOException)
        {
            // The reader closed its end or the terminal is gone: broken pipe is success.
            return false;
        }
    }

    private sealed class DataWriter(Terminal terminal) : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(string? value) => terminal.DataClosed |= !Quietly(terminal._output, value ?? "");
    }
}
