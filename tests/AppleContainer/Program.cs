using System.Diagnostics;
using System.Text.Json.Nodes;
using Codexctl.AppleContainer;

// A test may count and compare calls: each leaves a line when it begins, and one when it ends by itself.
var begin = Stopwatch.GetTimestamp();
Settings settings;
try
{
    settings = new Settings();
}
catch (ContainerException e)
{
    return Emulator.Refuse(e.ExitCode, $"Error: {e.Message}");
}
var store = new Store(settings);
var call = new JsonObject
{
    ["event"] = "call",
    ["pid"] = Environment.ProcessId,
    ["argv"] = AppleJson.Array(args),
    ["cwd"] = Environment.CurrentDirectory,
    ["stdinIsTty"] = Libc.InputIsTerminal,
};
store.Append("journal.log", call.ToJsonString());

int exitCode;
try
{
    exitCode = new Emulator(settings).Run(args);
}
catch (ContainerException e)
{
    exitCode = Emulator.Refuse(e.ExitCode, $"Error: {settings.Profile.Says(e)}");
}
var exit = new JsonObject
{
    ["event"] = "exit",
    ["pid"] = Environment.ProcessId,
    ["rc"] = exitCode,
    ["ms"] = (long)Stopwatch.GetElapsedTime(begin).TotalMilliseconds,
};
store.Append("journal.log", exit.ToJsonString());
return exitCode;
