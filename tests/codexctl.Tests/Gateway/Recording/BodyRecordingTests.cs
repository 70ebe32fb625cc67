using System.Text;
using System.Text.Json.Nodes;
using Codexctl.Gateway.Recording;
using Codexctl.Tests.Gateway.Log;
using CsCheck;

namespace Codexctl.Tests.Gateway.Recording;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class BodyRecordingTests : IDisposable
{
    private const string Key = "sk-proj-abcdefghijklmnop1234";

    private readonly string _directory = Directory.CreateTempSubdirectory("codexctl-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Headers_fields_and_texts_lose_their_secrets_and_nothing_else()
    {
        var lines = Records.Lines(
            Records.Call(
                "/v1/responses",
                $$"""{"api_key":"short","input":[{"role":"user","id":"msg_0123456789abcdef0123456789abcdef","content":"my key is {{Key}}, password=hunter2; see https://me:pw@host/x?q=1"}]}""",
                "application/json",
                ["""{"error":"Authorization: Bearer abcdefgh12 is wrong"}"""]
            )
        );
        foreach (var secret in (string[])["Bearer abc", "short", Key, "hunter2", "me:pw", "abcdefgh12"])
        {
            lines.ShouldNotContain(secret);
        }
        lines.ShouldContain("msg_0123456789abcdef0123456789abcdef");
        lines.ShouldContain("see https://[redacted]@host/x?q=1");
    }

    [Theory]
    [InlineData("The token is a word, and a token: of thanks.")]
    [InlineData("var token = source.Token; // key = value")]
    [InlineData("task-manager-component-registry disk-usage-by-folder")]
    [InlineData("npm_config_registry=https://registry.npmjs.org/")]
    [InlineData("/usr/share/dotnet/shared/Microsoft.AspNetCore.App/10.0.0/Microsoft.AspNetCore.dll")]
    [InlineData("d9f8a3b2-7c61-4e0f-9b1a-2c3d4e5f6a7b")]
    public void Ordinary_talk_stays(string text) => Secrets.Hide(text).ShouldBe(text);

    [Fact]
    public void A_private_key_goes_whole()
    {
        var text = "before\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn/abc\n+short\n-----END OPENSSH PRIVATE KEY-----\nafter";
        Secrets.Hide(text).ShouldBe("before\n-----BEGIN OPENSSH PRIVATE KEY-----[redacted]-----END OPENSSH PRIVATE KEY-----\nafter");
    }

    [Theory]
    [InlineData("/v1/responses")]
    [InlineData("/v1/chat/completions")]
    [InlineData("/api/chat")]
    public void A_secret_that_is_said_in_pieces_does_not_come_through(string path)
    {
        string[] secrets =
        [
            Key,
            "Authorization: Bearer abcdefgh12",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\nzz9/+\n-----END RSA PRIVATE KEY-----",
        ];
        Gen.Select(Gen.Int[0, secrets.Length - 1], Gen.Int[1, 9].Array[40], Gen.Bool)
            .Sample(
                (which, sizes, atTheEnd) =>
                {
                    var text =
                        $"Here you are, as you asked: {secrets[which]}" + (atTheEnd ? "" : "\n Anything else that I can do for you today?");
                    var next = 0;
                    var pieces = Records.Cut(text, () => sizes[next++ % sizes.Length]).Select(Encoding.UTF8.GetString).ToList();
                    var type = path.StartsWith("/v1", StringComparison.Ordinal) ? "text/event-stream" : "application/x-ndjson";
                    var call = Records.Call(path, "{}", type, pieces.Select(piece => Message(path, piece)));

                    var parts = call.OfType<CallPart>().ToList();
                    var said = string.Concat(
                        parts.SelectMany(part => StreamedTexts.Of((JsonObject)part.Data.Json!)!).Select(one => one.Value)
                    );
                    said.ShouldBe(Secrets.Hide(text));
                    said.ShouldContain(Redaction.Mask);
                    // All pieces, in their order, with their times.
                    parts.Select(part => part.Since.TotalMilliseconds).ShouldBe(Enumerable.Range(1, pieces.Count).Select(n => n * 10.0));
                },
                iter: 200
            );
    }

    [Fact]
    public async Task A_record_goes_on_in_another_file_when_one_is_full_and_the_chain_holds()
    {
        await using (
            var recorder = Recorder.Open(_directory, TimeProvider.System, bodies: true, limits: new RecordLimits(2000, 1 << 20, 1 << 20))
        )
        {
            for (var i = 0; i < 100; i++)
            {
                recorder.Add(new CallStart(Records.At, i, "POST", "/v1/responses", "turn", "m"));
                await recorder.SealAsync();
            }
            var seal = (await recorder.SealAsync())!;
            new ReceiptStore(Path.Combine(_directory, "receipt")).Add(Receipt.From(TallySnapshot.Zero, Records.At, Records.At, null), seal);
        }
        var session = RecordFile.Sessions(_directory).ShouldHaveSingleItem();
        session.Parts.Count.ShouldBeInRange(4, 10);
        session.Ended.ShouldBeTrue();
        var read = await RecordFile.ReadAsync(session);
        read.Exchanges.OfType<CallStart>().Select(call => call.Id).ShouldBe(Enumerable.Range(0, 100).Select(n => (long)n));
        read.Complete.ShouldBeTrue();

        var store = new ReceiptStore(Path.Combine(_directory, "receipt"));
        store.Verify(_directory).Problems.ShouldBeEmpty();
        await File.WriteAllTextAsync(
            session.Parts[1],
            (await File.ReadAllTextAsync(session.Parts[1])).Replace("turn", "tarn", StringComparison.Ordinal)
        );
        store.Verify(_directory).Problems.ShouldHaveSingleItem().ShouldContain("2.jsonl was changed");
        File.Delete(session.Parts[1]);
        store.Verify(_directory).Problems.ShouldHaveSingleItem().ShouldContain("is gone");
    }

    [Fact]
    public async Task A_gateway_that_follows_a_killed_one_goes_on_in_its_record_on_a_line_of_its_own()
    {
        await using (var recorder = Recorder.Open(_directory, TimeProvider.System))
        {
            recorder.Add(new CallStart(Records.At, 1, "POST", "/v1/responses", "turn", "m"));
        }
        var path = RecordFile.List(_directory).ShouldHaveSingleItem();
        var whole = await File.ReadAllBytesAsync(path);
        var end = Encoding.UTF8.GetString(whole).LastIndexOf('{');
        for (var cut = 1; cut < end; cut++)
        {
            await File.WriteAllBytesAsync(path, whole[..cut]);
            RecordSeal seal;
            await using (var next = Recorder.Open(_directory, TimeProvider.System, again: true))
            {
                next.Add(new CallStart(Records.At, 2, "POST", "/v1/responses", "turn", "m"));
                seal = (await next.SealAsync())!;
            }
            RecordFile.List(_directory).ShouldHaveSingleItem();
            var read = await RecordFile.ReadAsync(path);
            read.Exchanges.OfType<CallStart>().Select(call => call.Id).ShouldContain(2);
            read.Exchanges.OfType<SessionStart>().Last().Again.ShouldBeTrue();
            read.Complete.ShouldBeTrue();
            read.Damaged.ShouldBeLessThanOrEqualTo(1);
            RecordFile.Matches(path, seal.Bytes, seal.Sha256).ShouldBeTrue();
        }
    }

    [Fact]
    public async Task Whether_it_ended_is_asked_of_its_newest_file_also_of_those_that_came_since()
    {
        RecordSession early;
        await using (var recorder = Recorder.Open(_directory, TimeProvider.System, limits: new RecordLimits(500, 1 << 20, 1 << 20)))
        {
            await recorder.SealAsync();
            early = RecordFile.Last(_directory)!;
            for (var n = 0; n < 20; n++)
            {
                recorder.Add(new CallStart(Records.At, 1, "POST", "/v1/responses", "turn", "m"));
                await recorder.SealAsync();
            }
            early.Ended.ShouldBeFalse();
        }
        early.Parts.Count.ShouldBe(1);
        RecordFile.Last(_directory)!.Parts.Count.ShouldBeGreaterThan(2);
        early.Ended.ShouldBeTrue();
    }

    [Fact]
    public async Task A_gateway_killed_while_it_began_another_file_leaves_a_chain_that_holds()
    {
        await using (var recorder = Recorder.Open(_directory, TimeProvider.System, limits: new RecordLimits(500, 1 << 20, 1 << 20)))
        {
            while (RecordFile.Sessions(_directory) is not [{ Parts.Count: 2 }])
            {
                recorder.Add(new CallStart(Records.At, 1, "POST", "/v1/responses", "turn", "m"));
                await recorder.SealAsync();
            }
        }
        var second = RecordFile.Last(_directory)!.Parts[1];
        var first = (await File.ReadAllLinesAsync(second))[0] + "\n";
        var store = new ReceiptStore(Path.Combine(_directory, "receipt"));
        for (var length = 0; length <= first.Length; length += 7)
        {
            await File.WriteAllTextAsync(second, first[..Math.Min(length, first.Length)]);
            await using (var next = Recorder.Open(_directory, TimeProvider.System, again: true))
            {
                store.Add(Receipt.From(TallySnapshot.Zero, Records.At, Records.At, null), await next.SealAsync());
            }
            store.Verify(_directory).Problems.ShouldBeEmpty($"killed after {length} bytes");
            Directory.Delete(Path.Combine(_directory, "receipt"), recursive: true);
        }
    }

    [Fact]
    public async Task A_session_that_ended_in_order_is_never_gone_on_with()
    {
        await Recorder.Open(_directory, TimeProvider.System).DisposeAsync();
        await Recorder.Open(_directory, TimeProvider.System, again: true).DisposeAsync();
        RecordFile.Sessions(_directory).Count.ShouldBe(2);
    }

    [Fact]
    public async Task Bodies_stop_at_their_size_and_the_rest_goes_on()
    {
        await using (
            var recorder = Recorder.Open(_directory, TimeProvider.System, bodies: true, limits: new RecordLimits(1 << 20, 3000, 1 << 20))
        )
        {
            for (var i = 0; i < 100; i++)
            {
                recorder.Add(
                    new CallBytes(
                        Records.At,
                        i,
                        TimeSpan.Zero,
                        IsRequest: true,
                        Encoding.UTF8.GetBytes("""{"input":"hello hello hello"}""")
                    )
                );
                recorder.Add(new ModelCall(Records.At, "POST", "/x", "turn", "m", 200, 1, 1, null, TimeSpan.Zero, null) { Id = i });
            }
        }
        var read = await RecordFile.ReadAsync(RecordFile.Sessions(_directory)[0]);
        read.Exchanges.OfType<ModelCall>().Count().ShouldBe(100);
        read.Exchanges.OfType<CallRequest>().Count().ShouldBeLessThan(30);
        read.Exchanges.OfType<BodiesSwitched>().ShouldHaveSingleItem().On.ShouldBeFalse();
    }

    [Fact]
    public async Task Bodies_that_a_slow_disk_cannot_take_are_cut_off_and_traffic_is_not_held_up()
    {
        var disk = new SlowDisk();
        var recorder = new Recorder(disk, TimeProvider.System, bodies: true);
        for (var i = 0; i < 200; i++)
        {
            recorder.Add(new CallBytes(Records.At, 7, TimeSpan.Zero, IsRequest: false, new byte[1 << 20]) { Path = "/x" });
        }
        recorder.Add(new ModelCall(Records.At, "POST", "/x", "turn", "m", 200, 1, 1, null, TimeSpan.Zero, null) { Id = 7 });
        recorder.Failed.ShouldBeFalse();
        disk.GoOn.SetResult();
        await recorder.DisposeAsync();
        Encoding.UTF8.GetString(disk.ToArray()).ShouldContain("\"t\":\"cut\"");
    }

    /// <summary>As servers cut it that count in UTF-16, and as one does that counts in bytes; and what a box can send.</summary>
    [Theory]
    [InlineData("{\"model\":\"m\",\"input\":\"\\ud83d\"}", "\\ud83d", "\\ude00 sk-proj-abcdefghijklmnop1234 ")]
    [InlineData("{\"\\udc00\":\"\\\\ud800 \\uD83D\\uDE00\"}", "\u00f0\u009f", "\u0098\u0080 sk-proj-abcdefghijklmnop1234 ")]
    [InlineData("[\"\u00ff\", \"\\uD800", "\\uDBFF", "\\uDFFF sk-proj-abcdefghijklmnop1234 ")]
    public async Task Half_an_emoji_ends_neither_the_recording_nor_what_comes_after_it(string question, params string[] pieces)
    {
        var disk = new SlowDisk();
        disk.GoOn.SetResult();
        var recorder = new Recorder(disk, TimeProvider.System, bodies: true);
        static CallBytes Bytes(bool isRequest, string text) =>
            new(Records.At, 7, TimeSpan.Zero, isRequest, Encoding.Latin1.GetBytes(text))
            {
                Path = "/v1/responses",
                Status = 200,
                ContentType = "text/event-stream",
                Headers = [],
            };
        recorder.Add(new CallStart(Records.At, 7, "POST", "/v1/responses", "turn", "m"));
        recorder.Add(Bytes(isRequest: true, question));
        foreach (var piece in (string[])[.. pieces, "and more words to the end"])
        {
            recorder.Add(
                Bytes(isRequest: false, $"data: {{\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"delta\":\"{piece}\"}}\n\n")
            );
        }
        recorder.Add(new ModelCall(Records.At, "POST", "/v1/responses", "turn", "m", 200, 1, 1, null, TimeSpan.Zero, null) { Id = 7 });
        await recorder.DisposeAsync();

        recorder.Failed.ShouldBeFalse();
        var written = Encoding.UTF8.GetString(disk.ToArray());
        written.ShouldContain("and more words to the end");
        written.ShouldContain("\"t\":\"model\"");
        written.ShouldContain("[redacted]");
        written.ShouldNotContain("sk-proj");
    }

    [Fact]
    public async Task Small_pieces_without_number_leave_room_for_what_happens()
    {
        var disk = new SlowDisk();
        var recorder = new Recorder(disk, TimeProvider.System, bodies: true);
        for (var i = 0; i < 100_000; i++)
        {
            recorder.Add(new CallBytes(Records.At, 7, TimeSpan.Zero, IsRequest: false, "data: x\n\n"u8.ToArray()) { Path = "/x" });
        }
        await recorder.ReadyAsync(TestContext.Current.CancellationToken);
        for (var i = 0; i < 4000; i++)
        {
            recorder.Add(new ModelCall(Records.At, "POST", "/x", "turn", "m", 200, 1, 1, null, TimeSpan.Zero, null) { Id = 7 });
        }
        recorder.Failed.ShouldBeFalse();
        disk.GoOn.SetResult();
        await recorder.DisposeAsync();
        Encoding.UTF8.GetString(disk.ToArray()).Split("\"t\":\"model\"").Length.ShouldBe(4001);
    }

    private static string Message(string path, string piece)
    {
        var text = JsonValue.Create(piece).ToJsonString();
        return path switch
        {
            "/v1/responses" => $$"""data: {"type":"response.output_text.delta","item_id":"m","delta":{{text}}}""" + "\n\n",
            "/v1/chat/completions" => "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":" + text + "}}]}\n\n",
            _ => "{\"message\":{\"content\":" + text + "},\"done\":false}\n",
        };
    }

    private sealed class SlowDisk : MemoryStream
    {
        public TaskCompletionSource GoOn { get; } = new();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await GoOn.Task;
            Write(buffer.Span);
        }
    }
}
