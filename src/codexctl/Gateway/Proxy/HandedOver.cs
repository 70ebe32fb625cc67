using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;

namespace Codexctl.Gateway.Proxy;

/// <summary>An "address" of the HTTP server that gets its connections from us and not from the network.</summary>
internal sealed class HandedOver : EndPoint, IDisposable
{
    // Whoever comes when the server is ending finds the channel closed.
    private readonly Channel<ConnectionContext> _waiting = Channel.CreateUnbounded<ConnectionContext>();
    private readonly SocketConnectionContextFactory _contexts = new(
        new SocketConnectionFactoryOptions { UnsafePreferInlineScheduling = true },
        NullLogger.Instance
    );

    /// <summary>Takes the socket over; closes it when nobody serves any more.</summary>
    public void Give(Socket socket)
    {
        if (!_waiting.Writer.TryWrite(_contexts.Create(socket)))
        {
            socket.Dispose();
        }
    }

    public void Dispose() => _contexts.Dispose();

    /// <summary>Lets the server listen on such addresses.</summary>
    public sealed class Listening : IConnectionListenerFactory, IConnectionListenerFactorySelector
    {
        public bool CanBind(EndPoint endpoint) => endpoint is HandedOver;

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
            new(new Listener((HandedOver)endpoint));
    }

    private sealed class Listener(HandedOver from) : IConnectionListener
    {
        public EndPoint EndPoint => from;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            try
            {
                return await from._waiting.Reader.ReadAsync(cancellationToken);
            }
            catch (Exception error) when (error is ChannelClosedException or OperationCanceledException)
            {
                return null;
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            from._waiting.Writer.TryComplete();
            return default;
        }

        public ValueTask DisposeAsync()
        {
            from._waiting.Writer.TryComplete();
            return default;
        }
    }
}
