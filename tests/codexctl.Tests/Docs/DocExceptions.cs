using System.Text.RegularExpressions;

namespace Codexctl.Tests.Docs;

/// <summary>
/// The command lines of the documentation that no test can run as they stand, and why. Lines of codexctl are parsed by the real
/// parser all the same. A line that is neither here nor runs makes the tests fail; so does an entry that no line needs.
/// </summary>
public static class DocExceptions
{
    private static readonly (string Pattern, string Why)[] _all =
    [
        (@"ollama (pull|serve)\b", "Ollama is not on the test's machine; a fake of its API stands for it"),
        (@"^llama-server --jinja$", "llama.cpp is not on the test's machine; how it starts is its own affair"),
        (@"^container ", "needs a Mac; AppleContainer.Tests holds the emulator to the same words"),
        (@"^brew ", "needs a Mac and a published tap; PackageTests checks the formula"),
        (@"^sudo apt-get install \./codexctl_\*\.deb$", "PersonsPathTests types it on a clean system"),
        (@"^dotnet tool install --global codexctl$", "PersonsPathTests types it, from a folder in place of the registry"),
        (@"^sh install\.sh$", "PackageTests runs it with --from, because nothing is published yet"),
        (
            @"^sudo (systemctl start docker|usermod -aG docker ""\$USER""|apt-get install clang zlib1g-dev)$",
            "changes the machine that tests run on"
        ),
        (@"^npm (login|config set cafile FILE)$", "changes the person's npm; NpmRegistryTests and CodexStoreTests read what it writes"),
        (@"^cd ~/my-project$", "every test goes into a folder of its own"),
        (@"^(CODEXCTL_FETCH_SDK=1 )?\./codexctl ", "builds the whole program; the published one runs every command here"),
        (@"^\./test$", "is what runs this test"),
        (@"^ln -s ", "is of the reader's own folders"),
        (@"^dotnet csharpier format \.$", "changes the sources; ./test checks the format"),
        (@"^packaging/make\b", "PackageTests runs it for this machine; other platforms need their linkers (docs/contributing.md)"),
        (
            @"^(mmdebstrap|SYSROOT=~/arm64 packaging/make|qemu-aarch64-static) ",
            "makes and tries the program of another processor, for minutes"
        ),
        (@"^bench/run\b", "measures for minutes"),
        (@"^socat TCP-LISTEN:11434,fork,bind=192\.168\.64\.1 ", "that address exists on a Mac only"),
        (@"^OLLAMA_HOST=192\.168\.64\.1 ", "that address exists on a Mac only"),
        (@"^secret-tool ", "SecretServiceTests does, with a keyring of its own"),
        (
            @"^docker (inspect|create|container (start|stop|rm)|exec) .*codex-my-project",
            "BehindTheScenesTests holds the page to the calls that are made"
        ),
        (@"^docker (exec|build|run|container inspect)$", "is the name of the engine's command, not a line"),
        (@"^container (run|build)$", "is the name of the engine's command, not a line"),
        (@"^podman machine$", "is the name of a thing"),
        (
            @"^docker run --rm -it --mount type=bind,source=""\$PWD"",target=/workdir codex$",
            "ImageTests runs the image so, without the terminal"
        ),
        (@"^codexctl build\b", "builds images that all tests of a machine share, for minutes; ImageTests does it"),
        (
            @"^codexctl images (prune( --keep 0)?|prune \[--keep N\]|rm .*)$",
            "would remove images of the whole machine; ImageStockTests does it with a fake engine"
        ),
        (@"^codexctl upgrade --image codex-python --dry-run$", "needs the image codex-python, which ImageTests builds"),
        (@"^codexctl codex upgrade\b", "fetches another Codex, 300 MB; CodexPinTests does it from a registry of its own"),
        (@"^codexctl import\b", "takes over what other programs have on the machine; ImportTests does it with containers of its own"),
        (@"^docker stop NAME$", "is of a container of the reader's"),
        (@"^codexctl trust( --revoke)?$", "asks at a terminal about the reader's own file; SettingsTests answers"),
        (@"^codexctl log rm\b", "removes records of the reader's; RecordRetentionTests does it"),
        (@"^codexctl config set profiles\.NAME\.model MODEL$", "both names stand for the reader's; SettingsTests sets them"),
        (@"^codexctl doctor --conformance\b", "takes minutes; codexctl.Conformance runs every promise"),
        (@"^codexctl gateway ENGINE CONTAINER$", "hidden: how codexctl starts its own gateway; every run here does"),
    ];

    public static IReadOnlyList<string> Patterns { get; } = [.. _all.Select(entry => entry.Pattern)];

    /// <summary>Why a line cannot run in a test; null when it can.</summary>
    public static string? Why(string line) => _all.FirstOrDefault(entry => Fits(line, entry.Pattern)).Why;

    public static bool Fits(string line, string pattern) => Regex.IsMatch(line, pattern, RegexOptions.NonBacktracking);
}
