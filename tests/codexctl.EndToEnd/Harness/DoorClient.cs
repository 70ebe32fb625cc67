using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Codexctl.EndToEnd.Harness;

/// <summary>A client at the door as the relay in a box is one: bytes on the gateway's Unix socket, and every liberty with them.</summary>
internal sealed class DoorClient : IDisposable
{
    private const string Turn =
        """{"model":"gpt-oss:20b","stream":true,"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"Go on."}]}]}""";

    private readonly NetworkStream _stream;
    private readonly Socket _socket;

    private DoorClient(Socket socket) => (_socket, _stream) = (socket, new NetworkStream(socket, ownsSocket: true));

    public static async Task<DoorClient> ConnectAsync(string door)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(door));
        return new DoorClient(socket);
    }

    public Task SendAsync(string bytes) => _stream.WriteAsync(Encoding.ASCII.GetBytes(bytes)).AsTask();

    public Task PostAsync(string path, string body) =>
        SendAsync(
            string.Create(
                CultureInfo.InvariantCulture,
                $"POST {path} HTTP/1.1\r\nHost: door\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}"
            )
        );

    public Task AskAsync() => PostAsync("/v1/responses", Turn);

    public void EndSending() => _socket.Shutdown(SocketShutdown.Send);

    /// <summary>At most so many bytes; null for the end, in whatever way the connection ended.</summary>
    public async Task<string?> ReadAsync(int most = 1 << 16)
    {
        var buffer = new byte[most];
        try
        {
            return await _stream.ReadAsync(buffer) is var count and > 0 ? Encoding.Latin1.GetString(buffer, 0, count) : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    public async Task<string> ReadAllAsync()
    {
        var all = new StringBuilder();
        while (await ReadAsync() is { } more)
        {
            all.Append(more);
        }
        return all.ToString();
    }

    /// <summary>How many bytes come until the end.</summary>
    public async Task<long> CountAsync()
    {
        var buffer = new byte[1 << 18];
        long sum = 0;
        while (await _stream.ReadAsync(buffer) is var count and > 0)
        {
            sum += count;
        }
        return sum;
    }

    public void Dispose() => _stream.Dispose();
}
