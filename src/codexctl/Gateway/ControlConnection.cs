using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Codexctl.Gateway;

/// <summary>One front end, as the gateway sees it: a connection that says lines and gets lines.</summary>
internal sealed class ControlConnection(Socket socket) : IDisposable
{
    /// <summary>More than any request needs; a longer line is a mistake.</summary>
    private const int LongestLine = 64 << 10;

    private readonly NetworkStream _stream = new(socket, ownsSocket: true);
    private readonly SemaphoreSlim _writing = new(1);

    public string? Session { get; set; }

    public Recording.TallySnapshot? AtJoin { get; set; }

    public DateTimeOffset Joined { get; set; }

    public bool Finished { get; set; }

    public async IAsyncEnumerable<ControlRequest> ReadAsync()
    {
        using var reader = new StreamReader(_stream, Encoding.UTF8, false, 4096, leaveOpen: true);
        while (true)
        {
            string? line;
            try
            {
                line = await reader.ReadLineAsync();
            }
            catch (IOException)
            {
                line = null;
            }
            if (line is null || line.Length > LongestLine)
            {
                yield break;
            }
            if (JsonSerializer.Deserialize(line, GatewayJson.Default.ControlRequest) is { } request)
            {
                yield return request;
            }
        }
    }

    /// <summary>A front end that has gone misses the answer; its end is noticed by the reader.</summary>
    public async Task SendAsync(ControlReply reply)
    {
        await _writing.WaitAsync();
        try
        {
            var line = JsonSerializer.SerializeToUtf8Bytes(reply, GatewayJson.Default.ControlReply);
            await _stream.WriteAsync((byte[])[.. line, (byte)'\n']);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            return;
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _writing.Dispose();
    }
}
