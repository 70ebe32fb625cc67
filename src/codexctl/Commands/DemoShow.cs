using System.Text.Json.Serialization;
using Codexctl.Engines;
using Codexctl.Gateway.Recording;
using Codexctl.Gateway.ScriptedModel;
using Codexctl.Models;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>What the demo saw; `demo --json` prints it.</summary>
/// <param name="Ok">Everything below is as it should be.</param>
/// <param name="Codex">The version that ran.</param>
/// <param name="Interfaces">The network interfaces in the box; loopback alone is right.</param>
/// <param name="Outside">What a direct connection to the outside said.</param>
/// <param name="Refused">What the door's proxy said about a host that nobody allowed.</param>
/// <param name="FilesWritten">Files of the project that Codex changed or made.</param>
/// <param name="Check">What the project's own test said in the box, afterwards.</param>
/// <param name="Problems">Empty when ok.</param>
/// <param name="Seconds">From the first engine call to the stopped box.</param>
public sealed record DemoReport(
    bool Ok,
    string Engine,
    string Codex,
    IReadOnlyList<string> Interfaces,
    string Outside,
    string Refused,
    IReadOnlyList<string> FilesWritten,
    string Check,
    IReadOnlyList<string> Problems,
    double Seconds,
    Receipt Receipt
) : VersionedJson;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(DemoReport))]
internal sealed partial class DemoJson : JsonSerializerContext;

/// <summary>Plays the demo on an engine and judges what it saw.</summary>
internal sealed class DemoShow(App app, DemoFolder project, bool quiet, string image = ImageMaking.Default)
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(2);

    // Documentation addresses and names: nobody is there, so that even a box with a hole would bother nobody.
    private const string Interfaces =
        "for i in /sys/class/net/*; do [ -e \"$i\" ] && echo \"${i##*/}\"; done; [ -e /sys/class/net/lo ] || sed -n 's/^ *\\([^ :]*\\):.*/\\1/p' /proc/net/dev";

    // A packet filter answers nothing, and trying that to the end takes minutes.
    private const string Outside = "timeout 5 bash -c 'exec 3<>/dev/tcp/192.0.2.1/443' 2>&1 && echo CONNECTED; true";
    private const string Refused =
        "exec 3<>/dev/tcp/127.0.0.1/3128 && printf 'CONNECT example.com:443 HTTP/1.1\\r\\nHost: example.com:443\\r\\n\\r\\n' >&3 && cat <&3";

    /// <summary>The first words, before what may take its time.</summary>
    public void Begin() => Tell($"\n1. A small project whose test fails: {project.Path}\n   The task: {DemoProject.Default.Prompt}");

    public async Task<DemoReport> RunAsync(IContainerEngine engine, CancellationToken cancel)
    {
        var started = app.Clock.GetTimestamp();
        var request = Request();
        string version;
        string interfaces;
        string outside;
        string refused;
        int code;
        ProcessResult check;
        Receipt receipt;
        await using (var session = await app.Sessions(engine).OpenTriedAsync(request, cancel))
        {
            version = (await session.CaptureAsync(["codex", "--version"], _limit, cancel)).Output.Trim();
            interfaces = (await session.CaptureAsync(["bash", "-c", Interfaces], _limit, cancel)).Output.Trim();
            outside = Short((await session.CaptureAsync(["bash", "-c", Outside], _limit, cancel)).Output);
            refused = (await session.CaptureAsync(["bash", "-c", Refused], _limit, cancel)).Output.Trim();
            Tell(
                $"""

                2. The box ({engine.Name}) sees of the network: {interfaces.ReplaceLineEndings(" ")}
                   A connection to the outside: {outside}
                   The door's proxy, asked for example.com: {LastLine(refused)}

                3. The real Codex {app.Codex.Release.Version} in that box, on the built-in scripted model:

                """
            );
            code = await CodexAsync(session, cancel);
            check = await session.CaptureAsync(["sh", "./test.sh"], _limit, cancel);
            receipt = await session.FinishAsync(cancel);
        }
        var written = project.Written();
        var problems = Judge(version, app.Codex.Release.Version, interfaces, outside, refused, code, check, written, receipt);
        Tell(
            $"""

            4. Codex wrote: {(
                written.Count == 0 ? "nothing" : string.Join(", ", written)
            )}; the project's test, run again: {check.Output.Trim()}
               The box is gone. The receipt of what went through the door:

            {receipt.Line()}
            {(problems.Count == 0 ? "\nEverything works on this machine. Next: codexctl run, in a project folder of yours." : "")}
            """
        );
        foreach (var problem in problems)
        {
            app.Terminal.Say(problem);
        }
        return new DemoReport(
            problems.Count == 0,
            engine.Name,
            app.Codex.Release.Version,
            interfaces.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            outside,
            LastLine(refused),
            written,
            check.Output.Trim(),
            problems,
            Math.Round(app.Clock.GetElapsedTime(started).TotalSeconds, 2),
            receipt
        );
    }

    private async Task<int> CodexAsync(Session session, CancellationToken cancel)
    {
        string[] codex = ["codex", "exec", "--skip-git-repo-check", "--color", "never", DemoProject.Default.Prompt];
        if (quiet)
        {
            return (await session.CaptureAsync(codex, _limit, cancel)).ExitCode;
        }
        // Codex would read standard input to its end first; ours may be a pipe that nobody ever closes.
        return await session.AttachAsync(["sh", "-c", "exec \"$@\" </dev/null", "sh", .. codex], terminal: false);
    }

    private RunRequest Request() =>
        new()
        {
            Workdir = Workdir.Resolve(project.Path, app.Paths, app.Environment.Home, allowHome: false),
            StateId = app.Paths.StateId,
            Image = image,
            User = new BoxUser(Libc.GetUserId(), Libc.GetGroupId()),
            Temporary = true,
            Choice = new ModelChoice(new Uri("http://scripted.invalid"), ScriptedModelHandler.ModelName, CodexctlSettings.GptOss),
            Scripted = true,
            Command = [],
            Environment = BoxEnvironment.For(app.Environment, BoxNetwork.None),
        };

    private static List<string> Judge(
        string version,
        string expected,
        string interfaces,
        string outside,
        string refused,
        int code,
        ProcessResult check,
        IReadOnlyList<string> written,
        Receipt receipt
    )
    {
        var problems = new List<string>();
        void Expect(bool right, string problem)
        {
            if (!right)
            {
                problems.Add(problem);
            }
        }
        Expect(
            version.EndsWith($" {expected}", StringComparison.Ordinal),
            $"The box has another Codex than {expected}: {Short(version)}. codexctl build makes the image anew."
        );
        Expect(interfaces == "lo", $"The box has other interfaces than loopback: {interfaces.ReplaceLineEndings(" ")}");
        Expect(!outside.Contains("CONNECTED", StringComparison.Ordinal), "The box could connect to the outside.");
        Expect(
            refused.StartsWith("HTTP/1.1 403", StringComparison.Ordinal),
            $"The door did not refuse a host that nobody allowed: {Short(refused)}"
        );
        Expect(code == 0, $"Codex ended with exit code {code}.");
        Expect(
            written.Contains(DemoProject.Default.Changed, StringComparer.Ordinal),
            $"Codex did not change {DemoProject.Default.Changed}."
        );
        Expect(check.ExitCode == 0, $"The project's test still fails: {Short(check.Output)}");
        Expect(receipt.Complete, $"The receipt is incomplete: {receipt.Reason}");
        Expect(receipt.ModelCalls >= 3, $"Only {receipt.ModelCalls} model calls went through the door.");
        Expect(receipt.HostsReached.Count == 0, $"The box reached {string.Join(", ", receipt.HostsReached.Keys)}.");
        return problems;
    }

    private void Tell(string text)
    {
        if (!quiet)
        {
            app.Terminal.WriteLine(text.TrimEnd());
        }
    }

    private static string LastLine(string text) =>
        text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault() ?? "";

    private static string Short(string text)
    {
        var line = LastLine(text);
        return line.Length <= 200 ? line : line[..200];
    }
}
