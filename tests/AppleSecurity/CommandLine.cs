using System.Text;

namespace Codexctl.AppleSecurity;

/// <summary>How `security -i` cuts its input into commands. Text is one character a byte (Latin-1) throughout.</summary>
public static class CommandLine
{
    /// <summary>The original's buffer, whose last byte ends the text.</summary>
    public const int MaximumLine = 4096;

    private const int MaximumArguments = 32;

    /// <summary>
    /// The commands of an input. A line of more than 4095 bytes with its line break is not refused: its first 4095 bytes are one command, and the
    /// rest is the next one.
    /// </summary>
    public static IEnumerable<string> Lines(byte[] input)
    {
        for (var at = 0; at < input.Length; )
        {
            var room = Math.Min(MaximumLine - 1, input.Length - at);
            var end = Array.IndexOf(input, (byte)'\n', at, room);
            var length = end < 0 ? room : end - at;
            yield return Encoding.Latin1.GetString(input, at, length);
            at += end < 0 ? room : length + 1;
        }
    }

    /// <summary>
    /// Words between white space; single and double quotes only where a word begins; a backslash takes the next character as it is, in
    /// quotes of both kinds too. A quote that is not closed ends with the line. No more than 32 words.
    /// </summary>
    public static List<string> Split(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var inWord = false;
        var quote = '\0';
        for (var at = 0; at < line.Length && words.Count < MaximumArguments; at++)
        {
            var c = line[at];
            if (!inWord)
            {
                if (IsSpace(c))
                {
                    continue;
                }
                inWord = true;
                quote = c is '"' or '\'' ? c : '\0';
                if (quote != '\0')
                {
                    continue;
                }
            }
            if (c == '\\')
            {
                at++;
                word.Append(at < line.Length ? line[at] : "");
            }
            else if (quote == '\0' ? IsSpace(c) : c == quote)
            {
                words.Add(word.ToString());
                word.Clear();
                inWord = false;
            }
            else
            {
                word.Append(c);
            }
        }
        if (inWord)
        {
            words.Add(word.ToString());
        }
        return words;
    }

    private static bool IsSpace(char c) => c is ' ' or '\t' or '\n' or '\v' or '\f' or '\r';
}
