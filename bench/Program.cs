using Codexctl.Bench;

if (args is ["upstream", var port])
{
    await Upstream.RunAsync(int.Parse(port, System.Globalization.CultureInfo.InvariantCulture));
    return 0;
}
string[] known = ["startup", "runs", "gateway", "image"];
var root = args[0];
var asked = args[1..].Where(word => word != "--quick").ToArray();
if (asked.FirstOrDefault(word => !known.Contains(word, StringComparer.Ordinal)) is { } unknown)
{
    Console.Error.WriteLine($"bench: {unknown} is unknown; there are: {string.Join(' ', known)}");
    return 2;
}
bool Wanted(string section) => asked.Length == 0 || asked.Contains(section, StringComparer.Ordinal);

// A short path: sockets lie in it.
var state = Directory.CreateTempSubdirectory("codexctl-bench-").FullName;
var machine = new Machine(root, Path.Combine(root, "artifacts/launcher/codexctl"), state, args.Contains("--quick", StringComparer.Ordinal));
try
{
    About.Print(machine);
    if (Wanted("startup"))
    {
        StartUp.Measure(machine);
    }
    if (Wanted("runs"))
    {
        Runs.Measure(machine);
    }
    if (Wanted("gateway"))
    {
        await Door.MeasureAsync(machine);
    }
    if (Wanted("image"))
    {
        About.Sizes(machine);
    }
    return 0;
}
finally
{
    Directory.Delete(state, recursive: true);
}
