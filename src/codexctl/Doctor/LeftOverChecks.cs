using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Processes;

namespace Codexctl.Doctor;

/// <summary>What killed runs and removed folders left behind: state, sockets, containers.</summary>
/// <param name="takeLoginOut">Starts a container for a moment, for what is left of the OpenAI login to come out of it.</param>
public sealed class LeftOverChecks(
    Paths paths,
    Func<CancellationToken, Task<IContainerEngine>> choose,
    GatewayLauncher gateways,
    Func<ContainerInfo, string?> workdirOf,
    Func<IContainerEngine, ContainerInfo, CancellationToken, Task> takeLoginOut
)
{
    private const string Name = "left-overs";

    public Check Check => new(Name, LookAsync);

    private async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancel)
    {
        var engine = await choose(cancel);
        var ours = (await engine.ListAsync(cancel)).Where(c => c.IsOurs && c.Label(ContainerLabels.State) == paths.StateId).ToList();
        var findings = new List<Finding>();
        foreach (var container in ours)
        {
            if (await LookAsync(engine, container) is { } finding)
            {
                findings.Add(finding);
            }
        }
        var state = paths.EngineState(engine.Name);
        if (Directory.Exists(state))
        {
            findings.AddRange(Directory.EnumerateDirectories(state).Select(folder => Look(engine, folder, ours)).OfType<Finding>());
        }
        return findings.Count > 0 ? findings : [Finding.Ok(Name, "nothing was left behind")];
    }

    private async Task<Finding?> LookAsync(IContainerEngine engine, ContainerInfo container)
    {
        var files = paths.Container(engine.Name, container.Name);
        if (container.State == ContainerState.Running && IsFree(files.Lease) && !await gateways.AnswersAsync(engine.Name, container.Name))
        {
            return new Finding(
                Name,
                Level.Problem,
                $"The container {container.Name} runs, and nobody uses it or watches it.",
                "Its run and its gateway were killed.",
                $"codexctl stop --name {container.Name}",
                cancel => engine.StopAsync(container.Name, cancel)
            );
        }
        if (container.State == ContainerState.Stopped && File.Exists(files.LoginInside) && IsFree(files.Lease))
        {
            return new Finding(
                Name,
                Level.Warning,
                $"The container {container.Name} was stopped with the OpenAI login still in it.",
                "It was killed from outside, or with its gateway, so nobody took the login out.",
                $"codexctl start --name {container.Name}, then codexctl stop --name {container.Name}",
                cancel => takeLoginOut(engine, container, cancel)
            );
        }
        if (workdirOf(container) is { } folder && !Directory.Exists(folder))
        {
            return new Finding(
                Name,
                Level.Warning,
                $"The folder of the container {container.Name} is gone: {folder}",
                "Nothing will ask for it again.",
                $"codexctl rm --name {container.Name}",
                container.State == ContainerState.Stopped ? cancel => RemoveAsync(engine, container, files, cancel) : null
            );
        }
        return null;
    }

    private static async Task RemoveAsync(IContainerEngine engine, ContainerInfo container, ContainerPaths files, CancellationToken cancel)
    {
        await engine.RemoveAsync(container.Name, force: false, cancel);
        files.RemoveAllButRecords();
    }

    private Finding? Look(IContainerEngine engine, string folder, List<ContainerInfo> ours)
    {
        var name = Path.GetFileName(folder);
        var files = paths.Container(engine.Name, name);
        if (Directory.Exists(files.Move) && IsFree(files.Lease))
        {
            return File.Exists(files.Luggage)
                ? new Finding(
                    Name,
                    Level.Warning,
                    $"An upgrade of {name} was interrupted; its sessions wait in {files.Move}.",
                    "The old container is gone, and the new one does not have them yet.",
                    "codexctl run in its folder makes the container where it is missing, and puts them in"
                )
                : new Finding(
                    Name,
                    Level.Warning,
                    $"{files.Move} was left by an upgrade that was killed.",
                    "The container is as it was.",
                    "codexctl doctor --fix removes it",
                    _ =>
                    {
                        Directory.Delete(files.Move, recursive: true);
                        return Task.CompletedTask;
                    }
                );
        }
        // The order is what a gateway needs; folders with records and receipts alone are the person's to keep.
        var inUse = ours.Any(container => container.Name == name);
        if (!inUse && File.Exists(files.GatewayOrder) && IsFree(files.Lease) && IsFree(files.GatewayLock))
        {
            return new Finding(
                Name,
                Level.Warning,
                $"{folder} belongs to a container that does not exist any more.",
                $"{engine.Name} does not know {name}.",
                $"codexctl doctor --fix clears it away, but for records and receipts",
                _ =>
                {
                    files.RemoveAllButRecords();
                    return Task.CompletedTask;
                }
            );
        }
        var dead = ((string[])[files.DoorSocket, files.ControlSocket]).Where(File.Exists).ToList();
        if (dead.Count > 0 && IsFree(files.GatewayLock))
        {
            return new Finding(
                Name,
                Level.Warning,
                $"{dead[0]} is a socket that nobody listens on.",
                "Its gateway was killed. The next run replaces it.",
                "codexctl doctor --fix removes it",
                _ =>
                {
                    dead.ForEach(File.Delete);
                    return Task.CompletedTask;
                }
            );
        }
        return null;
    }

    /// <summary>Whether nobody holds a lock; a file that is not there is held by nobody, and is not made.</summary>
    private static bool IsFree(string file)
    {
        if (!File.Exists(file))
        {
            return true;
        }
        using var taken = FileLock.TryTake(file);
        return taken is not null;
    }
}
