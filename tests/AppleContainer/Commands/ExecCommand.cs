namespace Codexctl.AppleContainer;

/// <summary>`exec`.</summary>
internal sealed class ExecCommand(Emulator emulator)
{
    /// <summary>Looks for a program as the original does before it starts one: a path as it is, a name along PATH.</summary>
    private const string Lookup =
        """case $1 in */*) [ -x "$1" ]; exit;; esac; IFS=:; for d in $PATH; do [ -x "$d/$1" ] && exit 0; done; exit 1""";

    public int Run(ParsedCommand command)
    {
        var id = command.Positionals[0];
        var entry = emulator.Containers.Find(id) ?? throw new ContainerException($"get failed: container {id} not found");
        if (entry.State != "running")
        {
            throw new ContainerException($"container {id} is not running");
        }
        if (entry.Pseudo)
        {
            throw Emulator.NotSupported("exec in the builder");
        }
        var interactive = command.Has("--interactive");
        var terminal = command.Has("--tty");
        if (interactive && terminal)
        {
            Attachment.RequireTerminal("failed to exec process");
        }
        Ulimit.ParseAll(command.All("--ulimit"));
        List<string> options = [];
        foreach (var variable in ProcessOptions.Environment(command))
        {
            options.AddRange(["--env", variable]);
        }
        options.AddRange(ProcessOptions.UserAndFolder(command));
        RequireProgram(entry, options, command.Passthrough[0]);
        if (command.Has("--detach"))
        {
            emulator.Docker.Require([
                "exec",
                "--detach",
                .. terminal ? (string[])["--tty"] : [],
                .. options,
                entry.Docker,
                .. command.Passthrough,
            ]);
            Console.Out.WriteLine(id);
            return 0;
        }
        List<string> arguments = ["exec"];
        if (interactive)
        {
            arguments.Add("--interactive");
        }
        if (terminal)
        {
            arguments.Add("--tty");
        }
        return Attachment.Run(
            emulator.Docker,
            [.. arguments, .. options, entry.Docker, .. command.Passthrough],
            interactive,
            interactive && terminal,
            hasThreshold: true
        );
    }

    /// <summary>
    /// The original fails with exit code 1 and clean output where Docker says 126 or 127 in the process's own streams. What was found
    /// once in a container is not looked for again; an image without a shell cannot be asked and is believed.
    /// </summary>
    private void RequireProgram(ContainerEntry entry, List<string> options, string program)
    {
        const string found = "programs";
        var key = $"{entry.Id}\n{program}";
        if (emulator.Store.Read(found, key) is not null)
        {
            return;
        }
        var result = emulator.Docker.Capture(["exec", .. options, entry.Docker, "/bin/sh", "-c", Lookup, "sh", program]);
        if (result.ExitCode == 1)
        {
            throw new ContainerException(
                $"failed to exec process (cause: \"internalError: \"failed to start process: failed to find target executable {program}\"\")"
            );
        }
        if (result.Ok)
        {
            emulator.Store.Write(found, key, []);
        }
    }
}
