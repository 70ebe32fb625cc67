using System.Diagnostics;
using Codexctl.EndToEnd.Harness;

namespace Codexctl.EndToEnd;

/// <summary>The release's files, made once from the tested program, as people get them.</summary>
public sealed class PackageTests : IDisposable
{
    private static readonly Lazy<string> _release = new(Make);

    /// <summary>The folder with the packages of the tested program.</summary>
    internal static string Release => _release.Value;

    private readonly string _root = Directory.CreateTempSubdirectory("ce-package-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static string Version => Sh($"{Machine.Program} --version").Output.Trim();

    private static string Rid =>
        OperatingSystem.IsMacOS() ? "osx-arm64"
        : Sh("uname -m").Output.Trim() == "aarch64" ? "linux-arm64"
        : "linux-x64";

    [Fact]
    public void A_release_has_every_package_its_sums_and_what_it_was_made_of()
    {
        var names = Directory.EnumerateFiles(_release.Value).Select(file => Path.GetFileName(file)).ToList();

        foreach (
            var name in new[]
            {
                $"codexctl-{Version}-{Rid}.tar.gz",
                $"codexctl.{Version}.nupkg",
                $"codexctl-{Version}.sbom.json",
                "codexctl.rb",
                "install.sh",
            }
        )
        {
            names.ShouldContain(name);
        }
        names.ShouldContain(name =>
            name.StartsWith($"codexctl_{Version}_", StringComparison.Ordinal) && name.EndsWith(".deb", StringComparison.Ordinal)
        );
        Sh($"cd {_release.Value} && sha256sum --check --strict SHA256SUMS").ExitCode.ShouldBe(0);
        Sh($"jq -er '.components[] | .purl' {_release.Value}/codexctl-{Version}.sbom.json")
            .Output.ShouldContain("pkg:nuget/System.CommandLine@");
        var formula = File.ReadAllText(Path.Combine(_release.Value, "codexctl.rb"));
        formula.ShouldContain(Sh($"sha256sum < {_release.Value}/codexctl-{Version}-{Rid}.tar.gz").Output[..64]);
        formula.ShouldNotContain("@");
        var listed = Sh($"tar -tzf {_release.Value}/codexctl-{Version}-{Rid}.tar.gz").Output;
        listed.ShouldContain("/bin/codexctl\n");
        listed.ShouldContain("/share/man/man1/codexctl-run.1\n");
        listed.ShouldContain("/share/bash-completion/completions/codexctl\n");
    }

    [Fact]
    public void The_script_installs_what_was_released_and_takes_all_of_it_away_again()
    {
        var prefix = Path.Combine(_root, "prefix");

        var installed = Install($"--prefix {prefix} --from {_release.Value}");

        installed.ExitCode.ShouldBe(0, installed.ToString());
        Sh($"{prefix}/bin/codexctl --version").Output.Trim().ShouldBe(Version);
        File.Exists(Path.Combine(prefix, "share/man/man1/codexctl.1")).ShouldBeTrue();

        Install($"--prefix {prefix} --uninstall").ExitCode.ShouldBe(0);
        Directory.Exists(prefix).ShouldBeFalse();
    }

    [Fact]
    public void The_script_refuses_an_archive_that_was_changed_and_leaves_nothing()
    {
        var changed = Directory.CreateDirectory(Path.Combine(_root, "changed")).FullName;
        var archive = $"codexctl-{Version}-{Rid}.tar.gz";
        File.Copy(Path.Combine(_release.Value, "SHA256SUMS"), Path.Combine(changed, "SHA256SUMS"));
        var bytes = File.ReadAllBytes(Path.Combine(_release.Value, archive));
        bytes[^9] ^= 1;
        File.WriteAllBytes(Path.Combine(changed, archive), bytes);
        var prefix = Path.Combine(_root, "prefix");

        var refused = Install($"--prefix {prefix} --from {changed}");

        refused.ExitCode.ShouldBe(1);
        refused.Error.ShouldContain("is not what was released");
        Directory.Exists(prefix).ShouldBeFalse();
    }

    [Fact]
    public async Task The_deb_s_program_runs_on_a_minimal_system()
    {
        await Machine.NeedAsync(Engine.Docker);
        var unpacked = Path.Combine(_root, "deb");
        Sh($"dpkg-deb -x {_release.Value}/codexctl_{Version}_*.deb {unpacked}").ExitCode.ShouldBe(0);
        Sh($"dpkg-deb -f {_release.Value}/codexctl_{Version}_*.deb Depends").Output.ShouldContain("ca-certificates");
        var box = $"ce-deb-{Guid.NewGuid().ToString("N")[..8]}";
        try
        {
            // Copied, not mounted: the engine may be on another file system.
            Sh($"docker create --name {box} --network none {Machine.BaseImage} codexctl --version").ExitCode.ShouldBe(0);
            Sh($"docker cp {unpacked}/usr/bin/codexctl {box}:/usr/bin/codexctl").ExitCode.ShouldBe(0);
            var ran = Sh($"docker start --attach {box}");

            ran.ExitCode.ShouldBe(0, ran.ToString());
            ran.Output.Trim().ShouldBe(Version);
        }
        finally
        {
            Sh($"docker rm --force {box}");
        }
    }

    [Theory]
    [InlineData("codexctl un", "uninstall")]
    [InlineData("codexctl run --engine bu", "bubblewrap")]
    [InlineData("codexctl models ", "pull")]
    public void Bash_completes(string line, string expected)
    {
        var script = Path.Combine(_root, "completion");
        File.WriteAllText(script, Sh($"{Machine.Program} completion bash").Output);
        var words = line.Split(' ');
        var ask =
            $"PATH={Path.GetDirectoryName(Machine.Program)}:$PATH; HOME={_root}; compopt() {{ :; }}; source {script}; "
            + $"COMP_WORDS=({string.Join(' ', words.Select(word => $"'{word}'"))}); COMP_CWORD={words.Length - 1}; "
            + $"COMP_LINE='{line}'; COMP_POINT={line.Length}; _codexctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"";

        var said = Sh(ask);

        said.ExitCode.ShouldBe(0, said.ToString());
        said.Output.Split('\n').ShouldContain(expected);
    }

    private static Outcome Install(string arguments) => Sh($"sh {_release.Value}/install.sh {arguments}");

    private static string Make()
    {
        var root = Machine.Repository();
        var made = Sh($"CODEXCTL_BINARY={Machine.Program} {root}/packaging/make", TimeSpan.FromMinutes(10));
        made.ExitCode.ShouldBe(0, made.ToString());
        return Path.Combine(root, "artifacts", "release");
    }

    private static Outcome Sh(string line, TimeSpan? limit = null)
    {
        using var process = Process.Start(
            new ProcessStartInfo("bash", ["-c", line])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(limit ?? TimeSpan.FromMinutes(1)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{line} does not end.");
        }
        return new Outcome(process.ExitCode, output.Result, error.Result);
    }
}
