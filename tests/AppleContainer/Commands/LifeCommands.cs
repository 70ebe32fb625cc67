namespace Codexctl.AppleContainer;

/// <summary>stop, kill, delete, prune: many containers, each by itself; the errors are gathered.</summary>
internal sealed class LifeCommands(Emulator emulator, ParsedCommand command)
{
    private const int DefaultPatience = 5;

    public int Run()
    {
        if (command.Path == "prune")
        {
            return Prune();
        }
        var failures = new List<string>();
        var ids = command.Positionals.Distinct().ToArray();
        if (command.Has("--all"))
        {
            ids =
            [
                .. emulator
                    .Containers.All()
                    .Where(entry => command.Path == "delete" ? !entry.Running || command.Has("--force") : entry.Running)
                    .Select(entry => entry.Id),
            ];
        }
        if (command.Path == "delete")
        {
            Random.Shared.Shuffle(ids);
        }
        foreach (var id in ids)
        {
            var failure = command.Path switch
            {
                "stop" => Stop(id),
                "kill" => Kill(id),
                _ => Delete(id),
            };
            if (failure is null)
            {
                Console.Out.WriteLine(id);
            }
            else
            {
                failures.Add(failure);
            }
        }
        return failures.Count == 0 ? 0 : Emulator.Refuse(1, $"Error: {string.Join('\n', failures)}");
    }

    private string? Stop(string id)
    {
        if (emulator.Containers.Find(id) is not { } entry)
        {
            return $"internalError: \"failed to stop container\" (cause: \"notFound: \"container with ID {id} not found\"\")";
        }
        if (!entry.Running)
        {
            // One that ended by itself had nobody who saw it.
            emulator.Vmnet.Release(entry);
            return null;
        }
        if (entry.Pseudo)
        {
            entry.Hidden["pseudo"] = "stopped";
            emulator.Containers.Save(entry);
            return null;
        }
        // Others see it stopping, as long as this program lives.
        entry.Hidden["stopping"] = Environment.ProcessId;
        emulator.Containers.Save(entry);
        var patience = command.Number("--time") ?? DefaultPatience;
        if (command.Value("--signal") is { } signal)
        {
            emulator.Docker.Capture("kill", "--signal", signal, entry.Docker);
            for (var i = 0; i < patience * 10 && emulator.Containers.Find(id) is { Running: true }; i++)
            {
                Thread.Sleep(100);
            }
            if (emulator.Containers.Find(id) is { Running: true })
            {
                emulator.Docker.Capture("kill", entry.Docker);
            }
        }
        else
        {
            emulator.Docker.Require("stop", "--time", $"{patience}", entry.Docker);
        }
        if (emulator.Containers.Find(id) is { } after)
        {
            after.Hidden.Remove("stopping");
            emulator.Containers.Save(after);
        }
        emulator.Vmnet.Release(entry);
        return null;
    }

    private string? Kill(string id)
    {
        if (emulator.Containers.Find(id) is not { State: "running" } entry)
        {
            return "internalError: \"failed to kill container\" (cause: \"invalidState: \"no runtime client exists: container is stopped\"\")";
        }
        if (entry.Pseudo)
        {
            return Stop(id);
        }
        var result = emulator.Docker.Capture("kill", "--signal", command.Value("--signal") ?? "KILL", entry.Docker);
        return result.Ok ? null : $"internalError: \"failed to kill container\" (cause: \"invalidArgument: \"{result.Error.Trim()}\"\")";
    }

    private string? Delete(string id)
    {
        if (emulator.Containers.Find(id) is not { } entry)
        {
            return $"internalError: \"failed to delete container\" (cause: \"notFound: \"container with ID {id} not found\"\")";
        }
        if (entry.State == "stopping" || (entry.Running && !command.Has("--force")))
        {
            return $"internalError: \"failed to delete container\" (cause: \"invalidState: \"container {id} is {entry.State} and can not be deleted\"\")";
        }
        emulator.Containers.Delete(entry);
        emulator.Vmnet.Release(entry);
        return null;
    }

    private int Prune()
    {
        foreach (var entry in emulator.Containers.All().Where(entry => entry.State == "stopped"))
        {
            emulator.Containers.Delete(entry);
            Console.Out.WriteLine(entry.Id);
        }
        Console.Error.WriteLine("Reclaimed Zero KB in disk space");
        return 0;
    }
}
