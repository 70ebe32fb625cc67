using System.Buffers;
using System.IO.Pipelines;

namespace Codexctl.Gateway.Egress;

/// <summary>
/// The change from plain http to WebSocket. Request and consent are read as strictly as all else; only after the host's 101, which must name
/// WebSocket, the connection is a tunnel. A host that answers anything else has answered an ordinary request, and nothing that the
/// box has sent meanwhile reaches it.
/// </summary>
internal static class Switch
{
    public static IReadOnlyList<KeyValuePair<string, string>> Headers { get; } =
    [new("Connection", "Upgrade"), new("Upgrade", "websocket")];

    /// <summary>
    /// The protocols that a message names. An offer of h2c is no demand: Java's client makes it with every request, and goes on with HTTP/1.1
    /// when nobody takes it up.
    /// </summary>
    public static IReadOnlyList<string> Asked(MessageHead head) =>
        [.. head.Elements("Upgrade").Where(protocol => !string.Equals(protocol, "h2c", StringComparison.OrdinalIgnoreCase))];

    public static bool IsWebSocket(string protocol) => string.Equals(protocol, "websocket", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether `Connection` says that `Upgrade` is meant.</summary>
    public static bool IsNamed(MessageHead head) => head.Elements("Connection").Contains("Upgrade", StringComparer.OrdinalIgnoreCase);

    /// <summary>Passes the host's 101 on, with what came right behind it.</summary>
    public static async Task AnswerAsync(
        MessageHead head,
        string host,
        IDuplexPipe client,
        PipeReader fromServer,
        Traffic traffic,
        Action<bool> answering,
        CancellationToken cancel
    )
    {
        if (Asked(head) is not [var protocol] || !IsWebSocket(protocol) || !IsNamed(head))
        {
            throw new EgressFailure(502, refused: false, $"{host} changed to another protocol than WebSocket");
        }
        List<KeyValuePair<string, string>> headers;
        try
        {
            headers = [.. head.EndToEnd("Content-Length"), .. Headers];
        }
        catch (MalformedMessageException error)
        {
            throw new EgressFailure(502, refused: false, $"the host's answer is not proper HTTP ({error.Message})");
        }
        answering(false);
        client.Output.Write(MessageHead.Write($"HTTP/1.1 101 {head.Third}", headers));
        if (fromServer.TryRead(out var early))
        {
            traffic.AddDown(early.Buffer.Length);
            foreach (var piece in early.Buffer)
            {
                client.Output.Write(piece.Span);
            }
            fromServer.AdvanceTo(early.Buffer.End);
        }
        await BodyCopier.FlushAsync(client.Output, cancel);
    }
}
