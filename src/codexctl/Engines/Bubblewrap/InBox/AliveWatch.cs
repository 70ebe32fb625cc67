using System.Net.Sockets;
using System.Text;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>
/// Holds one long request at the gateway. While it lasts somebody cares for this box; when none can be made for a minute, the
/// box has been forgotten and ends by itself.
/// </summary>
internal sealed class AliveWatch(string door, TimeProvider time)
{
    public const string Request = "GET /codexctl/alive HTTP/1.1\r\nHost: codexctl\r\n\r\n";

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>Called each time the gateway takes a request.</summary>
    public Action Taken { get; init; } = () => { };

    /// <summary>Returns when the gateway has been away for <see cref="Patience"/>.</summary>
    public async Task UntilLostAsync()
    {
        var last = time.GetTimestamp();
        while (true)
        {
            if (await HoldAsync())
            {
                last = time.GetTimestamp();
            }
            if (time.GetElapsedTime(last) >= Patience)
            {
                return;
            }
            await Task.Delay(Pause, time);
        }
    }

    /// <summary>One request from its start to its end; false when the gateway did not take it.</summary>
    private async Task<bool> HoldAsync()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var accepted = false;
        try
        {
            using var limit = new CancellationTokenSource(Patience, time);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(door), limit.Token);
            await socket.SendAsync(Encoding.ASCII.GetBytes(Request), limit.Token);
            var buffer = new byte[1024];
            var head = new StringBuilder();
            int count;
            while ((count = await socket.ReceiveAsync(buffer, accepted ? CancellationToken.None : limit.Token)) > 0)
            {
                if (!accepted)
                {
                    head.Append(Encoding.ASCII.GetString(buffer, 0, count));
                    accepted = head.ToString().StartsWith("HTTP/1.1 200", StringComparison.Ordinal);
                    if (accepted)
                    {
                        Taken();
                    }
                }
            }
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            // Away; the next try tells whether it stays so.
        }
        return accepted;
    }
}
