using System.Text.Json.Nodes;
using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Faults;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd;

/// <summary>What is recorded of a session of the real Codex, and what a person can do with it afterwards.</summary>
public class RecordTests
{
    private const string Key = "sk-proj-abcdefghijklmnop1234";

    [Theory, BothEngines]
    public async Task A_recorded_session_can_be_read_exported_summed_up_and_verified(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.Tool;
        (await scene.RunAsync("run", "--record", "--", "exec", $"write hello.txt with {Key}")).ExitCode.ShouldBe(0);

        var log = await scene.RunAsync("log");
        log.ExitCode.ShouldBe(0, log.ToString());
        log.Output.ShouldContain("write hello.txt with [redacted]");
        log.Output.ShouldContain("tool     exec_command printf 'hello from the fake\\n' > hello.txt");
        log.Output.ShouldContain("answer   Done: hello.txt written.");
        log.Output.ShouldContain("4,321 tokens in, 21 out");
        log.Output.ShouldNotContain('\x1b');
        Directory
            .EnumerateFiles(scene.State, "*.jsonl", SearchOption.AllDirectories)
            .Where(IsRecord)
            .ShouldAllBe(file => !File.ReadAllText(file).Contains(Key, StringComparison.Ordinal));

        var receipt = await scene.RunAsync("receipt", "--json");
        var json = JsonNode.Parse(receipt.Output)!["receipt"]!;
        ((int)json["modelCalls"]!, (bool)json["complete"]!, (int)json["inputTokens"]!).ShouldBe((2, true, 8642));
        (await scene.RunAsync("receipt", "--verify")).ToString().ShouldContain("1 receipt, the chain is whole");

        var stats = JsonNode.Parse((await scene.RunAsync("stats", "--json")).Output)!.AsArray().ShouldHaveSingleItem()!;
        ((string?)stats["model"], (int)stats["calls"]!, (int)stats["outputTokens"]!).ShouldBe(("gpt-oss:20b", 2, 42));

        (await scene.RunAsync("log", "export", "--har", "session.har")).ExitCode.ShouldBe(0);
        var har = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(scene.Work, "session.har")))!["log"]!;
        ((string?)har["version"]).ShouldBe("1.2");
        har["entries"]!
            .AsArray()
            .Count(entry => ((string)entry!["request"]!["url"]!).EndsWith("/v1/responses", StringComparison.Ordinal))
            .ShouldBe(2);

        // Somebody changes what was recorded.
        var record = Directory.EnumerateFiles(scene.State, "*.jsonl", SearchOption.AllDirectories).Single(IsRecord);
        await File.WriteAllTextAsync(record, (await File.ReadAllTextAsync(record)).Replace("hello", "hallo", StringComparison.Ordinal));
        var broken = await scene.RunAsync("receipt", "--verify");
        broken.ExitCode.ShouldBe(1);
        broken.Output.ShouldContain("the chain is broken: 00000001.json");
    }

    [Theory, BothEngines]
    public async Task A_recorded_session_replays_into_the_real_Codex(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.Tool;
        (await scene.RunAsync("run", "--record", "--", "exec", "write hello.txt")).ExitCode.ShouldBe(0);
        var session = ((string)JsonNode.Parse((await scene.RunAsync("log", "--list", "--json")).Output)![0]!["id"]!);
        File.Delete(Path.Combine(scene.Work, "hello.txt"));
        var asked = scene.Model.Responses.Count();

        var port = FreePort();
        scene.Start("log", "replay", session, "--listen", $"127.0.0.1:{port}");
        using var http = new HttpClient();
        await Scene.EventuallyAsync(() => AnswersAsync(http, $"http://127.0.0.1:{port}/api/version"), "the replay listens");
        var again = await scene.RunAsync("run", "--model-url", $"http://127.0.0.1:{port}", "--", "exec", "write hello.txt");

        again.ExitCode.ShouldBe(0, again.ToString());
        again.Output.ShouldBe("Done: hello.txt written.\n");
        (await File.ReadAllTextAsync(Path.Combine(scene.Work, "hello.txt"))).ShouldBe("hello from the fake\n");
        scene.Model.Responses.Count().ShouldBe(asked);
    }

    [Theory, BothEngines]
    public async Task Killed_in_the_middle_of_an_answer_the_record_is_read_and_nothing_says_that_it_is_whole(Engine engine)
    {
        await using var scene = await Scene.CreateAsync(engine);
        scene.Model.Mode = AnswerMode.HangAfterHeaders;
        var run = scene.Start("run", "--record", "--", "exec", "say hello");
        await Scene.EventuallyAsync(() => scene.Model.Responses.Any(), "no request reaches the model");
        var live = await scene.RunAsync("receipt");
        live.Output.ShouldContain("receipt incomplete: the run is still on");

        var gateway = await scene.GatewayAsync();
        Machine.Run("kill", "-STOP", $"{gateway}");
        run.Signal();
        Host.Kill(gateway);

        var log = await scene.RunAsync("log");
        log.Output.ShouldContain("say hello");
        log.Output.ShouldContain("the gateway did not see the end of this call");
        log.Output.ShouldContain("incomplete: the gateway died");
        (await scene.RunAsync("receipt")).Output.ShouldContain("receipt incomplete: the gateway died; at least");
        scene.Model.Mode = AnswerMode.Text;
        await scene.NextRunIsCleanAsync();
    }

    [Fact]
    public async Task The_live_log_follows_into_the_next_session_and_over_a_killed_gateway()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var follow = scene.Start("log", "-f", "--json");
        scene.Model.Text = "The first one.";
        (await scene.RunAsync("run", "--record", "--", "exec", "one")).ExitCode.ShouldBe(0);
        scene.Model.Mode = AnswerMode.HangAfterHeaders;
        var asked = scene.Model.Responses.Count();
        var run = scene.Start("run", "--record", "--", "exec", "two");
        await Scene.EventuallyAsync(() => scene.Model.Responses.Count() > asked, "no request reaches the model");
        scene.Model.Mode = AnswerMode.Text;
        scene.Model.Text = "The second one.";
        Host.Kill(await scene.GatewayAsync());
        (await run.EndAsync()).Output.ShouldContain("The second one.");

        await Task.Delay(1500);
        follow.Signal("TERM");
        var items = (await follow.EndAsync())
            .Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonNode.Parse(line)!)
            .ToList();
        items.Count(item => (string?)item["kind"] == "session").ShouldBe(3);
        items.Count(item => (string?)item["kind"] == "lost").ShouldBe(1);
        string.Concat(items.Where(item => (string?)item["kind"] == "answer").Select(item => (string?)item["text"]))
            .ShouldBe("The first one. The second one. ");
        // One record for the run whose gateway was killed.
        Directory.EnumerateFiles(scene.State, "*.jsonl", SearchOption.AllDirectories).Count(IsRecord).ShouldBe(2);
    }

    [Fact]
    public async Task Without_bodies_the_log_shows_what_happened_when_and_names_the_flag()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.Text = "Words for nobody else.";
        (await scene.RunAsync("run", "--", "exec", "say something")).ExitCode.ShouldBe(0);
        await scene.RunAsync(
            "run",
            "--cmd",
            "sh",
            "-c",
            "printf 'CONNECT example.com:443 HTTP/1.1\\r\\n\\r\\n' | socat -t2 - TCP:127.0.0.1:3128"
        );

        var first = JsonNode.Parse((await scene.RunAsync("log", "--list", "--json")).Output)!.AsArray();
        var log = await scene.RunAsync("log", (string)first[1]!["id"]!);
        log.Output.ShouldContain("turn     #1 gpt-oss:20b");
        log.Output.ShouldContain("4,321 tokens in, 21 out");
        log.Error.ShouldContain("codexctl run --record");
        (await scene.RunAsync("log")).Output.ShouldContain("refused  example.com:443");
        Directory
            .EnumerateFiles(scene.State, "*.jsonl", SearchOption.AllDirectories)
            .Where(IsRecord)
            .ShouldAllBe(file => !File.ReadAllText(file).Contains("Words for nobody else", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_page_shows_the_conversation_as_it_streams_and_what_the_model_says_stays_text()
    {
        const string Markup = "<img src=x onerror='window.pwned=1'><script>window.pwned=1</script> **bold** &amp; done";
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        scene.Model.Text = Markup;
        scene.Model.Mode = AnswerMode.Slow;
        var run = scene.Start("run", "--record", "--", "exec", "show <b>markup</b>");
        await Scene.EventuallyAsync(() => scene.Model.Responses.Any(), "no request reaches the model");
        var told = Path.Combine(scene.Root, "address");
        scene.Start(new Call("log", "--web") { OutputTo = told });
        var address = "";
        await Scene.EventuallyAsync(() => File.Exists(told) && (address = File.ReadAllText(told)).EndsWith('\n'), "the address is told");
        var browser = await Browser.OpenAsync(scene, address.Trim());
        await Scene.EventuallyAsync(
            async () => (await browser.TextAsync("#log")).Contains("<img src=x", StringComparison.Ordinal),
            "the answer is on the page while it streams: " + await browser.TextAsync("#log")
        );
        (await run.EndAsync()).ExitCode.ShouldBe(0);
        await Scene.EventuallyAsync(
            async () => (await browser.TextAsync("#log")).Contains("the gateway ended", StringComparison.Ordinal),
            "the end"
        );

        var text = await browser.TextAsync("#log");
        text.ShouldContain("show <b>markup</b>");
        text.ShouldContain("<script>window.pwned=1</script> **bold** &amp; done");
        text.ShouldContain("4,321 tokens in, 21 out");
        (await browser.EvaluateAsync("String(window.pwned)")).ShouldNotBeNull().ToString().ShouldBe("undefined");
        ((int)(await browser.EvaluateAsync("document.querySelectorAll('#log img, #log script, #log b').length"))!).ShouldBe(0);
        ((int)(await browser.EvaluateAsync("document.querySelectorAll('nav button').length"))!).ShouldBe(1);
    }

    private static int FreePort()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task<bool> AnswersAsync(HttpClient http, string address)
    {
        try
        {
            using var answer = await http.GetAsync(address);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    // Beside them lie Codex's own sessions, where the box's home is on the host.
    private static bool IsRecord(string file) => file.Contains("/record/", StringComparison.Ordinal);
}
