using System.Net.Sockets;
using System.Text.Json;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway;

/// <summary>One front end, as the gateway sees it: a connection that says lines and gets lines.</summary>
internal sealed class ControlConnection(Socket socket) : IDisposable
{
    /// <summary>More than any request needs; a longer line is a mistake. Bytes.</summary>
    private const int LongestLine = 64 << 10;

    /// <summary>A front end that does not read (stopped by Ctrl-Z, for one) must not hold up the others.</summary>
    private static readonly TimeSpan _writeLimit = TimeSpan.FromSeconds(5);

    private readonly NetworkStream _stream = new(socket, ownsSocket: true);
    private readonly SemaphoreSlim _writing = new(1);

    public string? Session { get; set; }

    public TallySnapshot? AtJoin { get; set; }

    public DateTimeOffset Joined { get; set; }

    /// <summary>Why its receipt cannot be whole, whatever happens from now on.</summary>
    public string? Incomplete { get; set; }

    public bool Finished { get; set; }

    /// <summary>What it was told when it finished.</summary>
    public Receipt? Receipt { get; set; }

    /// <summary>Its receipt is being written down, or was; null before.</summary>
    public Task? Settled { get; set; }

    /// <summary>The requests until the front end leaves, or says something that is none.</summary>
    public async IAsyncEnumerable<ControlRequest> ReadAsync()
    {
        var buffer = new byte[LongestLine];
        var filled = 0;
        while (true)
        {
            int end;
            while ((end = buffer.AsSpan(0, filled).IndexOf((byte)'\n')) < 0)
            {
                var count = filled < buffer.Length ? await ReceiveAsync(buffer.AsMemory(filled)) : 0;
                if (count == 0)
                {
                    yield break;
                }
                filled += count;
            }
            if (Parse(buffer.AsSpan(0, end)) is not { } request)
            {
                yield break;
            }
            buffer.AsSpan((end + 1)..filled).CopyTo(buffer);
            filled -= end + 1;
            yield return request;
        }
    }

    /// <summary>A front end that has gone misses the answer; its end is noticed by the reader.</summary>
    public async Task SendAsync(ControlReply reply)
    {
        try
        {
            using var limit = new CancellationTokenSource(_writeLimit);
            await _writing.WaitAsync(limit.Token);
            try
            {
                var line = JsonSerializer.SerializeToUtf8Bytes(reply, GatewayJson.Default.ControlReply);
                await _stream.WriteAsync((byte[])[.. line, (byte)'\n'], limit.Token);
            }
            finally
            {
                _writing.Release();
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or OperationCanceledException)
        {
            return;
        }
    }

    public void Dispose()
    {
        // Not the semaphore: somebody may be about to write, and it holds nothing that must be given back.
        _stream.Dispose();
    }

    private async Task<int> ReceiveAsync(Memory<byte> buffer)
    {
        try
        {
            return await _stream.ReadAsync(buffer);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            return 0;
        }
    }

    private static ControlRequest? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, GatewayJson.Default.ControlRequest);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
