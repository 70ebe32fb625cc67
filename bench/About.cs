using System.Globalization;
using System.Runtime.InteropServices;

namespace Codexctl.Bench;

/// <summary>What was measured, and how large things are.</summary>
internal static class About
{
    public static void Print(Machine machine)
    {
        string Version(string name, params string[] arguments) => Commands.Read(name, arguments)?.Split('\n')[0] ?? "not there";
        Console.WriteLine($"codexctl {Version(machine.Program, "--version")}, {Table.Ms(new FileInfo(machine.Program).Length / 1e6)} MB");
        Console.WriteLine(
            $"{Environment.ProcessorCount} processors, {RuntimeInformation.OSArchitecture}, Linux {Environment.OSVersion.Version}, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]} at the start"
        );
        Console.WriteLine(
            $"docker {Version("docker", "version", "--format", "{{.Server.Version}}")}; {Version("bwrap", "--version")}; {SocatVersion()}; {Version("nginx", "-v")}; {Version("haproxy", "-v")}"
        );
        Console.WriteLine("Other programs run on this machine at the same time: compare within a table only.");
    }

    public static void Sizes(Machine machine)
    {
        if (
            Commands.Read("docker", "image", "inspect", "--format", "{{.Size}} {{index .Config.Labels \"codexctl.base\"}}", "codex")
            is not { } told
        )
        {
            Console.WriteLine("\n(image: left out, there is no docker or no image `codex`; codexctl build makes it)");
            return;
        }
        var words = told.Split(' ', 2);
        var image = double.Parse(words[0], CultureInfo.InvariantCulture);
        var files = new Table("The image codex", "what", "MB");
        files.Row("the image", Table.Megabytes(image));
        double codex = 0;
        foreach (var name in (string[])["codex", "codex-code-mode-host", "rg"])
        {
            if (
                Commands.Read(
                    "docker",
                    "run",
                    "--rm",
                    "--network",
                    "none",
                    "--entrypoint",
                    "stat",
                    "codex",
                    "-c",
                    "%s",
                    $"/usr/local/bin/{name}"
                ) is
                { } size
            )
            {
                var bytes = double.Parse(size, CultureInfo.InvariantCulture);
                codex += bytes;
                files.Row($"  {name}", Table.Megabytes(bytes));
            }
        }
        var @base = words.Length > 1 ? words[1] : "";
        var below = Commands.Read("docker", "image", "inspect", "--format", "{{.Size}}", @base) is { } text
            ? double.Parse(text, CultureInfo.InvariantCulture)
            : double.NaN;
        files.Row($"  its base, {@base}", double.IsNaN(below) ? "-" : Table.Megabytes(below));
        files.Row(
            "  all the rest: packages and scripts",
            double.IsNaN(below) ? Table.Megabytes(image - codex) : Table.Megabytes(image - codex - below)
        );
        files.Row("image without Codex's own files", Table.Megabytes(image - codex));
        files.Print("Budget: Codex's own files and 60 MB, on the usual base (alpine:3.22).");
        Console.WriteLine($"\nThe binary: {Table.Ms(new FileInfo(machine.Program).Length / 1e6)} MB. Budget: 20 MB.");
    }

    private static string SocatVersion() =>
        Commands.Read("socat", "-V")?.Split('\n').FirstOrDefault(line => line.StartsWith("socat version", StringComparison.Ordinal))
            is { } line
            ? string.Join(' ', line.Split(' ').Take(3))
            : "no socat";
}
