using System.Net.Sockets;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>Takes front ends' connections; each is one command, and lives as long as its connection.</summary>
/// <param name="doorAnswers">Whether the door answers; waits for it.</param>
internal sealed class ExecServer(Socket listener, Func<bool> doorAnswers) : IDisposable
{
    public async Task RunAsync()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await listener.AcceptAsync();
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(10));
                continue;
            }
            // Threads, not tasks: a command that produces nothing or is not read must not hold up the relay's pool.
            new Thread(() => Serve(client), maxStackSize: 512 * 1024) { IsBackground = true, Name = "exec" }.Start();
        }
    }

    public void Dispose() => listener.Dispose();

    private void Serve(Socket client)
    {
        // Sockets that were used asynchronously are non-blocking below; a fresh one is not.
        using var frames = new FrameSocket(client);
        try
        {
            if (
                frames.Send(FrameType.Hello, ExecRequest.Hello)
                && frames.TryReceive(out var type, out var content)
                && type == FrameType.Request
            )
            {
                ExecSession.Run(ExecRequest.Decode(content), frames, doorAnswers);
            }
        }
        catch (InvalidDataException error)
        {
            Log(error.Message);
        }
    }

    // Standard error is the box's log on the host.
    private static void Log(string message) => _ = Processes.Libc.WriteAll(2, System.Text.Encoding.UTF8.GetBytes($"exec: {message}\n"));
}
