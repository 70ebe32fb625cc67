namespace Codexctl.Engines.Bubblewrap;

/// <summary>The host's system directories as far as a box gets them.</summary>
/// <param name="Directories">Top-level directories to show read-only.</param>
/// <param name="Links">Top-level links with their targets (`/bin` to `usr/bin`).</param>
/// <param name="Configuration">Files and directories of /etc that are safe to show.</param>
internal sealed record HostLayout(
    IReadOnlyList<string> Directories,
    IReadOnlyList<(string Path, string Target)> Links,
    IReadOnlyList<string> Configuration
)
{
    private static readonly string[] TopLevel = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];

    // Only what is the same on every machine of a kind: never accounts, keys, credentials of package registries or services.
    // Of /etc/ssl and /etc/pki only the public halves: their neighbours are private keys.
    private static readonly string[] SafeConfiguration =
    [
        "ld.so.cache",
        "ld.so.conf",
        "ld.so.conf.d",
        "ssl/certs",
        "ssl/cert.pem",
        "ssl/openssl.cnf",
        "ca-certificates",
        "ca-certificates.conf",
        "pki/ca-trust/extracted",
        "pki/tls/certs",
        "pki/tls/cert.pem",
        "pki/tls/openssl.cnf",
        "crypto-policies",
        "alternatives",
        "localtime",
        "timezone",
        "locale.alias",
        "locale.conf",
        "os-release",
        "debian_version",
        "lsb-release",
        "alpine-release",
        "fedora-release",
        "redhat-release",
        "mime.types",
        "magic",
        "magic.mime",
        "terminfo",
        "bash.bashrc",
        "bashrc",
        "profile",
        "profile.d",
        "inputrc",
        "protocols",
        "services",
        "rpc",
        "shells",
        "manpath.config",
        "fonts",
        "perl",
        "maven",
        "vim",
        "emacs",
        "groff",
    ];

    private static readonly string[] SafePrefixes = ["python", "java", "php", "ruby", "lua", "fpc", "gnucobol", "R"];

    public static HostLayout Read()
    {
        var directories = new List<string> { "/usr" };
        var links = new List<(string, string)>();
        foreach (var path in TopLevel)
        {
            if (new DirectoryInfo(path).LinkTarget is { } target)
            {
                links.Add((path, target));
            }
            else if (Directory.Exists(path))
            {
                directories.Add(path);
            }
        }
        var prefixed = Directory
            .EnumerateFileSystemEntries("/etc")
            .Select(Path.GetFileName)
            .OfType<string>()
            .Where(name => SafePrefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)))
            .Order(StringComparer.Ordinal);
        return new HostLayout(
            directories,
            links,
            [.. SafeConfiguration.Concat(prefixed).Select(name => $"/etc/{name}").Where(Path.Exists)]
        );
    }
}
