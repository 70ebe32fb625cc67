namespace Codexctl.AppleContainer;

/// <summary>A reference to an image: domain and path, tag, digest.</summary>
public sealed record ImageReference(string Repository, string Tag, string? Digest)
{
    private const string DefaultDomain = "docker.io";

    /// <summary>As typed, with its tag.</summary>
    public string Typed => Digest is null ? $"{Repository}:{Tag}" : $"{Repository}@{Digest}";

    /// <summary>With the domain and folder that a registry's reference has.</summary>
    public string Full =>
        HasDomain ? Typed : $"{DefaultDomain}/{(Repository.Contains('/', StringComparison.Ordinal) ? "" : "library/")}{Typed}";

    /// <summary>Without the default domain and folder, as `image list -q` prints it.</summary>
    public string Brief
    {
        get
        {
            const string library = DefaultDomain + "/library/";
            return Typed.StartsWith(library, StringComparison.Ordinal) ? Typed[library.Length..]
                : Typed.StartsWith(DefaultDomain + "/", StringComparison.Ordinal) ? Typed[(DefaultDomain.Length + 1)..]
                : Typed;
        }
    }

    private bool HasDomain =>
        Repository.IndexOf('/', StringComparison.Ordinal) is var slash and > 0
        && Repository[..slash] is var first
        && (first.Contains('.', StringComparison.Ordinal) || first.Contains(':', StringComparison.Ordinal) || first == "localhost");

    /// <summary>Null when the form is not that of a reference (upper case, empty parts).</summary>
    public static ImageReference? Parse(string text)
    {
        string? digest = null;
        var rest = text;
        if (rest.IndexOf('@', StringComparison.Ordinal) is var at and >= 0)
        {
            digest = rest[(at + 1)..];
            rest = rest[..at];
            if (
                !digest.StartsWith("sha256:", StringComparison.Ordinal)
                || digest.Length != 71
                || !digest[7..].All(char.IsAsciiHexDigitLower)
            )
            {
                return null;
            }
        }
        var tag = "latest";
        if (rest.LastIndexOf(':') is var colon && colon > rest.LastIndexOf('/'))
        {
            tag = rest[(colon + 1)..];
            rest = rest[..colon];
        }
        return IsTag(tag) && rest.Split('/') is { } parts && IsRepository(parts) ? new ImageReference(rest, tag, digest) : null;
    }

    public static ImageReference Require(string text) => Parse(text) ?? throw new ContainerException("invalid format for image reference");

    private static bool IsTag(string tag) =>
        tag.Length is > 0 and <= 128
        && (char.IsAsciiLetterOrDigit(tag[0]) || tag[0] == '_')
        && tag.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    private static bool IsRepository(string[] parts)
    {
        for (var i = 0; i < parts.Length; i++)
        {
            var host = i == 0 && parts.Length > 1;
            if (
                parts[i].Length == 0
                || !parts[i].All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '.' or '-' || (host && c == ':'))
                || !char.IsAsciiLetterOrDigit(parts[i][0])
                || !char.IsAsciiLetterOrDigit(parts[i][^1])
            )
            {
                return false;
            }
        }
        return true;
    }
}
