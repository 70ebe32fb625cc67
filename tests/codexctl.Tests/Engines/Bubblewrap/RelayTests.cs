using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.Engines.Bubblewrap.InBox;
using Microsoft.Extensions.Time.Testing;

namespace Codexctl.Tests.Engines.Bubblewrap;

public sealed class RelayTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("codexctl-").FullName;

    private string DoorPath => Path.Combine(_folder, "door.sock");

    [Fact]
    public async Task Each_direction_ends_by_itself()
    {
        using var door = Listen();
        using var client = await ConnectAsync(Relay.Start(0, DoorPath)!.Value);
        using var outside = await door.AcceptAsync(TestContext.Current.CancellationToken);

        await client.SendAsync("question"u8.ToArray());
        client.Shutdown(SocketShutdown.Send);
        (await ReadToEndAsync(outside)).ShouldBe("question");
        await outside.SendAsync("answer"u8.ToArray());
        outside.Shutdown(SocketShutdown.Send);

        (await ReadToEndAsync(client)).ShouldBe("answer");
    }

    [Fact]
    public async Task A_client_sees_a_break_when_there_is_no_door()
    {
        var port = Relay.Start(0, DoorPath)!.Value;

        // The break may come before the client knows that it was connected.
        var error = await Should.ThrowAsync<SocketException>(async () =>
        {
            using var client = await ConnectAsync(port);
            await client.ReceiveAsync(new byte[1]);
        });
        error.SocketErrorCode.ShouldBe(SocketError.ConnectionReset);
    }

    [Fact]
    public void A_taken_port_is_an_error_unless_it_may_be_taken()
    {
        var port = Relay.Start(0, DoorPath)!.Value;

        Should.Throw<SocketException>(() => Relay.Start(port, DoorPath));
        Relay.Start(port, DoorPath, tolerant: true).ShouldBeNull();
    }

    [Fact]
    public void The_door_answers_from_the_first_answer_on()
    {
        var ping = new DoorPing { Patience = TimeSpan.FromMilliseconds(10) };
        ping.Answers().ShouldBeFalse();
        ping.Answered();
        ping.Answers().ShouldBeTrue();
        ping.Answered();
        ping.Answers().ShouldBeTrue();
    }

    [Fact]
    public async Task The_box_ends_a_minute_after_the_gateway_has_gone()
    {
        var time = new FakeTimeProvider();
        using var taken = new SemaphoreSlim(0);
        using var door = Listen();
        var lost = new AliveWatch(DoorPath, time) { Taken = () => taken.Release() }.UntilLostAsync();
        var first = await AnswerAsync(door, taken);
        time.Advance(TimeSpan.FromHours(1));
        lost.IsCompleted.ShouldBeFalse();

        // Another gateway takes over: the box stays.
        first.Dispose();
        var next = AnswerAsync(door, taken);
        while (!next.IsCompleted && !lost.IsCompleted)
        {
            time.Advance(AliveWatch.Pause);
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        lost.IsCompleted.ShouldBeFalse();

        door.Dispose();
        (await next).Dispose();
        while (!lost.IsCompleted)
        {
            time.Advance(AliveWatch.Pause);
            await Task.Delay(1, TestContext.Current.CancellationToken);
        }
        await lost;
    }

    private static async Task<Socket> AnswerAsync(Socket door, SemaphoreSlim taken)
    {
        var held = await door.AcceptAsync();
        var request = new byte[AliveWatch.Request.Length];
        await held.ReceiveAsync(request);
        Encoding.ASCII.GetString(request).ShouldBe(AliveWatch.Request);
        await held.SendAsync("HTTP/1.1 200 OK\r\n\r\n"u8.ToArray());
        await taken.WaitAsync();
        return held;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Socket Listen()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(DoorPath));
        socket.Listen();
        return socket;
    }

    private static async Task<Socket> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return socket;
    }

    private static async Task<string> ReadToEndAsync(Socket socket)
    {
        var text = new StringBuilder();
        var buffer = new byte[100];
        while (await socket.ReceiveAsync(buffer) is > 0 and var count)
        {
            text.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        return text.ToString();
    }
}
