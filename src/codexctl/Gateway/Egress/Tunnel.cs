using System.IO.Pipelines;
using System.Net.Sockets;

namespace Codexctl.Gateway.Egress;

/// <summary>Bytes that went through one connection.</summary>
internal sealed class Traffic
{
    private long _up;
    private long _down;

    public long Up => Volatile.Read(ref _up);

    public long Down => Volatile.Read(ref _down);

    public void AddUp(long bytes) => Interlocked.Add(ref _up, bytes);

    public void AddDown(long bytes) => Interlocked.Add(ref _down, bytes);
}

/// <summary>
/// Carries bytes both ways, untouched, without keeping any: a slow reader on one side stops the reading on the other. The end of
/// one direction is passed on by itself (half-close) and the other goes on.
/// </summary>
internal static class Tunnel
{
    private const int Piece = 16 * 1024;

    /// <summary>Ends when both directions have ended; throws when one broke (the other is stopped then).</summary>
    public static async Task SpliceAsync(
        IDuplexPipe client,
        Socket server,
        Traffic traffic,
        IdleWatch idle,
        EgressLimits limits,
        CancellationTokenSource stop
    )
    {
        async Task Guarded(Task direction)
        {
            try
            {
                await direction;
                idle.ChangeLimit(limits.HalfClosedIdle);
            }
            catch
            {
                await stop.CancelAsync();
                throw;
            }
        }

        await Task.WhenAll(
            Guarded(UpAsync(client.Input, server, traffic, idle, stop.Token)),
            Guarded(DownAsync(server, client.Output, traffic, idle, stop.Token))
        );
    }

    private static async Task UpAsync(PipeReader from, Socket to, Traffic traffic, IdleWatch idle, CancellationToken cancel)
    {
        while (true)
        {
            var result = await from.ReadAsync(cancel);
            foreach (var piece in result.Buffer)
            {
                for (var rest = piece; rest.Length > 0; )
                {
                    var sent = await to.SendAsync(rest, cancel);
                    rest = rest[sent..];
                    traffic.AddUp(sent);
                    idle.Touch();
                }
            }
            from.AdvanceTo(result.Buffer.End);
            if (result.IsCompleted)
            {
                to.Shutdown(SocketShutdown.Send);
                return;
            }
        }
    }

    private static async Task DownAsync(Socket from, PipeWriter to, Traffic traffic, IdleWatch idle, CancellationToken cancel)
    {
        while (true)
        {
            var received = await from.ReceiveAsync(to.GetMemory(Piece), cancel);
            if (received == 0)
            {
                // A socket transport closes both ways here: what the box may still want to say to a server that has finished is lost,
                // as it is with any relay that has a close timeout.
                await to.CompleteAsync();
                return;
            }
            to.Advance(received);
            traffic.AddDown(received);
            idle.Touch();
            if ((await to.FlushAsync(cancel)).IsCompleted)
            {
                throw new PrematureEndException("the box closed the connection");
            }
        }
    }
}
