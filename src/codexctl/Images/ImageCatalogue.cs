using System.Security.Cryptography;
using System.Text;

namespace Codexctl.Images;

/// <summary>A kind of image that codexctl can build.</summary>
/// <param name="Name">The word that `--image` takes, and the image's tag.</param>
/// <param name="Summary">One line for lists.</param>
/// <param name="Base">What it is built on when the person names nothing else.</param>
public sealed record ImageRecipe(string Name, string Summary, string Base);

/// <summary>The images there are; their files are part of the program.</summary>
public static class ImageCatalogue
{
    public static IReadOnlyList<ImageRecipe> All { get; } =
    [new("codex", "Codex, git, npm, curl, jq, ripgrep: general work and small scripts", "alpine:3.22")];

    /// <summary>The recipe of that name; null when there is none.</summary>
    public static ImageRecipe? Find(string name) =>
        All.FirstOrDefault(recipe => string.Equals(recipe.Name, name, StringComparison.Ordinal));

    /// <summary>What an image is made from, as one hash: recipe, scripts, pinned release and base.</summary>
    public static string Fingerprint(ImageRecipe recipe, CodexRelease release, string @base)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (path, content) in Files(recipe))
        {
            Add(Encoding.UTF8.GetBytes(path));
            Add(content);
        }
        Add(Encoding.UTF8.GetBytes($"{release.PackageVersion} {release.Integrity}"));
        Add(Encoding.UTF8.GetBytes(@base));
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Add(byte[] part)
        {
            // Its length first, so that no two different lists of parts look the same.
            hash.AppendData(BitConverter.GetBytes((long)part.Length));
            hash.AppendData(part);
        }
    }

    /// <summary>Writes the recipe and what it copies, but for Codex itself, into a build context.</summary>
    public static void Write(ImageRecipe recipe, string context)
    {
        foreach (var (path, content) in Files(recipe))
        {
            var target = Path.Combine(context, path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllBytes(target, content);
            if (!OperatingSystem.IsWindows())
            {
                // Builders copy the mode into the image; the umask of whoever builds must not decide it.
                File.SetUnixFileMode(target, (UnixFileMode)(IsScript(content) ? 0b111_101_101 : 0b110_100_100));
            }
        }
        if (!OperatingSystem.IsWindows())
        {
            foreach (var folder in Directory.EnumerateDirectories(context, "*", SearchOption.AllDirectories))
            {
                File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
            }
        }
    }

    private static IEnumerable<(string Path, byte[] Content)> Files(ImageRecipe recipe)
    {
        yield return ("Dockerfile", EmbeddedFiles.ReadBytes($"images/{recipe.Name}/Dockerfile"));
        foreach (var name in EmbeddedFiles.Below("images/common/"))
        {
            yield return (name["images/".Length..], EmbeddedFiles.ReadBytes(name));
        }
    }

    private static bool IsScript(byte[] content) => content.AsSpan().StartsWith("#!"u8);
}
