using Codexctl.ModelServers;

string? Option(string name) => Array.IndexOf(args, name) is var at and > 0 && at + 1 < args.Length ? args[at + 1] : null;

switch (args.FirstOrDefault())
{
    case "ollama":
        await using (var fake = await FakeOllama.StartAsync(int.Parse(Option("--port") ?? "0"), Option("--log")))
        {
            fake.Mode = Enum.Parse<AnswerMode>(Option("--mode") ?? "Tool", ignoreCase: true);
            Console.WriteLine(fake.Address);
            await fake.WaitForShutdownAsync();
        }
        return 0;
    case "openai":
        await using (var fake = await FakeOpenAi.StartAsync(int.Parse(Option("--port") ?? "0")))
        {
            fake.Pending = int.Parse(Option("--pending") ?? "1");
            fake.FirstLife = TimeSpan.FromSeconds(int.Parse(Option("--life") ?? "3600"));
            fake.FailRefresh = Option("--fail-refresh");
            var authority = Option("--ca") ?? "openai-ca.pem";
            await File.WriteAllTextAsync(authority, fake.Certificates);
            Console.WriteLine($"HTTPS_PROXY={fake.Proxy} CODEX_CA_CERTIFICATE={Path.GetFullPath(authority)}");
            Console.WriteLine(fake.Address);
            Console.WriteLine(fake.ApiKey);
            await fake.WaitForShutdownAsync();
        }
        return 0;
    default:
        Console.Error.WriteLine("Usage: ModelServers ollama [--port N] [--mode MODE] [--log FILE]");
        Console.Error.WriteLine("       ModelServers openai [--port N] [--ca FILE] [--pending N] [--life SECONDS] [--fail-refresh CODE]");
        Console.Error.WriteLine("Modes: " + string.Join(' ', Enum.GetNames<AnswerMode>()));
        return 2;
}
