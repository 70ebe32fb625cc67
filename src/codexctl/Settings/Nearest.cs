namespace Codexctl.Settings;

/// <summary>Finds the name that somebody probably meant.</summary>
public static class Nearest
{
    /// <summary>The name with the fewest changed characters; null when none is near.</summary>
    public static string? Of(string typed, IEnumerable<string> names)
    {
        var word = Plain(typed);
        // A third of the characters may be wrong; more is another word.
        var (best, distance) = (default(string), Math.Max(2, word.Length / 3) + 1);
        foreach (var name in names)
        {
            var found = Distance(word, Plain(name));
            if (found < distance)
            {
                (best, distance) = (name, found);
            }
        }
        return best;
    }

    private static string Plain(string text) => text.Length > 100 ? text[..100] : text.Replace('-', '_').ToLowerInvariant();

    // Damerau's distance in its simple form: a change, a character more or less, two neighbours swapped.
    private static int Distance(string one, string other)
    {
        var rows = new int[one.Length + 1, other.Length + 1];
        for (var i = 0; i <= one.Length; i++)
        {
            for (var j = 0; j <= other.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    rows[i, j] = i + j;
                    continue;
                }
                var change = rows[i - 1, j - 1] + (one[i - 1] == other[j - 1] ? 0 : 1);
                rows[i, j] = Math.Min(change, 1 + Math.Min(rows[i - 1, j], rows[i, j - 1]));
                if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                {
                    rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
                }
            }
        }
        return rows[one.Length, other.Length];
    }
}
