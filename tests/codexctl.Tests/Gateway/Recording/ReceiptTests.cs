using System.Text.Json;
using Codexctl.Gateway.Recording;

namespace Codexctl.Tests.Gateway.Recording;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class ReceiptTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 3, 4, 5, 0, 0, TimeSpan.Zero);

    private readonly string _directory = Directory.CreateTempSubdirectory("codexctl-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static ModelCall Turn(string kind = "turn", long input = 1225, long output = 55) =>
        new(Start, "POST", "/v1/responses", kind, "m", 200, input, output, null, TimeSpan.Zero, null);

    private static EgressCall Call(string host, bool allowed, int port = 443, string? reason = null, long bytes = 0) =>
        new(Start, host, port, allowed, reason, bytes, bytes, TimeSpan.Zero);

    private static Receipt Make(Tally tally, string? incomplete = null) =>
        Receipt.From(tally.Snapshot(), Start, Start.AddMinutes(5), incomplete);

    private static void ShouldBeWhole(ReceiptVerification verification, int count)
    {
        verification.Problems.ShouldBeEmpty();
        verification.Count.ShouldBe(count);
    }

    private static Tally TallyOf(params Exchange[] exchanges)
    {
        var tally = new Tally();
        foreach (var exchange in exchanges)
        {
            tally.Add(exchange);
        }
        return tally;
    }

    [Fact]
    public void The_line_tells_calls_tokens_and_what_was_refused()
    {
        var tally = TallyOf(
            Turn(),
            Turn(),
            Turn(),
            Turn("compaction"),
            Call("registry.npmjs.org", false),
            Call("registry.npmjs.org", false, 80)
        );
        Make(tally)
            .Line()
            .ShouldBe(
                "codexctl: 4 model calls, 5,120 tokens (4,900 in, 220 out); reached nothing but the model; refused 2: registry.npmjs.org"
            );
    }

    [Fact]
    public void The_line_tells_of_a_door_with_weaker_guarantees()
    {
        var receipt = Make(TallyOf());
        receipt.Line().ShouldNotContain("TCP");
        (receipt with { Door = "tcp" }).Line().ShouldEndWith("; the door was over TCP");
    }

    [Fact]
    public void The_line_names_the_hosts_that_were_reached()
    {
        var tally = TallyOf(Turn(input: 1, output: 0), Call("pypi.org", true), Call("example.com", true, 8443), Turn("refused", 0, 0));
        Make(tally)
            .Line()
            .ShouldBe(
                "codexctl: 1 model call, 1 token (1 in, 0 out); reached the model and example.com:8443, pypi.org; refused nothing; 1 call refused on the model route"
            );
    }

    [Theory]
    [InlineData(65536L, 65536L, true)]
    [InlineData(64600L, 65536L, true)]
    [InlineData(60000L, 65536L, false)]
    [InlineData(65536L, null, false)]
    public void A_prompt_that_filled_the_whole_context_is_told(long input, long? context, bool told)
    {
        var line = Make(TallyOf(Turn(input: input) with { Context = context })).Line();
        line.Contains("1 prompt filled the model's whole context").ShouldBe(told);
    }

    [Fact]
    public void A_run_that_did_nothing_says_so() =>
        Make(new Tally()).Line().ShouldBe("codexctl: 0 model calls, 0 tokens; reached nothing; refused nothing");

    [Fact]
    public void Many_hosts_are_cut_short()
    {
        var tally = TallyOf([.. Enumerable.Range(1, 8).Select(n => Call($"h{n}.example.com", false))]);
        Make(tally)
            .Line()
            .ShouldEndWith("refused 8: h1.example.com, h2.example.com, h3.example.com, h4.example.com, h5.example.com and 3 more");
    }

    [Fact]
    public void An_incomplete_receipt_says_so_first_and_never_promises()
    {
        var line = Make(TallyOf(Turn()), "the gateway died during the run").Line();
        line.ShouldBe(
            "codexctl: receipt incomplete: the gateway died during the run; at least 1 model call, 1,280 tokens (1,225 in, 55 out); "
                + "reached nothing but the model that was recorded; refused nothing"
        );
    }

    [Fact]
    public void The_difference_of_two_counts_is_what_happened_between()
    {
        var tally = TallyOf(Turn(), Call("pypi.org", true), Call("a.example.com", false));
        var before = tally.Snapshot();
        tally.Snapshot().Since(before).ShouldBeEquivalentTo(TallySnapshot.Zero.Since(TallySnapshot.Zero));
        tally.Add(Turn());
        tally.Add(Call("pypi.org", true));
        var since = tally.Snapshot().Since(before);
        (since.ModelCalls, since.InputTokens, since.Reached["pypi.org"], since.Refused.Count).ShouldBe((1, 1225, 1, 0));
    }

    [Fact]
    public void What_the_gateway_answered_itself_is_no_model_call()
    {
        var counts = TallyOf(Turn("title", 0, 0), Turn("catalog", 0, 0), Turn("list", 0, 0), Turn("refused", 0, 0)).Snapshot();
        (counts.ModelCalls, counts.RefusedModelCalls).ShouldBe((0, 1));
    }

    [Fact]
    public void A_host_that_was_allowed_but_did_not_answer_was_not_reached()
    {
        TallyOf(Call("pypi.org", true, reason: "pypi.org cannot be looked up")).Snapshot().Reached.ShouldBeEmpty();
        TallyOf(Call("pypi.org", true, reason: "nothing moved for a long time", bytes: 5)).Snapshot().Reached.ShouldHaveSingleItem();
    }

    [Fact]
    public void A_box_that_asks_for_endless_names_does_not_fill_the_memory()
    {
        var tally = TallyOf([.. Enumerable.Range(0, 5000).Select(n => Call($"h{n}.example.com", false))]);
        tally.Snapshot().Refused.Count.ShouldBe(1001);
        tally.Snapshot().Refused.Values.Sum().ShouldBe(5000);
    }

    [Fact]
    public void Counting_is_exact_from_many_threads()
    {
        var tally = new Tally();
        Parallel.For(0, 10_000, _ => tally.Add(Turn(input: 1, output: 1)));
        tally.Snapshot().ModelCalls.ShouldBe(10_000);
    }

    [Fact]
    public void The_json_form_is_the_documented_one()
    {
        var receipt = Make(TallyOf(Turn(), Call("pypi.org", true), Call("a.example.com", false)), "why");
        using var json = JsonDocument.Parse(JsonSerializer.Serialize(receipt, ReceiptJson.Default.Receipt));
        json.RootElement.EnumerateObject()
            .Select(property => property.Name)
            .ShouldBe([
                "started",
                "ended",
                "complete",
                "reason",
                "modelCalls",
                "inputTokens",
                "outputTokens",
                "refusedModelCalls",
                "hostsReached",
                "hostsRefused",
                "cutPrompts",
                "session",
                "door",
            ]);
        json.RootElement.GetProperty("hostsReached").GetProperty("pypi.org").GetInt64().ShouldBe(1);
    }

    [Fact]
    public void Receipts_are_kept_privately_in_order_and_verify()
    {
        var store = new ReceiptStore(_directory);
        store.Last().ShouldBeNull();
        store.Verify().Ok.ShouldBeTrue();
        for (var n = 1; n <= 12; n++)
        {
            var path = store.Add(Make(TallyOf(Turn(input: n))));
            File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }
        store.Read().Select(receipt => receipt.InputTokens).ShouldBe(Enumerable.Range(1, 12).Select(n => (long)n));
        store.Last()!.InputTokens.ShouldBe(12);
        ShouldBeWhole(store.Verify(), 12);
    }

    [Fact]
    public void A_changed_receipt_shows()
    {
        var store = new ReceiptStore(_directory);
        var first = store.Add(Make(TallyOf(Turn(), Call("a.example.com", false))));
        store.Add(Make(new Tally()));
        File.WriteAllText(first, File.ReadAllText(first).Replace("a.example.com", "b.example.com", StringComparison.Ordinal));
        store.Verify().Problems.Select(problem => problem.Split(' ')[0]).ShouldBe(["00000001.json", "00000002.json"]);
    }

    [Fact]
    public void A_change_of_the_newest_receipt_shows_too()
    {
        var store = new ReceiptStore(_directory);
        store.Add(Make(new Tally()));
        var last = store.Add(Make(TallyOf(Turn(), Call("a.example.com", false))));
        var whole = File.ReadAllText(last);
        foreach (
            var changed in (string[])
                [
                    whole.Replace("a.example.com", "b.example.com", StringComparison.Ordinal),
                    whole.Replace("1225", "1226", StringComparison.Ordinal),
                    whole + " ",
                ]
        )
        {
            File.WriteAllText(last, changed);
            store.Verify().Problems.ShouldHaveSingleItem().ShouldContain("00000002.json was changed");
        }
        // Nor does it help to take the hash away.
        var at = whole.LastIndexOf("\"sha256\": \"", StringComparison.Ordinal);
        File.WriteAllText(last, whole[..whole.LastIndexOf(',', at)] + "\n}\n");
        store.Verify().Problems.ShouldHaveSingleItem().ShouldContain("00000002.json was changed");
        File.WriteAllText(last, whole);
        ShouldBeWhole(store.Verify(), 2);
    }

    [Fact]
    public void Receipts_that_changed_places_show()
    {
        var store = new ReceiptStore(_directory);
        var paths = Enumerable.Range(1, 3).Select(n => store.Add(Make(TallyOf(Turn(input: n))))).ToList();
        var (second, third) = (File.ReadAllText(paths[1]), File.ReadAllText(paths[2]));
        File.WriteAllText(paths[1], third);
        File.WriteAllText(paths[2], second);
        store.Verify().Problems.Count.ShouldBe(2);
    }

    [Fact]
    public void Receipts_of_before_there_was_a_hash_of_their_own_still_verify()
    {
        var store = new ReceiptStore(_directory);
        var first = store.Add(Make(new Tally()));
        var text = File.ReadAllText(first);
        var at = text.LastIndexOf("\"sha256\": \"", StringComparison.Ordinal);
        File.WriteAllText(first, text[..text.LastIndexOf(',', at)] + "\n}\n");
        store.Add(Make(new Tally()));
        ShouldBeWhole(store.Verify(), 2);
    }

    [Fact]
    public void A_lost_receipt_shows()
    {
        var store = new ReceiptStore(_directory);
        store.Add(Make(new Tally()));
        var second = store.Add(Make(new Tally()));
        store.Add(Make(new Tally()));
        File.Delete(second);
        store.Verify().Problems.ShouldHaveSingleItem().ShouldContain("missing before 00000003.json");
        store.Add(Make(new Tally()));
        store.Read().Count.ShouldBe(3);
    }

    [Fact]
    public void A_torn_receipt_shows_and_those_after_it_still_count()
    {
        var store = new ReceiptStore(_directory);
        store.Add(Make(TallyOf(Turn(input: 1))));
        var second = store.Add(Make(TallyOf(Turn(input: 2))));
        var whole = File.ReadAllBytes(second);
        foreach (var length in (int[])[0, 1, whole.Length / 2])
        {
            File.WriteAllBytes(second, whole[..length]);
            store.Last()!.InputTokens.ShouldBe(1);
            store.Verify().Problems.ShouldHaveSingleItem().ShouldContain("cannot be read");
        }
        store.Add(Make(TallyOf(Turn(input: 3))));
        store.Last()!.InputTokens.ShouldBe(3);
        store.Verify().Problems.Count.ShouldBe(1);
    }

    [Fact]
    public void What_a_killed_writer_left_behind_is_in_nobodys_way()
    {
        var store = new ReceiptStore(_directory);
        File.WriteAllText(Path.Combine(_directory, "00000001.json.new"), "{");
        File.WriteAllText(Path.Combine(_directory, "notes.json"), "{}");
        store.Add(Make(new Tally()));
        ShouldBeWhole(store.Verify(), 1);
    }

    [Fact]
    public async Task Several_may_add_at_once_and_the_chain_stays_whole()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => new ReceiptStore(_directory).Add(Make(new Tally())))));
        ShouldBeWhole(new ReceiptStore(_directory).Verify(), 8);
    }
}
