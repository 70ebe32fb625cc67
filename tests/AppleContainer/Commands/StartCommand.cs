using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>`start`, and the second half of `run`.</summary>
internal sealed class StartCommand(Emulator emulator)
{
    private const string Failure = "failed to start container:";

    public int Run(ParsedCommand command)
    {
        var id = command.Positionals[0];
        var entry = emulator.Containers.Find(id) ?? throw new ContainerException($"get failed: container {id} not found");
        var attach = command.Has("--attach") || command.Has("--interactive");
        if (entry.Running)
        {
            if (attach)
            {
                throw new ContainerException("attach is currently unsupported on already running containers");
            }
            Console.Out.WriteLine(id);
            return 0;
        }
        if (attach)
        {
            return Attached(entry, command.Has("--interactive"), entry.Terminal, Failure, hasThreshold: false);
        }
        Detached(entry);
        Console.Out.WriteLine(id);
        return 0;
    }

    public void Detached(ContainerEntry entry)
    {
        Prepare(entry);
        if (entry.Pseudo)
        {
            entry.Hidden["pseudo"] = "running";
            emulator.Containers.Save(entry);
            return;
        }
        var result = emulator.Docker.Capture("start", entry.Docker);
        if (!result.Ok)
        {
            throw StartFailure(entry, result.Error);
        }
    }

    public int Attached(ContainerEntry entry, bool interactive, bool tty, string failure, bool hasThreshold)
    {
        if (entry.Pseudo)
        {
            throw Emulator.NotSupported("attaching to the builder");
        }
        if (interactive && tty)
        {
            Attachment.RequireTerminal(failure);
        }
        Prepare(entry);
        List<string> arguments = ["start", "--attach", .. interactive ? (string[])["--interactive"] : [], entry.Docker];
        string? refusal = null;
        var exitCode = Attachment.Run(emulator.Docker, arguments, interactive, interactive && tty, hasThreshold, text => refusal = text);
        return refusal is null ? exitCode : throw StartFailure(entry, refusal);
    }

    private static ContainerException StartFailure(ContainerEntry entry, string error)
    {
        var executable = entry.Configuration["initProcess"]!["executable"]!.GetValue<string>();
        return new ContainerException(
            error.Contains("executable file not found", StringComparison.Ordinal)
            || error.Contains("no such file or directory", StringComparison.Ordinal)
                ? $"failed to start container: failed to start process {entry.Id} (cause: \"internalError: \"failed to find target executable {executable}\"\")"
                : $"failed to start container: internalError: \"{error.Trim()}\""
        );
    }

    /// <summary>What must be there at every start, and what a start changes.</summary>
    private void Prepare(ContainerEntry entry)
    {
        foreach (var source in Texts(entry, "sources"))
        {
            // Since 0.12. What earlier releases do about it is not known, so they refuse as well.
            if (!Path.Exists(source))
            {
                throw new ContainerException($"mount source path '{source}' does not exist");
            }
        }
        foreach (var socket in Texts(entry, "sockets"))
        {
            if (!Sockets.Listens(socket))
            {
                throw new ContainerException(
                    $"failed to start container: internalError: \"failed to relay socket {socket}: connection refused\""
                );
            }
        }
        if (
            entry.Started is null
            && !entry.Pseudo
            && emulator.Images.Find(entry.Hidden["imageName"]!.GetValue<string>())?.DockerId != entry.Hidden["imageId"]!.GetValue<string>()
        )
        {
            // The root file system is made from the image at the first start, not at create.
            throw new ContainerException($"failed to start container: notFound: \"image {entry.Hidden["imageName"]} not found\"");
        }
        using (emulator.Store.Lock())
        {
            entry.Hidden["started"] = DateTimeOffset.UtcNow.ToString("O");
            entry.Hidden.Remove("stopping");
            entry.Hidden["networks"] = Addresses(entry);
            emulator.Containers.Save(entry);
            emulator.Vmnet.Attach(entry);
        }
    }

    /// <summary>A new address at every start.</summary>
    private JsonArray Addresses(ContainerEntry entry)
    {
        var networks = new JsonArray();
        foreach (var attached in entry.Configuration["networks"]!.AsArray())
        {
            var network = attached!["network"]!.GetValue<string>();
            networks.Add(
                (JsonNode)
                    NetworkCommands.Allocate(
                        emulator,
                        network,
                        entry.Id,
                        attached["options"]!["mtu"]?.GetValue<int>() ?? 1280,
                        attached["options"]!["macAddress"]?.GetValue<string>()
                    )
            );
        }
        return networks;
    }

    private static IEnumerable<string> Texts(ContainerEntry entry, string key) =>
        entry.Hidden[key] is JsonArray texts ? texts.Select(text => text!.GetValue<string>()) : [];
}
