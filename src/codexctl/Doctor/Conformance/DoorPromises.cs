using System.Text.Json;
using static Codexctl.Doctor.Conformance.Trial;

namespace Codexctl.Doctor.Conformance;

/// <summary>The one way out.</summary>
internal static class DoorPromises
{
    private const string Group = "The door";

    public static IReadOnlyList<Promise> All { get; } =
    [
        new(Group, "codex", "The real Codex works through the door: a whole turn on the built-in scripted model", CodexAsync),
        new(Group, "door-answers", "The gateway answers in the box, on the model's port and on the proxy's", AnswersAsync),
        new(Group, "refused-host", "A host that nobody allowed is refused, with the flag that would allow it", RefusedAsync),
        new(Group, "door-stays", "The box can neither remove nor replace the door", StaysAsync),
        new(Group, "door-many", "A hundred connections through the door at once are all answered", ManyAsync),
    ];

    private const string Ask =
        "ask() { exec 3<>/dev/tcp/127.0.0.1/$1 && printf \"$2\" >&3 && timeout 60 head -n 1 <&3 | tr -d '\\r'; exec 3>&-; }\n";

    private static async Task CodexAsync(Trial trial)
    {
        var said = await trial.RunAsync(trial.Root, "demo", "--json", "--engine", trial.Engine.Name);
        Expect(said, s => s.ExitCode == 0, "codexctl demo");
        using var report = JsonDocument.Parse(said.Output);
        Expect(report.RootElement.GetProperty("ok").GetBoolean(), $"the demo's report: {said}");
    }

    private static async Task AnswersAsync(Trial trial)
    {
        var said = await trial.LookAsync(
            Ask
                + """
                ask 11434 'GET /codexctl/nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
                ask 3128 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n'
                """
        );
        var lines = said.Output.Split('\n');
        Expect(lines is [var model, var proxy, ""] && IsAnswer(model) && IsAnswer(proxy), $"the answers on both ports: {said}");

        static bool IsAnswer(string line) => line.StartsWith("HTTP/1.1 4", StringComparison.Ordinal);
    }

    private static async Task RefusedAsync(Trial trial)
    {
        var folder = trial.NewFolder();
        var said = await trial.RunAsync(
            folder,
            "run",
            "--cmd",
            "bash",
            "-c",
            "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'GET http://example.org/ HTTP/1.1\\r\\nHost: example.org\\r\\nConnection: close\\r\\n\\r\\n' >&3; timeout 60 cat <&3"
        );
        Expect(
            said,
            s =>
                s.Output.StartsWith("HTTP/1.1 403", StringComparison.Ordinal)
                && s.Output.Contains("--allow example.org", StringComparison.Ordinal),
            "a host that nobody allowed"
        );
        Expect(said.Error.Contains("example.org", StringComparison.Ordinal), $"the receipt does not name the refused host: {said.Error}");
    }

    private static async Task StaysAsync(Trial trial)
    {
        var said = await trial.LookAsync(
            Ask
                + """
                rm -rf /run/codexctl/door 2>/dev/null; rm -f /run/codexctl/door/* 2>/dev/null
                mv /run/codexctl/door /run/codexctl/other 2>/dev/null && echo moved
                umount /run/codexctl/door 2>/dev/null && echo unmounted
                ask 3128 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n'
                """
        );
        Expect(said, s => s.Output.StartsWith("HTTP/1.1 403", StringComparison.Ordinal), "the door after attempts on it");
    }

    private static async Task ManyAsync(Trial trial)
    {
        var said = await trial.LookAsync(
            Ask
                + """
                for i in $(seq 100); do ask 3128 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n' & done | sort | uniq -c | sed 's/^ *//'
                wait
                """
        );
        Expect(said, s => s.Output.StartsWith("100 HTTP/1.1 403", StringComparison.Ordinal), "the answers");
    }
}
