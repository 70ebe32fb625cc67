using Codexctl.Gateway.Log;
using Codexctl.Gateway.Recording;
using Codexctl.Processes;
using Codexctl.Settings;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway.Log;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class RecordRetentionTests : IDisposable
{
    private static readonly TimeSpan Month = TimeSpan.FromDays(30);

    private readonly string _state = Directory.CreateTempSubdirectory("codexctl-").FullName;
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero));

    private Paths Paths => new(new HostEnvironment(new Dictionary<string, string> { ["CODEXCTL_STATE_DIR"] = _state, ["HOME"] = _state }));

    private SessionFinder Finder => new(Paths);

    private RecordRetention Retention => new(Finder, _clock);

    public void Dispose() => Directory.Delete(_state, recursive: true);

    [Fact]
    public async Task Old_records_go_and_their_receipts_stay_and_verify()
    {
        var old = await RecordAsync("codex-a", daysAgo: 31);
        var young = await RecordAsync("codex-a", daysAgo: 29);

        var gone = Retention.Apply(new RetentionRule(Month, null)).ShouldHaveSingleItem();

        gone.Session.Id.ShouldBe(old);
        gone.Reason.ShouldBe("nothing was added for 30 days");
        Finder.All().ShouldHaveSingleItem().Id.ShouldBe(young);
        var files = Paths.Container("docker", "codex-a");
        var verified = new ReceiptStore(files.Receipts).Verify(files.Records);
        verified.Problems.ShouldBeEmpty();
        (verified.Count, verified.Removed).ShouldBe((2, 1));
        (await new ReceiptFinder(Finder).FindAsync("/home/me/codex-a", default)).Count.ShouldBe(2);
        Should.Throw<UserError>(() => Finder.Find(old, "/")).Why!.ShouldContain("nothing was added for 30 days");
        Retention.Apply(new RetentionRule(Month, null)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Receipts_are_found_by_their_folder_also_when_no_record_is_left()
    {
        await RecordAsync("codex-a", daysAgo: 31);
        await RecordAsync("codex-b", daysAgo: 31);
        Retention.Apply(new RetentionRule(Month, null)).Count.ShouldBe(2);
        (await new ReceiptFinder(Finder).FindAsync("/home/me/codex-a", default)).ShouldHaveSingleItem().Container.ShouldBe("codex-a");
    }

    [Fact]
    public async Task A_record_that_somebody_took_away_is_still_missed()
    {
        await RecordAsync("codex-a", daysAgo: 31);
        var stolen = await RecordAsync("codex-a", daysAgo: 1);
        Retention.Apply(new RetentionRule(Month, null)).Count.ShouldBe(1);
        var files = Paths.Container("docker", "codex-a");
        File.Delete(Path.Combine(files.Records, stolen + ".jsonl"));
        new ReceiptStore(files.Receipts).Verify(files.Records).Problems.ShouldHaveSingleItem().ShouldContain($"{stolen}.jsonl is gone");
    }

    [Fact]
    public async Task When_they_are_too_many_the_oldest_go_until_they_fit()
    {
        var ids = new List<string>();
        for (var day = 5; day > 0; day--)
        {
            ids.Add(await RecordAsync($"codex-{day}", day));
        }
        var each = RecordRetention.BytesOf(Finder.All()[0]);
        var due = Retention.Due(new RetentionRule(null, each * 3 + each / 2));
        due.Select(one => one.Session.Id).ShouldBe(ids[..2]);
        due[0].Reason.ShouldStartWith("all records together were larger than");
        Finder.All().Count.ShouldBe(5, "Due only looks");
        Retention.Due(new RetentionRule(null, null)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_session_that_is_on_stays_whatever_its_age()
    {
        // Its gateway lives.
        await RecordAsync("codex-a", daysAgo: 400, ended: false);
        using var gateway = FileLock.Take(Paths.Container("docker", "codex-a").GatewayLock);
        // Its gateway was killed, its run is on: the next gateway goes on in the same record.
        await RecordAsync("codex-b", daysAgo: 400, ended: false);
        using var run = FileLock.Take(Paths.Container("docker", "codex-b").Lease, shared: true);
        // Nobody is left.
        var dead = await RecordAsync("codex-c", daysAgo: 400, ended: false);

        Retention.Apply(new RetentionRule(Month, 0)).ShouldHaveSingleItem().Session.Id.ShouldBe(dead);
        Finder.All().ShouldAllBe(session => Retention.InUse(session));
    }

    [Fact]
    public async Task A_proxys_records_count_too_and_one_that_may_still_be_written_stays()
    {
        var done = await RecordInAsync(Paths.Proxy, 2, ended: true);
        var open = await RecordInAsync(Paths.Proxy, 0, ended: false);
        Finder.All().Select(session => (session.Id, session.Container)).ShouldBe([(done, "proxy"), (open, "proxy")], ignoreOrder: true);
        Retention.Apply(new RetentionRule(null, 0)).ShouldHaveSingleItem().Session.Id.ShouldBe(done);
    }

    [Fact]
    public async Task A_removal_that_was_killed_in_the_middle_is_done_by_the_next()
    {
        var id = await RecordAsync("codex-a", daysAgo: 31, part: 300);
        var session = Finder.All().ShouldHaveSingleItem();
        session.Record.Parts.Count.ShouldBeGreaterThan(2);
        RemovedRecords.Add(
            Paths.Container("docker", "codex-a").Records,
            new RemovedRecord(1, id, session.Workdir, _clock.GetUtcNow(), 1, "why")
        );
        File.Delete(session.Record.Parts[^1]);
        File.SetLastWriteTimeUtc(session.Record.Parts[^2], _clock.GetUtcNow().UtcDateTime.AddDays(-31));
        Retention.Apply(new RetentionRule(Month, null)).ShouldHaveSingleItem();
        Finder.All().ShouldBeEmpty();
        var files = Paths.Container("docker", "codex-a");
        new ReceiptStore(files.Receipts).Verify(files.Records).Problems.ShouldBeEmpty();
    }

    private Task<string> RecordAsync(string container, double daysAgo, bool ended = true, long part = 1 << 20) =>
        RecordInAsync(Paths.Container("docker", container).Records, daysAgo, ended, part, container);

    private async Task<string> RecordInAsync(string folder, double daysAgo, bool ended, long part = 1 << 20, string? container = null)
    {
        string id;
        await using (
            var recorder = Recorder.Open(
                folder,
                _clock,
                new SessionInfo(null, "docker", container, container is null ? null : $"/home/me/{container}", "http://m"),
                limits: new RecordLimits(part, 1 << 20, 1 << 20)
            )
        )
        {
            id = recorder.Session!;
            for (var n = 0; n < 5; n++)
            {
                recorder.Add(new EgressCall(Records.At, "example.com", 443, false, "it is not on the allow list", 0, 0, TimeSpan.Zero));
                await recorder.SealAsync();
            }
            if (container is not null)
            {
                var receipt = Receipt.From(TallySnapshot.Zero, Records.At, Records.At, null) with { Session = id };
                new ReceiptStore(Paths.Container("docker", container).Receipts).Add(receipt, await recorder.SealAsync());
            }
        }
        var files = RecordFile.Sessions(folder).Single(session => session.Id == id).Parts;
        if (!ended)
        {
            var lines = await File.ReadAllLinesAsync(files[^1]);
            await File.WriteAllLinesAsync(files[^1], lines[..^1]);
        }
        foreach (var file in files)
        {
            File.SetLastWriteTimeUtc(file, _clock.GetUtcNow().UtcDateTime.AddDays(-daysAgo));
        }
        return id;
    }
}
