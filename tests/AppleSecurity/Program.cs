using System.Text;
using System.Text.Json.Nodes;
using Codexctl.AppleSecurity;

// Bytes stay bytes: arguments, input and output are read and written as they are.
string Bytes(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

var home = Environment.GetEnvironmentVariable("FAKE_SECURITY_HOME") is { Length: > 0 } given
    ? given
    : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".fake-security");
var faultFile = Path.Combine(home, "fault");
var faultName =
    Environment.GetEnvironmentVariable("FAKE_SECURITY_FAULT") is { Length: > 0 } fromEnvironment ? fromEnvironment
    : File.Exists(faultFile) ? File.ReadAllText(faultFile).Trim()
    : "none";
if (!Enum.TryParse<Fault>(faultName, ignoreCase: true, out var fault))
{
    Console.Error.WriteLine($"security: the emulator knows no fault {faultName}");
    return 70;
}

var keychain = new Keychain(home);
var arguments = new JsonArray();
foreach (var argument in args)
{
    arguments.Add((JsonNode?)JsonValue.Create(argument));
}
keychain.Log(new JsonObject { ["argv"] = arguments });

using var output = Console.OpenStandardOutput();
if (args is not ["-i"])
{
    if (args.Length == 0 || args[0].StartsWith('-'))
    {
        Console.Error.WriteLine("Usage: security [-h] [-i] [-l] [-p prompt] [-q] [-v] [command] [opt ...]");
        return 2;
    }
    var input = new StreamReader(Console.OpenStandardInput(), Encoding.Latin1);
    return new Commands(keychain, fault, input, output, Console.Error).Run([.. args.Select(Bytes)]) & 0xff;
}

using var everything = new MemoryStream();
await Console.OpenStandardInput().CopyToAsync(everything);
var exitCode = 0;
foreach (var line in CommandLine.Lines(everything.ToArray()))
{
    var words = CommandLine.Split(line);
    // What follows -w asks of standard input, which is at its end.
    exitCode = new Commands(keychain, fault, TextReader.Null, output, Console.Error).Run(words);
    if (exitCode != 0)
    {
        Console.Error.WriteLine($"{words[0]}: returned {exitCode}");
    }
}

// Of the last command only: a failure before it is not told.
return exitCode & 0xff;
