using System.Security.Cryptography;
using System.Text;

namespace Codexctl.Images;

/// <summary>A kind of image that codexctl can build.</summary>
/// <param name="Name">The word that `--image` takes, and the image's tag.</param>
/// <param name="Summary">One line for lists.</param>
/// <param name="Base">What it is built on in the end when the person names nothing else; null for images of the person's.</param>
/// <param name="Parents">The images of the catalogue whose names stand after FROM.</param>
public sealed record ImageRecipe(string Name, string Summary, string? Base, IReadOnlyList<string> Parents)
{
    /// <summary>The folder of the person's that holds the recipe and is its context; null for what is part of the program.</summary>
    public string? Folder { get; init; }

    public bool IsBuiltIn => Folder is null;
}

/// <summary>The images there are: those that are part of the program, and those in the person's image folder.</summary>
public sealed class ImageCatalogue
{
    public const string Codex = "codex";

    /// <summary>The name of the image with a Codex that is being tried.</summary>
    public const string Canary = "codex-canary";

    private const string Alpine = "alpine:3.22";

    private static readonly ImageRecipe[] s_builtIn =
    [
        new(Codex, "Codex, git, npm, curl, jq, ripgrep: general work and small scripts", Alpine, []),
        new("codex-python", "The same with Python, pip and a writable environment", Alpine, [Codex]),
        new("codex-swift", "The same on a Swift toolchain, with format, lint and swiftly", "swift:6.2-noble", [Codex]),
        new("codex-office", "The same with Python and Node libraries for documents, tables, slides and PDF", Alpine, [Codex]),
    ];

    private readonly Dictionary<string, ImageRecipe> _recipes;

    private ImageCatalogue(IEnumerable<ImageRecipe> recipes) =>
        _recipes = recipes.ToDictionary(recipe => recipe.Name, StringComparer.Ordinal);

    /// <summary>What is part of the program, and nothing else.</summary>
    public static ImageCatalogue BuiltIn { get; } = new(s_builtIn);

    public IReadOnlyCollection<ImageRecipe> All => _recipes.Values;

    /// <summary>With the person's own images: each `NAME/Dockerfile` in the folder.</summary>
    /// <exception cref="UserError">A name that cannot be an image's, or is taken.</exception>
    public static ImageCatalogue Load(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return BuiltIn;
        }
        var own = UserImages.Find(folder, [.. s_builtIn.Select(recipe => recipe.Name)]);
        return new ImageCatalogue(s_builtIn.Concat(own));
    }

    /// <summary>The recipe of that name; null when there is none.</summary>
    public ImageRecipe? Find(string name) => _recipes.GetValueOrDefault(name);

    /// <summary>What an image is made from, as one hash: recipes, scripts, pinned packages, pinned release and base.</summary>
    public string Fingerprint(ImageRecipe recipe, CodexRelease release, string @base)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(recipe, []);
        Add(Encoding.UTF8.GetBytes($"{release.PackageVersion} {release.Integrity}"));
        Add(Encoding.UTF8.GetBytes(@base));
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(ImageRecipe one, HashSet<string> above)
        {
            if (!above.Add(one.Name))
            {
                return;
            }
            foreach (var parent in one.Parents.Select(Find).OfType<ImageRecipe>())
            {
                Append(parent, above);
            }
            foreach (var (path, content) in one.Folder is { } folder ? UserImages.Content(folder) : Files(one))
            {
                Add(Encoding.UTF8.GetBytes(path));
                Add(content);
            }
            foreach (var package in PlacedPackage.Of(one.Name))
            {
                Add(Encoding.UTF8.GetBytes(package.ToString()));
            }
            above.Remove(one.Name);
        }

        void Add(byte[] part)
        {
            // Its length first, so that no two different lists of parts look the same.
            hash.AppendData(BitConverter.GetBytes((long)part.Length));
            hash.AppendData(part);
        }
    }

    /// <summary>
    /// The recipe's text. With <paramref name="whole"/> it begins with codex's own steps instead of the finished image: FROM then
    /// means that stage, because a stage's name comes before an image's.
    /// </summary>
    public static string Dockerfile(ImageRecipe recipe, bool whole) =>
        (whole && recipe.Name != Codex ? EmbeddedFiles.ReadText($"images/{Codex}/Dockerfile") + "\n" : "")
        + EmbeddedFiles.ReadText($"images/{recipe.Name}/Dockerfile");

    /// <summary>Writes the recipe and the scripts that it copies into a build context; not Codex and the npm packages.</summary>
    public static void Write(ImageRecipe recipe, bool whole, string context)
    {
        var files = Files(recipe).Where(file => !file.Path.EndsWith("/Dockerfile", StringComparison.Ordinal));
        if (whole && recipe.Name != Codex)
        {
            files = files.Concat(Common());
        }
        WriteFile("Dockerfile", Encoding.UTF8.GetBytes(Dockerfile(recipe, whole)));
        foreach (var (path, content) in files)
        {
            WriteFile(path, content);
        }

        void WriteFile(string path, byte[] content)
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
    }

    private static IEnumerable<(string Path, byte[] Content)> Files(ImageRecipe recipe) =>
        Below($"images/{recipe.Name}/").Concat(recipe.Name == Codex ? Common() : []);

    private static IEnumerable<(string Path, byte[] Content)> Common() => Below("images/common/");

    private static IEnumerable<(string Path, byte[] Content)> Below(string folder) =>
        EmbeddedFiles.Below(folder).Select(name => (name["images/".Length..], EmbeddedFiles.ReadBytes(name)));

    private static bool IsScript(byte[] content) => content.AsSpan().StartsWith("#!"u8);
}
