using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Codexctl.Policy;

namespace Codexctl.Gateway.Egress;

/// <summary>A connection to where the box wanted to go.</summary>
/// <param name="Early">Bytes that came with the upstream proxy's answer; they are the host's first.</param>
internal sealed record Dialed(Socket Socket, byte[] Early, bool ThroughProxy);

/// <summary>
/// Connects to an allowed host: looks its name up once, checks every address, and connects to one of those checked. There is no
/// second look-up between the check and the connection, so a name that changes its addresses (DNS rebinding) gains nothing.
/// </summary>
internal sealed class Dialer(IEgressNetwork network, UpstreamProxy? proxy, EgressLimits limits, TimeProvider time)
{
    /// <param name="tunnel">Whether an upstream proxy is to be asked for a tunnel.</param>
    public async Task<Dialed> DialAsync(string host, int port, bool tunnel, CancellationToken cancel)
    {
        if (proxy is null || proxy.Spares(host, port))
        {
            var addresses = await ResolveAsync(host, cancel);
            Check(host, addresses);
            return new Dialed(await ConnectAsync(host, addresses, port, cancel), [], ThroughProxy: false);
        }
        // Person and host chose the upstream proxy, mostly on a private address: no rule applies to it.
        var socket = await ConnectAsync(proxy.Host, await ResolveAsync(proxy.Host, cancel), proxy.Port, cancel);
        try
        {
            return new Dialed(socket, tunnel ? await AskForTunnelAsync(socket, proxy, host, port, cancel) : [], ThroughProxy: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancel)
    {
        if (IPAddress.TryParse(host, out var literal))
        {
            // Only an upstream proxy gets here: a box's addresses were refused by name.
            return [literal];
        }
        using var limit = new TimeLimit(limits.Resolve, time, cancel);
        try
        {
            var addresses = await network.ResolveAsync(host, limit.Token);
            return addresses.Length > 0 ? addresses : throw new EgressFailure(502, refused: false, $"{host} has no address");
        }
        catch (SocketException error)
        {
            throw new EgressFailure(
                502,
                refused: false,
                $"{host} cannot be looked up ({error.SocketErrorCode})",
                "Check the name, and that this computer is online."
            );
        }
        catch (OperationCanceledException) when (limit.Expired)
        {
            throw new EgressFailure(504, refused: false, $"looking up {host} took longer than {limits.Resolve.TotalSeconds:0} s");
        }
    }

    // One bad address refuses the name: a mixture of public and private ones is what a rebinding attack looks like.
    private void Check(string host, IPAddress[] addresses)
    {
        foreach (var address in addresses)
        {
            var what = AddressRules.Refuse(address) ?? (network.IsThisMachine(address) ? "this machine's own" : null);
            if (what is not null)
            {
                throw new EgressFailure(
                    403,
                    refused: true,
                    $"{host} leads to {address}, and that address is {what}",
                    "A box reaches public addresses only.",
                    "not a public address"
                );
            }
        }
    }

    /// <summary>The first address that answers; the next one starts when the one before has failed or is slow.</summary>
    private async Task<Socket> ConnectAsync(string host, IPAddress[] addresses, int port, CancellationToken cancel)
    {
        using var limit = new TimeLimit(limits.Connect, time, cancel);
        var attempts = new List<Task<Socket>>();
        var next = 0;
        SocketException? last = null;
        try
        {
            while (next < addresses.Length || attempts.Count > 0)
            {
                limit.Token.ThrowIfCancellationRequested();
                if (next < addresses.Length)
                {
                    attempts.Add(network.ConnectAsync(new IPEndPoint(addresses[next++], port), limit.Token));
                }
                List<Task> waits = [.. attempts];
                if (next < addresses.Length)
                {
                    waits.Add(Task.Delay(limits.NextAddress, time, limit.Token));
                }
                if (await Task.WhenAny(waits) is not Task<Socket> ended)
                {
                    continue;
                }
                attempts.Remove(ended);
                try
                {
                    return await ended;
                }
                catch (SocketException error)
                {
                    last = error;
                }
            }
        }
        catch (OperationCanceledException) when (limit.Expired)
        {
            throw new EgressFailure(
                504,
                refused: false,
                $"{host} did not take a connection on port {port} within {limits.Connect.TotalSeconds:0} s"
            );
        }
        finally
        {
            limit.Cancel();
            foreach (var loser in attempts)
            {
                _ = loser.ContinueWith(
                    task =>
                    {
                        if (task.IsCompletedSuccessfully)
                        {
                            task.Result.Dispose();
                        }
                        else
                        {
                            // Read, so that a lost race is not reported as an unobserved error.
                            _ = task.Exception;
                        }
                    },
                    CancellationToken.None,
                    TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default
                );
            }
        }
        throw new EgressFailure(502, refused: false, $"{host} cannot be reached on port {port} ({last?.SocketErrorCode})");
    }

    private async Task<byte[]> AskForTunnelAsync(Socket socket, UpstreamProxy through, string host, int port, CancellationToken cancel)
    {
        using var limit = new TimeLimit(limits.Connect, time, cancel);
        try
        {
            var headers = new List<KeyValuePair<string, string>> { new("Host", $"{host}:{port}") };
            if (through.Authorization is { } authorization)
            {
                headers.Add(new("Proxy-Authorization", authorization));
            }
            await using var stream = new NetworkStream(socket, ownsSocket: false);
            await stream.WriteAsync(MessageHead.Write($"CONNECT {host}:{port} HTTP/1.1", headers), limit.Token);
            var input = PipeReader.Create(stream);
            var head =
                await HeadParser.ReadAsync(input, response: true, limit.Token)
                ?? throw new EgressFailure(502, refused: false, $"the proxy {through} closed the connection");
            var status = int.Parse(head.Second, CultureInfo.InvariantCulture);
            if (status is < 200 or > 299)
            {
                throw new EgressFailure(502, refused: false, $"the proxy {through} answered {status} for {host}:{port}");
            }
            if (!input.TryRead(out var rest))
            {
                return [];
            }
            var early = new byte[rest.Buffer.Length];
            var at = 0;
            foreach (var piece in rest.Buffer)
            {
                piece.CopyTo(early.AsMemory(at));
                at += piece.Length;
            }
            input.AdvanceTo(rest.Buffer.End);
            return early;
        }
        catch (OperationCanceledException) when (limit.Expired)
        {
            throw new EgressFailure(504, refused: false, $"the proxy {through} did not answer in {limits.Connect.TotalSeconds:0} s");
        }
        catch (MalformedMessageException error)
        {
            throw new EgressFailure(502, refused: false, $"the proxy {through} answered something else than HTTP ({error.Message})");
        }
        catch (IOException error)
        {
            throw new EgressFailure(502, refused: false, $"the proxy {through} cannot be talked to ({error.Message})");
        }
    }
}

/// <summary>A cancellation that comes from outside or from a clock, and knows which.</summary>
internal sealed class TimeLimit : IDisposable
{
    private readonly CancellationTokenSource _clock;
    private readonly CancellationTokenSource _both;

    public TimeLimit(TimeSpan limit, TimeProvider time, CancellationToken outside)
    {
        Limit = limit;
        _clock = new CancellationTokenSource(limit, time);
        _both = CancellationTokenSource.CreateLinkedTokenSource(_clock.Token, outside);
    }

    public CancellationToken Token => _both.Token;

    public TimeSpan Limit { get; }

    public bool Expired => _clock.IsCancellationRequested;

    public void Cancel() => _both.Cancel();

    public void Dispose()
    {
        _both.Dispose();
        _clock.Dispose();
    }
}
