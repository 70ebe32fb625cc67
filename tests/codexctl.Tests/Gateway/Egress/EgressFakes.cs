using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Codexctl.Gateway.Egress;
using Codexctl.Gateway.Recording;
using Codexctl.Policy;

namespace Codexctl.Tests.Gateway.Egress;

/// <summary>Keeps what it is given.</summary>
internal sealed class ListSink : IExchangeSink
{
    public ConcurrentQueue<Exchange> Exchanges { get; } = new();

    public EgressCall Only => Exchanges.Cast<EgressCall>().ShouldHaveSingleItem();

    public void Add(Exchange exchange) => Exchanges.Enqueue(exchange);
}

/// <summary>A network in which every name has a public address, and every address is a listener on loopback.</summary>
internal sealed class FakeNetwork : IEgressNetwork
{
    public static readonly IPAddress Public = IPAddress.Parse("93.184.215.14");

    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; set; } = (_, _) => Task.FromResult(new[] { Public });

    public Func<IPEndPoint, CancellationToken, Task<Socket>>? Connect { get; set; }

    /// <summary>Where connections really go.</summary>
    public EndPoint? Behind { get; set; }

    public HashSet<IPAddress> Own { get; } = [];

    public ConcurrentQueue<string> Lookups { get; } = new();

    public ConcurrentQueue<IPEndPoint> Connections { get; } = new();

    public Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancel)
    {
        Lookups.Enqueue(host);
        return Resolve(host, cancel);
    }

    public bool IsThisMachine(IPAddress address) => Own.Contains(address);

    public async Task<Socket> ConnectAsync(IPEndPoint endPoint, CancellationToken cancel)
    {
        Connections.Enqueue(endPoint);
        if (Connect is not null)
        {
            return await Connect(endPoint, cancel);
        }
        return await new SystemNetwork().ConnectAsync(
            (IPEndPoint?)Behind ?? throw new SocketException((int)SocketError.ConnectionRefused),
            cancel
        );
    }
}

/// <summary>A listener on loopback whose connections a test serves by hand.</summary>
internal sealed class Server : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public Server()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
    }

    public EndPoint EndPoint => _listener.LocalEndPoint!;

    public Task<Socket> AcceptAsync() => _listener.AcceptAsync().WaitAsync(TimeSpan.FromSeconds(20));

    /// <summary>Takes one connection, reads until the head ended, answers, and closes. Returns what came until then.</summary>
    public async Task<string> AnswerAsync(string answer, int bodyBytes = 0)
    {
        using var socket = await AcceptAsync();
        var got = new StringBuilder();
        var buffer = new byte[4096];
        while (true)
        {
            var head = got.ToString().IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (head >= 0 && got.Length >= head + 4 + bodyBytes)
            {
                break;
            }
            var count = await socket.ReceiveAsync(buffer);
            if (count == 0)
            {
                break;
            }
            got.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        await socket.SendAsync(Encoding.Latin1.GetBytes(answer));
        socket.Shutdown(SocketShutdown.Send);
        try
        {
            // Until the other side has closed too, so that nothing is reset from here.
            while (await socket.ReceiveAsync(buffer) > 0) { }
        }
        catch (SocketException)
        {
            // Reset by the proxy, as it does with answers it gave up on.
        }
        return got.ToString();
    }

    public void Dispose() => _listener.Dispose();
}

/// <summary>One connection of a box to the proxy, in memory.</summary>
internal sealed class Box
{
    private readonly Pipe _up;
    private readonly Pipe _down;

    public Box(EgressProxy proxy, CancellationToken cancel = default, PipeOptions? options = null)
    {
        _up = new Pipe(options ?? PipeOptions.Default);
        _down = new Pipe(options ?? PipeOptions.Default);
        Done = Task.Run(() => proxy.HandleAsync(new Side(_up.Reader, _down.Writer), cancel));
    }

    /// <summary>Ends when the proxy is done with the connection.</summary>
    public Task Done { get; }

    public PipeWriter Output => _up.Writer;

    public PipeReader Input => _down.Reader;

    public async Task<Box> SendAsync(string text)
    {
        await Output.WriteAsync(Encoding.Latin1.GetBytes(text));
        return this;
    }

    /// <summary>Sends, says that nothing more will come, and reads to the end.</summary>
    public async Task<string> AskAsync(string text)
    {
        await SendAsync(text);
        var answer = await ReadToEndAsync();
        await Output.CompleteAsync();
        await Done.WaitAsync(TimeSpan.FromSeconds(20));
        return answer;
    }

    /// <summary>Everything until the proxy closes; ends the sending side once an answer with a known end is there.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var got = new StringBuilder();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            while (true)
            {
                var result = await Input.ReadAsync(limit.Token);
                foreach (var piece in result.Buffer)
                {
                    got.Append(Encoding.Latin1.GetString(piece.Span));
                }
                Input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted)
                {
                    break;
                }
                if (
                    got.ToString().StartsWith("HTTP/1.1 4", StringComparison.Ordinal)
                    || got.ToString().StartsWith("HTTP/1.1 5", StringComparison.Ordinal)
                )
                {
                    // As clients do that were told to close; the proxy would otherwise give them a second.
                    await Output.CompleteAsync();
                }
            }
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            got.Append("<broken>");
        }
        return got.ToString();
    }

    public async Task<string> ReadAsync(int bytes)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var result = await Input.ReadAtLeastAsync(bytes, limit.Token);
        var text = Encoding.Latin1.GetString(
            System.Buffers.BuffersExtensions.ToArray(result.Buffer.Slice(0, Math.Min(bytes, result.Buffer.Length)))
        );
        Input.AdvanceTo(result.Buffer.GetPosition(Math.Min(bytes, result.Buffer.Length)));
        return text;
    }

    private sealed record Side(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}

/// <summary>A proxy with its surroundings.</summary>
internal sealed class World : IDisposable
{
    public const string Established = "HTTP/1.1 200 Connection established\r\n\r\n";

    public World(
        string allow = "*.example.com,example.com",
        UpstreamProxy? upstream = null,
        EgressLimits? limits = null,
        TimeProvider? time = null
    )
    {
        Allow = AllowList.Parse([allow]);
        Network.Behind = Server.EndPoint;
        Proxy = new EgressProxy(() => Allow, Sink, time ?? TimeProvider.System, Network, upstream, limits);
    }

    public AllowList Allow { get; set; }

    public FakeNetwork Network { get; } = new();

    public Server Server { get; } = new();

    public ListSink Sink { get; } = new();

    public EgressProxy Proxy { get; }

    public Task<string> AskAsync(string request) => new Box(Proxy).AskAsync(request);

    public void Dispose() => Server.Dispose();
}
