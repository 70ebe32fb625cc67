using System.Buffers;
using System.Text;
using Codexctl.Gateway.Recording;
using CsCheck;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Gateway.Recording;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class RecorderTests : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 3, 4, 5, 6, 7, 89, TimeSpan.Zero);
    private static readonly ModelCall Turn = new(
        At,
        "POST",
        "/v1/responses",
        "turn",
        "gpt-oss:20b",
        200,
        4900,
        220,
        TimeSpan.FromMilliseconds(120.5),
        TimeSpan.FromSeconds(3),
        null
    );
    private static readonly EgressCall Npm = new(At, "registry.npmjs.org", 443, false, "it is not on the allow list", 0, 0, TimeSpan.Zero);

    private readonly string _directory = Directory.CreateTempSubdirectory("codexctl-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task What_is_added_is_read_again_in_order_and_the_file_is_private()
    {
        await using (var recorder = Recorder.Open(_directory, new FakeTimeProvider(At)))
        {
            recorder.Add(Turn);
            recorder.Add(Npm);
        }
        var path = RecordFile.List(_directory).ShouldHaveSingleItem();
        Path.GetFileName(path).ShouldStartWith("20260304T050607089Z-");
        File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var read = await RecordFile.ReadAsync(path);
        read.Exchanges.Where(one => one is ModelCall or EgressCall).ShouldBe([Turn, Npm]);
        read.Complete.ShouldBeTrue();
        read.Damaged.ShouldBe(0);
        (await File.ReadAllLinesAsync(path)).ShouldBe([
            $$"""{"v":1,"t":"start","at":"2026-03-04T05:06:07.089Z","session":"{{Path.GetFileNameWithoutExtension(path)}}","part":1,"bodies":false}""",
            """{"v":1,"t":"model","at":"2026-03-04T05:06:07.089Z","method":"POST","path":"/v1/responses","kind":"turn","model":"gpt-oss:20b","status":200,"inputTokens":4900,"outputTokens":220,"firstByteMs":120.5,"durationMs":3000}""",
            """{"v":1,"t":"egress","at":"2026-03-04T05:06:07.089Z","host":"registry.npmjs.org","port":443,"allowed":false,"reason":"it is not on the allow list","bytesUp":0,"bytesDown":0,"durationMs":0}""",
            """{"v":1,"t":"end","at":"2026-03-04T05:06:07.089Z"}""",
        ]);
    }

    [Fact]
    public async Task A_file_cut_at_any_byte_gives_the_whole_lines_before()
    {
        await using (var recorder = Recorder.Open(_directory, TimeProvider.System))
        {
            recorder.Add(Turn);
            recorder.Add(Npm);
        }
        var bytes = await File.ReadAllBytesAsync(RecordFile.List(_directory)[0]);
        var cut = Path.Combine(_directory, "cut");
        for (var length = 0; length < bytes.Length - 1; length++)
        {
            await File.WriteAllBytesAsync(cut, bytes[..length]);
            var read = await RecordFile.ReadAsync(cut);
            read.Complete.ShouldBeFalse();
            var newlines = bytes[..length].Count(value => value == '\n');
            read.Exchanges.Count.ShouldBe(newlines);
            read.Damaged.ShouldBeLessThanOrEqualTo(1);
        }
    }

    [Fact]
    public async Task Rubbish_between_lines_is_skipped_and_counted()
    {
        var path = Path.Combine(_directory, "x.jsonl");
        var line = new ArrayBufferWriter<byte>();
        RecordLine.Write(line, Npm);
        await File.WriteAllBytesAsync(
            path,
            [.. "\0\u00ff{\n[]\n{\"v\":1,\"t\":\"later\"}\n{\"v\":2,\"t\":\"egress\"}\n"u8, .. line.WrittenSpan]
        );
        var read = await RecordFile.ReadAsync(path);
        read.Exchanges.ShouldBe([Npm]);
        read.Damaged.ShouldBe(2);
    }

    [Fact]
    public void Any_text_survives_being_read_as_a_line() =>
        Gen.OneOf(Gen.Byte.Array, Gen.String.Select(Encoding.UTF8.GetBytes))
            .Sample(bytes =>
            {
                RecordLine.Read(bytes);
            });

    [Fact]
    public async Task A_full_disk_stops_the_recording_and_nothing_else()
    {
        var recorder = new Recorder(new FullDisk(room: 200), TimeProvider.System);
        for (var i = 0; i < 100; i++)
        {
            recorder.Add(Turn);
        }
        await recorder.DisposeAsync();
        recorder.Failed.ShouldBeTrue();
        recorder.Failure.ShouldBe("No space left on device");
        recorder.Add(Turn);
    }

    [Fact]
    public async Task A_disk_that_hangs_holds_nobody_up()
    {
        var disk = new HangingDisk();
        var recorder = new Recorder(disk, TimeProvider.System);
        for (var i = 0; i < 50_000; i++)
        {
            recorder.Add(Turn);
        }
        recorder.Failed.ShouldBeTrue();
        disk.GoOn.SetResult();
        await recorder.DisposeAsync();
    }

    [Fact]
    public async Task Whoever_asks_faster_than_can_be_written_waits_and_nothing_is_lost()
    {
        var disk = new HangingDisk();
        await using var recorder = new Recorder(disk, TimeProvider.System);
        var asked = 0;
        var ready = Task.CompletedTask;
        for (; ready.IsCompleted; asked++)
        {
            recorder.Add(Npm);
            ready = recorder.ReadyAsync(TestContext.Current.CancellationToken).AsTask();
        }
        asked.ShouldBeGreaterThan(10_000);
        disk.GoOn.SetResult();
        await ready;
        recorder.Failed.ShouldBeFalse();
    }

    [Fact]
    public async Task A_disk_that_hangs_holds_a_request_up_for_some_seconds_only()
    {
        var time = new FakeTimeProvider(At);
        var disk = new HangingDisk();
        var recorder = new Recorder(disk, time);
        // The disk takes its first piece, then nothing more.
        recorder.Add(Npm);
        await disk.Hangs.Task;
        Task ready;
        do
        {
            recorder.Add(Npm);
            ready = recorder.ReadyAsync(TestContext.Current.CancellationToken).AsTask();
        } while (ready.IsCompleted);

        for (var i = 0; i < 1000 && !ready.IsCompleted; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.Delay(1);
        }

        ready.IsCompletedSuccessfully.ShouldBeTrue();
        time.GetUtcNow().ShouldBeGreaterThan(At + TimeSpan.FromSeconds(4));
        disk.GoOn.SetResult();
        await recorder.DisposeAsync();
    }

    [Fact]
    public async Task The_file_has_a_largest_size()
    {
        using var output = new MemoryStream();
        var recorder = new Recorder(output, TimeProvider.System, largest: 1000);
        for (var i = 0; i < 100; i++)
        {
            recorder.Add(Turn);
        }
        await recorder.DisposeAsync();
        recorder.Failed.ShouldBeTrue();
        output.ToArray().Length.ShouldBeLessThanOrEqualTo(1000);
    }

    [Fact]
    public async Task Where_no_file_can_be_made_nothing_is_recorded_and_it_is_said()
    {
        var blocked = Path.Combine(_directory, "file");
        await File.WriteAllTextAsync(blocked, "");
        await using var recorder = Recorder.Open(Path.Combine(blocked, "below"), TimeProvider.System);
        recorder.Add(Turn);
        recorder.Failed.ShouldBeTrue();
    }

    [Fact]
    public async Task Many_threads_may_add_at_once()
    {
        await using (var recorder = Recorder.Open(_directory, TimeProvider.System))
        {
            await Task.WhenAll(
                Enumerable
                    .Range(0, 8)
                    .Select(_ =>
                        Task.Run(() =>
                        {
                            for (var i = 0; i < 500; i++)
                            {
                                recorder.Add(Npm);
                            }
                        })
                    )
            );
        }
        (await RecordFile.ReadAsync(RecordFile.List(_directory)[0])).Exchanges.Count(one => one is EgressCall).ShouldBe(4000);
    }

    private sealed class FullDisk(int room) : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            Length + buffer.Length > room ? throw new IOException("No space left on device") : base.WriteAsync(buffer, cancellationToken);
    }

    private sealed class HangingDisk : MemoryStream
    {
        public TaskCompletionSource GoOn { get; } = new();

        public TaskCompletionSource Hangs { get; } = new();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Hangs.TrySetResult();
            await GoOn.Task;
        }
    }
}
