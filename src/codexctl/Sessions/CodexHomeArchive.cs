using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Codexctl.Engines;
using Codexctl.Models;

namespace Codexctl.Sessions;

/// <summary>A file for a Codex home in a box.</summary>
/// <param name="Home">The home that it is for.</param>
/// <param name="Name">Relative to the home.</param>
public sealed record HomeFile(string Home, string Name, byte[] Content);

/// <summary>
/// Reads what is worth taking of the Codex home in an exported container: sessions and the history of prompts. An agent wrote it, so
/// only plain files of known names are looked at, and links lead nowhere.
/// </summary>
public static partial class CodexHomeArchive
{
    /// <summary>Bytes; a longer session is left where it is.</summary>
    public const long LargestSession = 200 << 20;

    private const string History = "history.jsonl";

    /// <param name="tar">The container's files.</param>
    /// <param name="onSkip">Gets the name of a file that is too large.</param>
    public static IEnumerable<HomeFile> Files(Stream tar, Action<string> onSkip)
    {
        foreach (var (name, size, stream) in Entries(tar))
        {
            if (name != History && !Sessions().IsMatch(name))
            {
                continue;
            }
            if (size > LargestSession)
            {
                onSkip(name);
                continue;
            }
            var content = Content(stream);
            if (name == History)
            {
                yield return new HomeFile(Box.LocalCodexHome, name, content);
                continue;
            }
            var (home, changed) = ForBox(content);
            yield return new HomeFile(home, name, changed);
        }
    }

    /// <summary>The login in it; null when there is none, or it is larger than any.</summary>
    public static byte[]? Login(Stream tar, int largest) =>
        Entries(tar)
            .Where(found => found.Name == "auth.json" && found.Size <= largest)
            .Select(found => Content(found.Content))
            .FirstOrDefault();

    /// <summary>
    /// Which home a session is for, and the session as its Codex finds it again: Codex lists only those of the provider that it uses.
    /// </summary>
    internal static (string Home, byte[] Content) ForBox(byte[] session)
    {
        var end = Array.IndexOf(session, (byte)'\n');
        var first = session.AsSpan(0, end < 0 ? session.Length : end);
        JsonNode? line;
        try
        {
            line = JsonNode.Parse(first);
        }
        catch (JsonException)
        {
            // Codex itself cannot read it; it goes along as it is.
            return (Box.LocalCodexHome, session);
        }
        if (line is not JsonObject { } top || top["payload"] is not JsonObject payload)
        {
            return (Box.LocalCodexHome, session);
        }
        var provider = payload["model_provider"] is JsonValue value && value.TryGetValue<string>(out var named) ? named : null;
        if (provider == "openai")
        {
            return (Box.OnlineCodexHome, session);
        }
        payload["model_provider"] = CodexConfiguration.Provider;
        return (Box.LocalCodexHome, [.. Encoding.UTF8.GetBytes(top.ToJsonString()), .. session.AsSpan(first.Length)]);
    }

    private static IEnumerable<(string Name, long Size, Stream Content)> Entries(Stream tar)
    {
        var files = new ExportedFiles(tar);
        while (files.Next() is { } file)
        {
            var path = ExportedFiles.PathOf(file.Name);
            if (file.Type == '0' && path.StartsWith(OldContainers.Home, StringComparison.Ordinal))
            {
                yield return (path[OldContainers.Home.Length..], file.Size, files.Content());
            }
        }
    }

    private static byte[] Content(Stream stream)
    {
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }

    [GeneratedRegex(
        @"^(sessions/\d{4}/\d{2}/\d{2}|archived_sessions)/rollout-[0-9A-Za-z_.-]{1,150}\.jsonl\z",
        RegexOptions.ExplicitCapture,
        1000
    )]
    private static partial Regex Sessions();
}
