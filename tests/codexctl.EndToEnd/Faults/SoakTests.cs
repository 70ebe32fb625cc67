using System.Globalization;
using Codexctl.EndToEnd.Bubblewrap;
using Codexctl.EndToEnd.Harness;
using Codexctl.ModelServers;
using Microsoft.AspNetCore.Http;

namespace Codexctl.EndToEnd.Faults;

/// <summary>
/// A stream of 50 events a second has 180 000 of them in an hour. Here they come as fast as they can, recorded, from a server and to clients of
/// which some leave in the middle.
/// </summary>
public class SoakTests
{
    private const int Events = 200;
    private const int Streams = 900;
    private const int Rounds = 9;
    private const int AtOnce = 12;

    [Fact]
    public async Task An_hours_worth_of_streams_leaves_memory_and_descriptors_as_they_were()
    {
        await using var scene = await Scene.CreateAsync(Engine.Bubblewrap);
        var asked = 0;
        scene.Model.OnResponses = (context, _) => StreamAsync(context, breaksOff: Interlocked.Increment(ref asked) % 10 == 7);
        await using var run = await scene.HoldAsync("--record");
        var gateway = await scene.GatewayAsync();
        var files = scene.Paths.Container("bubblewrap", (await scene.StatesAsync()).Keys.Single());
        // What is made at the first use is no leak.
        await RoundAsync(files.DoorSocket, Streams / Rounds);
        await SettlesAsync(gateway, int.MaxValue);
        var descriptors = Descriptors(gateway);
        var sizes = new List<long>();

        for (var round = 0; round < Rounds; round++)
        {
            await RoundAsync(files.DoorSocket, Streams / Rounds);
            sizes.Add(Host.AnonymousMemory(gateway));
        }

        await SettlesAsync(gateway, descriptors);
        // A leak of two hundred bytes an event would be 20 MB between the two; the collector lets 6 MB pile up before it looks.
        sizes[^3..].Max().ShouldBeLessThan(sizes[..3].Max() + (10 << 20), string.Join(' ', sizes));
        sizes.Max().ShouldBeLessThan(150 << 20, string.Join(' ', sizes));
        scene.Gateways().ShouldBe([gateway]);
        run.Signal("TERM");
        (await run.EndAsync()).Error.ShouldNotContain("incomplete");
    }

    /// <summary>So many calls, some at once, each with an end of its own.</summary>
    private static Task RoundAsync(string door, int calls) =>
        Parallel.ForAsync(
            0,
            calls,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
            async (number, _) =>
            {
                using var client = await DoorClient.ConnectAsync(door);
                switch (number % 10)
                {
                    case 3:
                        await client.AskAsync();
                        await client.ReadAsync(500);
                        // Leaves in the middle.
                        return;
                    case 5:
                        await client.PostAsync("/api/pull", """{"model":"x"}""");
                        (await client.ReadAllAsync()).ShouldStartWith("HTTP/1.1 403");
                        goto default;
                    case 6:
                        await client.SendAsync("CONNECT evil.example.com:443 HTTP/1.1\r\nHost: evil.example.com:443\r\n\r\n");
                        (await client.ReadAllAsync()).ShouldStartWith("HTTP/1.1 403");
                        goto default;
                    default:
                        await WholeAsync(door);
                        return;
                }
            }
        );

    private static async Task WholeAsync(string door)
    {
        using var client = await DoorClient.ConnectAsync(door);
        await client.AskAsync();
        var answer = await client.ReadAllAsync();
        if (answer.Contains("response.completed", StringComparison.Ordinal))
        {
            answer.Split("output_text.delta\"").Length.ShouldBe(Events + 1);
            return;
        }
        if (answer.StartsWith("HTTP/1.1 400", StringComparison.Ordinal))
        {
            // A reset throws away what is still on its way: here all that the server had said.
            answer.ShouldContain("broke off before it answered");
            return;
        }
        // The server broke off: said once, in words, and the stream is ended in order.
        answer.Split("event: response.failed").Length.ShouldBe(2, answer);
        answer.ShouldContain("the connection broke in the middle of the answer");
        answer.ShouldEndWith("0\r\n\r\n");
    }

    private static async Task StreamAsync(HttpContext context, bool breaksOff)
    {
        var stream = new FakeStream(context, "gpt-oss:20b");
        context.Response.ContentType = "text/event-stream";
        await stream.CreatedAsync();
        for (var number = 0; number < Events; number++)
        {
            if (breaksOff && number == Events / 2)
            {
                context.Abort();
                return;
            }
            await stream.DeltaAsync(string.Create(CultureInfo.InvariantCulture, $"word {number} of the answer "));
        }
        await stream.CompletedAsync(4321, Events);
    }

    private static Task SettlesAsync(int process, int descriptors)
    {
        // Kept connections to the server go after 20 seconds, all others at once.
        var last = -1;
        return Scene.EventuallyAsync(
            async () =>
            {
                var before = last;
                last = Descriptors(process);
                await Task.Delay(200);
                return last == before && last <= descriptors;
            },
            $"at most {descriptors} descriptors are open",
            60
        );
    }

    private static int Descriptors(int process) => Directory.GetFiles($"/proc/{process}/fd").Length;
}
