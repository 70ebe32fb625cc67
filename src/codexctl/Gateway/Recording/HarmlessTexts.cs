using System.Collections.Concurrent;

namespace Codexctl.Gateway.Recording;

/// <summary>
/// Cleans texts, and keeps in mind the short ones that had nothing to hide: names of models, fields, methods and paths come again and again.
/// </summary>
internal sealed class HarmlessTexts(Func<string, string> clean)
{
    private const int Most = 256;

    /// <summary>Characters.</summary>
    private const int Longest = 128;

    private readonly ConcurrentDictionary<string, bool> _known = new(StringComparer.Ordinal);

    public string Clean(string text)
    {
        if (text.Length > Longest)
        {
            return clean(text);
        }
        if (_known.ContainsKey(text))
        {
            return text;
        }
        var cleaned = clean(text);
        if (cleaned == text)
        {
            if (_known.Count >= Most)
            {
                _known.Clear();
            }
            _known.TryAdd(text, true);
        }
        return cleaned;
    }
}
