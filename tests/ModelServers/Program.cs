using Codexctl.ModelServers;

if (args is not ["ollama", ..])
{
    Console.Error.WriteLine("Usage: ModelServers ollama [--port N] [--mode MODE] [--log FILE]");
    Console.Error.WriteLine("Modes: " + string.Join(' ', Enum.GetNames<AnswerMode>()));
    return 2;
}

string? Option(string name) => Array.IndexOf(args, name) is var at and > 0 && at + 1 < args.Length ? args[at + 1] : null;

await using var fake = await FakeOllama.StartAsync(int.Parse(Option("--port") ?? "0"), Option("--log"));
fake.Mode = Enum.Parse<AnswerMode>(Option("--mode") ?? "Tool", ignoreCase: true);
Console.WriteLine(fake.Address);
await fake.WaitForShutdownAsync();
return 0;
