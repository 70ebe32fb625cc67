using System.Diagnostics;
using System.Text;

namespace Codexctl.AppleContainer;

internal sealed record DockerResult(int ExitCode, string Output, string Error)
{
    public bool Ok => ExitCode == 0;
}

/// <summary>The engine behind the emulator, by its command line.</summary>
internal sealed class Docker(Settings settings)
{
    /// <summary>Runs docker and collects what it says. Standard input is closed.</summary>
    public DockerResult Capture(params IEnumerable<string> arguments)
    {
        using var process = Start(
            "docker",
            arguments,
            info =>
            {
                info.RedirectStandardInput = true;
                info.RedirectStandardOutput = true;
                info.RedirectStandardError = true;
            }
        );
        process.StandardInput.Close();
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new DockerResult(process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    /// <summary>As <see cref="Capture"/>, for what cannot fail unless the machine is broken.</summary>
    public string Require(params IEnumerable<string> arguments)
    {
        var result = Capture(arguments);
        return result.Ok
            ? result.Output
            : throw new ContainerException($"internalError: \"docker: {(result.Error + result.Output).Trim()}\"");
    }

    /// <summary>Runs docker with this program's own streams.</summary>
    public int Stream(IEnumerable<string> arguments) => Stream("docker", arguments);

    /// <summary>As <see cref="Stream(IEnumerable{string})"/>, both of docker's streams into standard output.</summary>
    public int StreamMerged(IEnumerable<string> arguments) => Stream("sh", ["-c", "exec docker \"$@\" 2>&1", "docker", .. arguments]);

    /// <summary>As <see cref="Stream(IEnumerable{string})"/>, both of docker's streams into standard error.</summary>
    public int StreamToError(IEnumerable<string> arguments) => Stream("sh", ["-c", "exec docker \"$@\" 1>&2", "docker", .. arguments]);

    private int Stream(string program, IEnumerable<string> arguments)
    {
        using var process = Start(program, arguments, _ => { });
        process.WaitForExit();
        return process.ExitCode;
    }

    /// <summary>
    /// Runs docker as the process's stand-in. It dies with this program, as the original's process on the host does, and without a
    /// terminal it is out of reach of the signals that the terminal sends to all.
    /// </summary>
    /// <param name="readError">Docker's standard error comes to the caller instead of this program's.</param>
    public Process Attach(IEnumerable<string> arguments, bool terminal, bool readError)
    {
        List<string> words = ["--pdeathsig", "KILL", "docker", .. arguments];
        void Configure(ProcessStartInfo info) => info.RedirectStandardError = readError;
        return terminal ? Start("setpriv", words, Configure) : Start("setsid", ["setpriv", .. words], Configure);
    }

    private Process Start(string program, IEnumerable<string> arguments, Action<ProcessStartInfo> configure)
    {
        var info = new ProcessStartInfo(program) { StandardOutputEncoding = null, UseShellExecute = false };
        foreach (var argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }
        if (settings.DockerHost is { } host)
        {
            info.Environment["DOCKER_HOST"] = host;
        }
        // The legacy builder everywhere: the plugin for the other one is often missing.
        info.Environment["DOCKER_BUILDKIT"] = "0";
        configure(info);
        if (info.RedirectStandardOutput)
        {
            info.StandardOutputEncoding = new UTF8Encoding(false);
        }
        return Process.Start(info)!;
    }
}
