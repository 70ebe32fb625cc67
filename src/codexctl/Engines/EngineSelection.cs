using System.Net.Sockets;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Engines;

/// <summary>Chooses the engine: the one that is asked for, else the first that answers.</summary>
public sealed class EngineSelection(
    IProcesses processes,
    HostEnvironment environment,
    IReadOnlyDictionary<string, Func<IContainerEngine>> engines
)
{
    private static readonly TimeSpan _probe = TimeSpan.FromSeconds(5);

    /// <param name="bubblewrapProblem">Why bubblewrap cannot be used, or null when it can; asked only when nothing else answers.</param>
    public async Task<IContainerEngine> ChooseAsync(string? asked, Func<Task<UserError?>> bubblewrapProblem, CancellationToken cancel)
    {
        if (asked is { } name)
        {
            return engines.TryGetValue(name, out var named)
                ? named()
                : throw new UserError(
                    $"There is no engine named {name}.",
                    $"This version knows: {string.Join(", ", engines.Keys)}.",
                    "Name another with --engine, or change the setting: codexctl config get engine",
                    ExitCodes.Usage
                );
        }
        if (engines.TryGetValue("docker", out var docker) && await DockerAnswersAsync(cancel))
        {
            return docker();
        }
        if (engines.TryGetValue("podman", out var podman) && await PodmanAnswersAsync(cancel))
        {
            return podman();
        }
        if (OperatingSystem.IsLinux() && engines.TryGetValue("bubblewrap", out var bubblewrap))
        {
            return await bubblewrapProblem() is { } problem
                ? throw new UserError(
                    "No container engine can be used on this machine.",
                    $"Docker and Podman do not answer. Bubblewrap: {problem.Message} {problem.Why}",
                    $"{problem.Mend}\nOr install Docker and start its service: sudo apt-get install docker.io"
                )
                : bubblewrap();
        }
        throw new UserError(
            "No container engine answers on this machine.",
            "Docker and Podman were looked for.",
            "Install one and start it, for example Docker Desktop, or Podman (podman machine start); then run the command again."
        );
    }

    /// <summary>An engine that was chosen before, by its name.</summary>
    public IContainerEngine Named(string name) => engines[name]();

    /// <summary>
    /// For the usual local socket a connection is answer enough and costs no engine call; for a context or an address that
    /// somebody configured, docker itself is asked.
    /// </summary>
    private async Task<bool> DockerAnswersAsync(CancellationToken cancel)
    {
        if (processes.Find("docker") is null)
        {
            return false;
        }
        if (environment["DOCKER_HOST"] is null && environment["DOCKER_CONTEXT"] is null && !HasContexts())
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint("/var/run/docker.sock"), cancel);
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }
        return await AnswersAsync(new CommandLine("docker", ["version", "--format", "{{.Server.Version}}"]), cancel);
    }

    /// <summary>
    /// podman has no service that could be down, but needs more of its machine than its program (user namespaces, storage); on a
    /// Mac also its virtual machine.
    /// </summary>
    private async Task<bool> PodmanAnswersAsync(CancellationToken cancel) =>
        processes.Find("podman") is not null && await AnswersAsync(new CommandLine("podman", ["info", "--format", "{{.Host.OS}}"]), cancel);

    private async Task<bool> AnswersAsync(CommandLine question, CancellationToken cancel)
    {
        try
        {
            return (await processes.CaptureAsync(question, _probe, cancel: cancel)).ExitCode == 0;
        }
        catch (UserError)
        {
            // It hangs: not an engine that answers.
            return false;
        }
    }

    private bool HasContexts() =>
        Directory.Exists(Path.Combine(environment["DOCKER_CONFIG"] ?? Path.Combine(environment.Home, ".docker"), "contexts"));
}
