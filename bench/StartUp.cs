namespace Codexctl.Bench;

/// <summary>How long the program needs to say a word, beside docker's client and a program that does nothing.</summary>
internal static class StartUp
{
    public static void Measure(Machine machine)
    {
        var commands = new List<(string Name, string[] Command)>
        {
            ("true (the floor)", ["/bin/true"]),
            ("codexctl --version", [machine.Program, "--version"]),
            ("codexctl --help", [machine.Program, "--help"]),
            // As the shells' scripts ask: options, names out of the settings, names that the engine has.
            ("completion of options", [machine.Program, "[suggest:15]", "codexctl run --"]),
            ("completion of profiles", [machine.Program, "[suggest:23]", "codexctl run --profile "]),
            ("completion of images", [machine.Program, "[suggest:21]", "codexctl run --image "]),
            ("./codexctl --version", [Path.Combine(machine.Root, "codexctl"), "--version"]),
        };
        if (Commands.Has("docker") is not null)
        {
            commands.Insert(1, ("docker --version", ["docker", "--version"]));
        }
        var times = commands.ToDictionary(command => command.Name, _ => new Numbers(), StringComparer.Ordinal);
        for (var round = 0; round < machine.Rounds(100) + 3; round++)
        {
            // The order turns, so that nobody always comes after the same one.
            for (var i = 0; i < commands.Count; i++)
            {
                var (name, command) = commands[(i + round) % commands.Count];
                var time = Commands.Time(command, machine.Environment);
                if (round >= 3)
                {
                    times[name].Add(time);
                }
            }
        }
        var peer = times.TryGetValue("docker --version", out var docker) ? docker.Median : double.NaN;
        var table = new Table("Start-up", "command", "median ms", "min", "max", "to docker's", "peak MB");
        foreach (var (name, command) in commands)
        {
            var numbers = times[name];
            table.Row(
                name,
                Table.Ms(numbers.Median),
                Table.Ms(numbers.Least),
                Table.Ms(numbers.Most),
                Table.Ratio(numbers.Median, peer),
                Commands.PeakKilobytes(command) is { } memory ? Table.Ms(memory / 1000.0) : "-"
            );
        }
        table.Print(
            $"{times.Values.First().Count} rounds, turn by turn. Budget: 10 ms, not slower than docker --version, 15 MB; completions 50 ms."
        );
    }
}
