using System.Text.Json.Nodes;

namespace Codexctl.AppleContainer;

/// <summary>One call of the program: its parts, and the way from a parsed command to the code that does it.</summary>
internal sealed class Emulator
{
    public Emulator(Settings settings)
    {
        Settings = settings;
        Store = new Store(settings);
        Docker = new Docker(settings);
        Images = new Images(settings, Store, Docker);
        Containers = new Containers(settings, Store, Docker);
        Service = new Service(settings, Store);
        Vmnet = new Vmnet(settings, Docker);
    }

    public Settings Settings { get; }

    public Profile Profile => Settings.Profile;

    public Store Store { get; }

    public Docker Docker { get; }

    public Images Images { get; }

    public Containers Containers { get; }

    public Service Service { get; }

    public Vmnet Vmnet { get; }

    public int Run(IReadOnlyList<string> arguments)
    {
        if (Settings.LatencyMilliseconds > 0)
        {
            Thread.Sleep(Settings.LatencyMilliseconds);
        }
        var result = Grammar.Parse(Profile, arguments, command => command.Path == "build" ? BuildCommand.CheckFiles(command) : null);
        if (result.Refusal is { } refusal)
        {
            if (refusal.ExitCode == 64 && refusal.Text.StartsWith("Error: Plugin", StringComparison.Ordinal) && Service.Down is not null)
            {
                return Refuse(
                    64,
                    """
                    Error: Plugins are unavailable. Start the container system services and retry:

                        container system start

                    Usage: container [--debug] <subcommand>
                      See 'container --help' for more information.
                    """
                );
            }
            if (refusal.ExitCode == 0)
            {
                Console.Out.WriteLine(refusal.Text);
                return 0;
            }
            return Refuse(refusal.ExitCode, refusal.Text);
        }
        var command = result.Command!;
        if (Settings.Hits("HANG", command.Path))
        {
            Thread.Sleep(Timeout.Infinite);
        }
        if (Settings.Hits("GARBAGE", command.Path))
        {
            Console.Out.Write("\u001b[31m{\"conf\0iguration\":[[[\n<html>502</html>");
            return 0;
        }
        if (Settings.Hits("FAIL", command.Path))
        {
            return Refuse(1, "Error: unknown: \"something that nobody expected went wrong\"");
        }
        if (command.Path is not ("system start" or "system stop" or "system status" or "system version"))
        {
            Service.Require(command.Path);
        }
        return Dispatch(command);
    }

    public static int Refuse(int exitCode, string text)
    {
        Console.Error.WriteLine(text);
        return exitCode;
    }

    private int Dispatch(ParsedCommand command) =>
        command.Path switch
        {
            "create" => new CreateCommand(this, command).Create(),
            "run" => new CreateCommand(this, command).RunIt(),
            "start" => new StartCommand(this).Run(command),
            "exec" => new ExecCommand(this).Run(command),
            "stop" or "kill" or "delete" or "prune" => new LifeCommands(this, command).Run(),
            "list" or "inspect" => new ListCommands(this, command).Run(),
            "logs" or "copy" or "export" or "stats" => new FileCommands(this, command).Run(),
            "build" => new BuildCommand(this, command).Run(),
            _ when command.Path.StartsWith("builder ", StringComparison.Ordinal) => new BuilderCommands(this, command).Run(),
            _ when command.Path.StartsWith("image ", StringComparison.Ordinal) => new ImageCommands(this, command).Run(),
            _ when command.Path.StartsWith("network ", StringComparison.Ordinal) => new NetworkCommands(this, command).Run(),
            _ when command.Path.StartsWith("volume ", StringComparison.Ordinal) => new VolumeCommands(this, command).Run(),
            // No registry asks for a login here, so none is kept.
            "registry login" or "registry logout" => 0,
            "registry list" => PrintList(command, [], ["HOSTNAME", "USERNAME", "MODIFIED", "CREATED"], [], []),
            _ when command.Path.StartsWith("system ", StringComparison.Ordinal) => new SystemCommands(this, command).Run(),
            _ => throw NotSupported(),
        };

    /// <summary>Accepted by the original's grammar, but nothing here plays it: an error rather than a kindness.</summary>
    public static ContainerException NotSupported(string? what = null) =>
        new(what is null ? "not supported by the emulator" : $"{what} is not supported by the emulator");

    /// <summary>Prints a list in the asked form: one line of JSON, or a table with two spaces between columns.</summary>
    public static int PrintList(
        ParsedCommand command,
        IEnumerable<JsonNode> objects,
        string[] header,
        IEnumerable<string[]> rows,
        IEnumerable<string> names
    )
    {
        if (command.Has("--quiet"))
        {
            foreach (var name in names)
            {
                Console.Out.WriteLine(name);
            }
            return 0;
        }
        switch (command.Value("--format") ?? "table")
        {
            case "json":
                Console.Out.WriteLine(AppleJson.Compact(new JsonArray([.. objects])));
                return 0;
            case "table":
                PrintTable([header, .. rows]);
                return 0;
            default:
                throw NotSupported($"--format {command.Value("--format")}");
        }
    }

    /// <summary>Every column but the last is padded to its widest cell and two spaces.</summary>
    public static void PrintTable(IReadOnlyList<string[]> rows)
    {
        var widths = rows[0].Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            Console.Out.WriteLine(
                string.Concat(row.Select((cell, column) => column == row.Length - 1 ? cell : cell.PadRight(widths[column] + 2)))
            );
        }
    }
}
