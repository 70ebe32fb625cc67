namespace Codexctl.Policy;

/// <summary>A named group of hosts that belong to one job.</summary>
/// <param name="Name">What people type after --allow.</param>
/// <param name="Purpose">What it is for, for help texts; a phrase.</param>
/// <param name="Hosts">Patterns as people write them.</param>
public sealed record Preset(string Name, string Purpose, IReadOnlyList<string> Hosts)
{
    private readonly Lazy<IReadOnlyList<HostPattern>> _patterns = new(() => [.. Hosts.Select(HostPattern.Parse)]);

    public IReadOnlyList<HostPattern> Patterns => _patterns.Value;
}

/// <summary>The presets of the allow list. Each holds what the stock tools of that world ask for, and no more.</summary>
public static class Presets
{
    public static IReadOnlyList<Preset> All { get; } =
    [
        // nodejs.org serves the headers that node-gyp compiles native modules against.
        new("npm", "npm, pnpm and yarn packages", ["registry.npmjs.org", "registry.yarnpkg.com", "nodejs.org"]),
        new("pypi", "Python packages (pip, uv, poetry)", ["pypi.org", "files.pythonhosted.org"]),
        // crates.io itself answers `cargo search` and redirects downloads to static.crates.io.
        new("crates", "Rust crates (cargo)", ["index.crates.io", "static.crates.io", "crates.io"]),
        new("nuget", ".NET packages (dotnet restore)", ["api.nuget.org", "globalcdn.nuget.org", "www.nuget.org"]),
        // The module proxy answers downloads that its cache misses with a redirect to a bucket at storage.googleapis.com
        // (golang/go issue 52908). That host serves the buckets of everybody: the docs say so.
        new("go", "Go modules and toolchains", ["proxy.golang.org", "sum.golang.org", "go.dev", "dl.google.com", "storage.googleapis.com"]),
        // *.githubusercontent.com: raw files, release assets, LFS objects.
        new(
            "github",
            "GitHub: git over https, releases, raw files, API",
            ["github.com", "api.github.com", "codeload.github.com", "*.githubusercontent.com"]
        ),
        new(
            "debian",
            "Debian and Ubuntu packages (apt)",
            ["deb.debian.org", "security.debian.org", "archive.ubuntu.com", "security.ubuntu.com", "ports.ubuntu.com"]
        ),
        new("alpine", "Alpine packages (apk)", ["dl-cdn.alpinelinux.org"]),
        // Swift packages live in git repositories, mostly at GitHub: that is a preset of its own.
        new("swift", "Swift toolchains", ["swift.org", "www.swift.org", "download.swift.org"]),
        new("openai", "OpenAI: sign-in and the online models", ["api.openai.com", "auth.openai.com", "chatgpt.com"]),
    ];

    public static IEnumerable<string> Names => All.Select(preset => preset.Name);

    /// <summary>The preset of that name, whatever its case; null when there is none.</summary>
    public static Preset? Find(string name) =>
        All.FirstOrDefault(preset => string.Equals(preset.Name, name.Trim(), StringComparison.OrdinalIgnoreCase));

    /// <summary>The first preset that would allow this host and port.</summary>
    public static Preset? Covering(string host, int port) =>
        All.FirstOrDefault(preset => preset.Patterns.Any(pattern => pattern.Matches(host, port)));
}
