using System.IO.Enumeration;
using System.Text;
using System.Text.RegularExpressions;

namespace Codexctl.Images;

/// <summary>The person's own recipes: each `NAME/Dockerfile` in the image folder.</summary>
internal static partial class UserImages
{
    private const int LargestHashed = 1 << 20;

    /// <summary>What can be an image's name. A folder of another name (a copy, a backup) is none; asking for it says why.</summary>
    public static bool IsName(string name) => ImageName().IsMatch(name);

    /// <exception cref="UserError">A folder has the name of a built-in image, or its recipe cannot be read.</exception>
    public static IEnumerable<ImageRecipe> Find(string folder, IReadOnlyList<string> taken)
    {
        var folders = Directory
            .EnumerateDirectories(folder)
            .Where(path => IsName(Path.GetFileName(path)) && File.Exists(Path.Combine(path, "Dockerfile")))
            .Order(StringComparer.Ordinal)
            .ToList();
        var names = folders.Select(path => Path.GetFileName(path)).Concat(taken).ToHashSet(StringComparer.Ordinal);
        foreach (var path in folders)
        {
            var name = Path.GetFileName(path);
            if (taken.Contains(name, StringComparer.Ordinal))
            {
                throw new UserError(
                    $"{name} is an image of codexctl's own.",
                    $"{path} would hide it.",
                    "Rename the folder; its Dockerfile may say FROM " + name + ".",
                    ExitCodes.Usage
                );
            }
            var text = Read(Path.Combine(path, "Dockerfile"));
            yield return new ImageRecipe(name, $"Yours: {path}", null, [.. Sources(text).Where(names.Contains)]) { Folder = path };
        }
    }

    private static string Read(string recipe)
    {
        try
        {
            return File.ReadAllText(recipe);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{recipe} cannot be read.", error.Message, "Make it readable, or move its folder elsewhere.");
        }
    }

    /// <summary>The images that a recipe starts from or copies from, without the tag `latest`; its own stages are none.</summary>
    internal static IReadOnlyList<string> Sources(string dockerfile)
    {
        var arguments = new Dictionary<string, string>(StringComparer.Ordinal);
        var stages = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var found = new List<string>();
        foreach (var line in Continued().Replace(Comment().Replace(dockerfile, ""), " ").Split('\n'))
        {
            var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            switch (words.Length > 1 ? words[0].ToUpperInvariant() : "")
            {
                case "ARG" when stages.Count == 0 && found.Count == 0:
                    foreach (var argument in words.Skip(1).Where(word => word.Contains('=', StringComparison.Ordinal)))
                    {
                        arguments[argument.Split('=')[0]] = argument.Split('=', 2)[1].Trim('"', '\'');
                    }
                    break;
                case "FROM":
                    var rest = words.Skip(1).Where(word => !word.StartsWith("--", StringComparison.Ordinal)).ToList();
                    Add(rest.FirstOrDefault());
                    if (rest.Count == 3 && string.Equals(rest[1], "AS", StringComparison.OrdinalIgnoreCase))
                    {
                        stages.Add(rest[2]);
                    }
                    break;
                case "COPY":
                case "RUN":
                    foreach (var word in words.Skip(1).TakeWhile(word => word.StartsWith("--", StringComparison.Ordinal)))
                    {
                        Add(From().Match(word) is { Success: true } match ? match.Groups["image"].Value : null);
                    }
                    break;
            }
        }
        return [.. found.Distinct(StringComparer.Ordinal)];

        void Add(string? image)
        {
            // A number is one of its own stages.
            if (image is null || stages.Contains(image) || image.All(char.IsAsciiDigit))
            {
                return;
            }
            var name = Variable()
                .Replace(image, match => arguments.GetValueOrDefault(match.Groups["name"].Value, match.Groups["default"].Value));
            found.Add(name.EndsWith(":latest", StringComparison.Ordinal) ? name[..^":latest".Length] : name);
        }
    }

    /// <summary>All files of a context, for its hash. Of big ones size and date must do: the hash is wanted at each new container.</summary>
    public static IEnumerable<(string Path, byte[] Content)> Content(string folder)
    {
        // A link counts as itself, as builders take it: it may lead anywhere, also to where it is.
        var files = new FileSystemEnumerable<string>(
            folder,
            (ref FileSystemEntry entry) => entry.ToFullPath(),
            new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None }
        )
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory || IsLink(ref entry),
            ShouldRecursePredicate = (ref FileSystemEntry entry) => !IsLink(ref entry) && entry.FileName is not ".git",
        };
        foreach (var path in files.Order(StringComparer.Ordinal))
        {
            var name = Path.GetRelativePath(folder, path);
            var file = new FileInfo(path);
            var content =
                file.LinkTarget is { } target ? Encoding.UTF8.GetBytes(target)
                : file.Length <= LargestHashed ? Bytes(path)
                : Encoding.UTF8.GetBytes($"{file.Length} {file.LastWriteTimeUtc.Ticks}");
            yield return ($"{name} {(OperatingSystem.IsWindows() ? 0 : (int)file.UnixFileMode)}", content);
        }
    }

    private static bool IsLink(ref FileSystemEntry entry) => entry.Attributes.HasFlag(FileAttributes.ReparsePoint);

    /// <summary>What cannot be read, the builder will say when it comes to that.</summary>
    private static byte[] Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    [GeneratedRegex("^--(?:from=|mount=(?:.*,)?from=)(?<image>[^,]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex From();

    [GeneratedRegex("^[a-z0-9]+(?:[._-][a-z0-9]+)*\\z", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ImageName();

    [GeneratedRegex(@"^\s*#.*$", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\\[ \t]*\r?\n", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Continued();

    [GeneratedRegex(@"\$(?:\{(?<name>\w+)(?::?-(?<default>[^}]*))?\}|(?<name>\w+))", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Variable();
}
