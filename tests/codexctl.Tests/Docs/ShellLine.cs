using System.Text;

namespace Codexctl.Tests.Docs;

/// <summary>Cuts a command line of the documentation or of an example as a shell would, as far as those go.</summary>
internal static class ShellLine
{
    /// <summary>The commands of codexctl in a line, which may hand on to another or be in a `&lt;(…)`; without variables before them.</summary>
    public static IEnumerable<IReadOnlyList<string>> Commands(string line) =>
        line.Split(["&&", "<("], StringSplitOptions.TrimEntries)
            .Select(part => Words(part.TrimEnd(')')))
            .Select(words => words.SkipWhile(IsVariable).ToList())
            .Where(words => words is ["codexctl", ..]);

    /// <summary>The words up to a pipe or redirection.</summary>
    public static IReadOnlyList<string> Words(string line)
    {
        List<string> words = [];
        var word = new StringBuilder();
        char? quote = null;
        var begun = false;
        foreach (var letter in line + " ")
        {
            if (quote is not null ? letter == quote : letter is '"' or '\'')
            {
                quote = quote is null ? letter : null;
                begun = true;
            }
            else if (quote is not null || letter is not (' ' or '>' or '<' or '|'))
            {
                word.Append(letter);
                begun = true;
            }
            else
            {
                if (begun)
                {
                    words.Add(word.ToString());
                    word.Clear();
                    begun = false;
                }
                if (letter != ' ')
                {
                    break;
                }
            }
        }
        return words;
    }

    private static bool IsVariable(string word) =>
        word.IndexOf('=') is > 0 and var at && word[..at].All(letter => letter is '_' or (>= 'A' and <= 'Z'));
}
