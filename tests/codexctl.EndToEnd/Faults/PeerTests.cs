using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;

namespace Codexctl.EndToEnd.Faults;

/// <summary>Clients and servers that are slow, break off or go away, at the published gateway and at the published proxy.</summary>
public class PeerTests
{
    private const long Big = 256L << 20;

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_client_that_does_not_read_makes_the_server_wait_and_costs_no_memory(bool proxy)
    {
        await using var place = await Place.CreateAsync(proxy);
        long sent = 0;
        place.Scene.Model.OnCompletions = async context =>
        {
            context.Response.ContentType = "text/plain";
            context.Response.ContentLength = Big;
            var piece = new byte[1 << 16];
            for (; sent < Big; sent += piece.Length)
            {
                await context.Response.BodyWriter.WriteAsync(piece, context.RequestAborted);
            }
        };
        var before = Host.AnonymousMemory(place.Process);
        using var client = await DoorClient.ConnectAsync(place.Socket);
        await client.PostAsync("/v1/chat/completions", """{"model":"gpt-oss:20b","messages":[]}""");

        var last = -1L;
        await Scene.EventuallyAsync(
            async () =>
            {
                var seen = Interlocked.Read(ref sent);
                var waits = seen > 0 && seen == last;
                last = seen;
                await Task.Delay(500, TestContext.Current.CancellationToken);
                return waits;
            },
            "the server waits"
        );

        Interlocked.Read(ref sent).ShouldBeLessThan(Big / 4);
        Host.AnonymousMemory(place.Process).ShouldBeLessThan(before + (24L << 20));
        // Nobody else is held up, and who reads in the end gets everything.
        using var other = await DoorClient.ConnectAsync(place.Socket);
        await other.AskAsync();
        (await other.ReadAllAsync()).ShouldContain("Hello from the fake.");
        (await client.CountAsync()).ShouldBeGreaterThan(Big);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task A_client_that_goes_while_it_is_answered_stops_the_server(bool proxy)
    {
        await using var place = await Place.CreateAsync(proxy);
        place.Scene.Model.Mode = AnswerMode.HangAfterHeaders;
        using (var client = await DoorClient.ConnectAsync(place.Socket))
        {
            await client.AskAsync();
            (await client.ReadAsync()).ShouldNotBeNull().ShouldStartWith("HTTP/1.1 200");
        }

        await Scene.EventuallyAsync(() => place.Scene.Model.Aborted == 1, "the server hears of it");
    }

    [Fact]
    public async Task A_request_that_breaks_off_never_reaches_the_server()
    {
        await using var place = await Place.CreateAsync(proxy: false);
        using (var client = await DoorClient.ConnectAsync(place.Socket))
        {
            await client.SendAsync("POST /v1/responses HTTP/1.1\r\nHost: door\r\nContent-Length: 500\r\n\r\n{\"model\":\"gpt-oss:20b\",");
        }
        using (var half = await DoorClient.ConnectAsync(place.Socket))
        {
            await half.SendAsync("POST /v1/responses HTTP/1.1\r\nHost: door\r\nContent-Length: 500\r\n\r\n{\"model\":\"gpt-oss:20b\",");
            half.EndSending();
            // Its connection ends, with or without words.
            await half.ReadAllAsync();
        }

        using var next = await DoorClient.ConnectAsync(place.Socket);
        await next.AskAsync();
        (await next.ReadAllAsync()).ShouldContain("Hello from the fake.");
        place.Scene.Model.Responses.ShouldHaveSingleItem();
    }

    [Theory, InlineData(AnswerMode.Drop, "the connection broke in the middle"), InlineData(AnswerMode.EndEarly, "the stream ended before")]
    public async Task A_server_that_dies_in_the_middle_of_a_stream_gives_a_stream_that_ends_in_order_and_in_words(
        AnswerMode mode,
        string words
    )
    {
        await using var place = await Place.CreateAsync(proxy: false);
        place.Scene.Model.Mode = mode;
        using var client = await DoorClient.ConnectAsync(place.Socket);
        await client.AskAsync();

        var answer = await client.ReadAllAsync();

        answer.ShouldContain("Half an ans");
        answer.Split("event: response.failed").Length.ShouldBe(2, answer);
        answer.ShouldContain(words);
        answer.ShouldEndWith("0\r\n\r\n");
    }

    [Fact]
    public async Task On_a_disk_that_fills_up_while_it_records_the_traffic_goes_on_and_the_receipt_says_so()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var fill = StateFolderTests.SmallDisk(scene);
        await using var run = await scene.HoldAsync("--record");
        var files = scene.Paths.Container("bubblewrap", (await scene.StatesAsync()).Keys.Single());
        StateFolderTests.Fill(fill);
        scene.Model.Text = string.Concat(Enumerable.Repeat("many words ", 2000));

        for (var turn = 0; turn < 3; turn++)
        {
            using var client = await DoorClient.ConnectAsync(files.DoorSocket);
            await client.AskAsync();
            (await client.ReadAllAsync()).ShouldContain("response.completed");
        }

        File.Delete(fill);
        run.Signal("TERM");
        var outcome = await run.EndAsync();
        outcome.Error.ShouldContain("receipt incomplete: the recording stopped (No space left on device");
        var receipt = await scene.RunAsync("receipt");
        receipt.Output.ShouldContain("No space left on device", customMessage: receipt.ToString());
        await scene.NextRunIsCleanAsync();
    }

    /// <summary>A gateway under a run that stays, or a proxy, with the socket to connect to.</summary>
    private sealed class Place : IAsyncDisposable
    {
        private Place(Scene scene, string socket, int process) => (Scene, Socket, Process) = (scene, socket, process);

        public Scene Scene { get; }

        public string Socket { get; }

        public int Process { get; }

        public static async Task<Place> CreateAsync(bool proxy)
        {
            var scene = await Scene.CreateAsync(Engine.Bubblewrap);
            try
            {
                if (proxy)
                {
                    var socket = Path.Combine(scene.Root, "p.sock");
                    var running = scene.Start("proxy", "--quiet", "--listen-unix", socket);
                    await Scene.EventuallyAsync(() => File.Exists(socket), "the proxy listens");
                    return new Place(scene, socket, running.Process.Id);
                }
                await scene.HoldAsync();
                var files = scene.Paths.Container("bubblewrap", (await scene.StatesAsync()).Keys.Single());
                return new Place(scene, files.DoorSocket, await scene.GatewayAsync());
            }
            catch
            {
                await scene.DisposeAsync();
                throw;
            }
        }

        public ValueTask DisposeAsync() => Scene.DisposeAsync();
    }
}
