using System.Diagnostics;
using System.Globalization;
using Codexctl;
using Codexctl.BoxFrontEnd;
using Codexctl.Engines;
using Codexctl.Engines.Bubblewrap;
using Codexctl.Processes;
using Codexctl.Settings;

// A process of its own in front of the bubblewrap engine, so that tests can kill it, signal it and give it a terminal.
// BoxFrontEnd create NAME WORKDIR [DOOR] | create-ro … | start|stop|rm|state NAME | exec|tty NAME COMMAND… | probe
// Environment: CODEXCTL_STATE_DIR and the like; CODEX_RELEASE, the pinned release; CODEXCTL_BINARY, a native codexctl.
var host = HostEnvironment.FromProcess();
var own = host["CODEXCTL_BINARY"] is { } binary ? new OwnProgram(binary, null) : OwnProgram.Current();
var engine = new BubblewrapEngine(
    new Paths(host),
    new MinimalProcesses(host),
    _ => Task.FromResult(host["CODEX_RELEASE"] ?? "/usr/lib/codex-release"),
    own,
    TimeProvider.System
);
try
{
    return await RunAsync();
}
catch (UserError error)
{
    await Console.Error.WriteLineAsync($"{error.Message}\n{error.Why}\n{error.Mend}");
    return error.ExitCode ?? ExitCodes.Failed;
}

async Task<int> RunAsync()
{
    var user = new BoxUser(Id("-u"), Id("-g"));
    switch (args)
    {
        case ["probe"]:
            return await engine.ProbeAsync() is { } problem ? throw problem : 0;
        case ["create" or "create-ro" or "create-full", var name, var workdir, .. var rest]:
            var mounts = new List<Mount> { new(workdir, Box.Workdir, args[0] == "create-ro") };
            if (rest is [var door, ..])
            {
                mounts.Add(new Mount(door, Box.Door, ReadOnly: true));
            }
            if (rest is [_, var codex])
            {
                mounts.Add(new Mount(codex, Box.CodexConfig, ReadOnly: true));
            }
            var network = args[0] == "create-full" ? BoxNetwork.Full : BoxNetwork.None;
            var labels = new Dictionary<string, string> { [ContainerLabels.Workdir] = Uri.EscapeDataString(workdir) };
            await engine.CreateAsync(new ContainerSpec(name, "codex", labels, mounts, [], network, user, null, null));
            return 0;
        case ["start", var name]:
            await engine.StartAsync(name);
            return 0;
        case ["stop", var name]:
            await engine.StopAsync(name);
            return 0;
        case ["rm", var name]:
            await engine.RemoveAsync(name, force: true);
            return 0;
        case ["state", var name]:
            Console.WriteLine((await engine.InspectAsync([name])) is [var info] ? info.State.ToString() : "none");
            return 0;
        case ["exec" or "tty" or "exec-door", var name, .. var command]:
            var environment = new Dictionary<string, string> { ["CODEX_HOME"] = Box.LocalCodexHome };
            if (args[0] != "exec-door")
            {
                // There is no gateway behind the doors of most of these boxes.
                environment[Box.NoDoorVariable] = "1";
            }
            if (host["TERM"] is { } term)
            {
                environment["TERM"] = term;
            }
            return await engine.ExecAsync(new ExecSpec(name, command, user, Root: false, args[0] == "tty", environment, "test"));
        default:
            return ExitCodes.Usage;
    }
}

static uint Id(string option)
{
    using var process = Process.Start(new ProcessStartInfo("id", [option]) { RedirectStandardOutput = true, UseShellExecute = false })!;
    return uint.Parse(process.StandardOutput.ReadToEnd(), CultureInfo.InvariantCulture);
}
