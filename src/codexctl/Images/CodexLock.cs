using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Codexctl.Images;

/// <summary>The pinned Codex release: images/codex.lock, which is part of the program.</summary>
/// <param name="Package">The npm package.</param>
/// <param name="Version">What `codex --version` prints.</param>
/// <param name="Platforms">By name: linux-x64, linux-arm64.</param>
public sealed record CodexLock(string Package, string Version, IReadOnlyDictionary<string, CodexRelease> Platforms)
{
    /// <summary>The lock that this program was built with.</summary>
    public static CodexLock Embedded { get; } = Parse(EmbeddedFiles.ReadText("images/codex.lock"));

    /// <summary>The release for Linux on this machine's processor: what runs in a box, also on a Mac.</summary>
    /// <exception cref="UserError">Codex does not exist for this processor.</exception>
    public CodexRelease ForThisMachine()
    {
        var processor = RuntimeInformation.OSArchitecture switch
        {
            Architecture.X64 => "x64",
            Architecture.Arm64 => "arm64",
            var other => other.ToString().ToLowerInvariant(),
        };
        return Platforms.GetValueOrDefault($"linux-{processor}")
            ?? throw new UserError(
                $"There is no Codex {Version} for this machine's processor ({processor}).",
                $"OpenAI publishes it for {string.Join(", ", Platforms.Keys)}."
            );
    }

    /// <summary>In the form that <see cref="Parse"/> reads.</summary>
    public JsonObject ToJson()
    {
        var platforms = new JsonObject();
        foreach (var (name, release) in Platforms)
        {
            platforms[name] = new JsonObject
            {
                ["version"] = release.PackageVersion,
                ["target"] = release.Target,
                ["integrity"] = release.Integrity.Text,
            };
        }
        return new JsonObject
        {
            ["package"] = Package,
            ["version"] = Version,
            ["platforms"] = platforms,
        };
    }

    public static CodexLock Parse(string json)
    {
        var root = JsonNode.Parse(json)!;
        var package = Text(root, "package");
        var version = Text(root, "version");
        var platforms = new Dictionary<string, CodexRelease>(StringComparer.Ordinal);
        foreach (var (name, node) in root["platforms"]!.AsObject())
        {
            platforms[name] = new CodexRelease(
                package,
                version,
                name,
                Text(node!, "version"),
                Text(node!, "target"),
                Integrity.Parse(Text(node!, "integrity"))
            );
        }
        return new CodexLock(package, version, platforms);
    }

    private static string Text(JsonNode node, string key) =>
        node[key]?.GetValue<string>() ?? throw new FormatException($"images/codex.lock has no {key}");
}

/// <summary>One platform of the pinned release.</summary>
/// <param name="Platform">linux-x64 or linux-arm64.</param>
/// <param name="PackageVersion">The version of the npm package, which names the platform too.</param>
/// <param name="Target">The folder below `vendor/` inside the package.</param>
public sealed record CodexRelease(
    string Package,
    string Version,
    string Platform,
    string PackageVersion,
    string Target,
    Integrity Integrity
)
{
    /// <summary>Where it comes from.</summary>
    public NpmPackage Npm => new(Package, PackageVersion, Integrity);
}

/// <summary>The hash of a package as npm writes it: `sha512-` and base64.</summary>
public sealed record Integrity
{
    private const string Prefix = "sha512-";

    private Integrity(string text) => Text = text;

    public string Text { get; }

    public static Integrity Parse(string text)
    {
        var bytes = new byte[64];
        if (
            !text.StartsWith(Prefix, StringComparison.Ordinal)
            || !Convert.TryFromBase64String(text[Prefix.Length..], bytes, out var count)
            || count != 64
        )
        {
            throw new FormatException($"Not a SHA-512 integrity: {text}");
        }
        return new Integrity(text);
    }

    public static Integrity Of(byte[] sha512) => new(Prefix + Convert.ToBase64String(sha512));

    public override string ToString() => Text;
}
