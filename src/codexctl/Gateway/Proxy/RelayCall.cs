using Codexctl.Gateway.Egress;
using Codexctl.Gateway.Recording;

namespace Codexctl.Gateway.Proxy;

/// <summary>What is learned about one request of the relay while it runs.</summary>
internal sealed class RelayCall(TimeProvider time, MessageHead head)
{
    private const int LongestPath = 200;

    private readonly DateTimeOffset _at = time.GetUtcNow();
    private readonly long _start = time.GetTimestamp();
    private TimeSpan? _firstByte;
    private int _status;
    private string? _error;

    public string Kind { get; set; } = "pass";

    public void Answered(int status)
    {
        _status = status;
        _firstByte = time.GetElapsedTime(_start);
    }

    public void Fail(int status, string why) => (_status, _error) = (status, why);

    public void Broke(Exception error, bool ended)
    {
        if (error is RelayFailure failure)
        {
            Fail(failure.Status, failure.Message);
            return;
        }
        _error ??=
            ended ? "codexctl proxy ended"
            : error is OperationCanceledException ? "the client left"
            : error.Message;
    }

    public ModelCall Finish()
    {
        var path = head.Second.Split('?')[0];
        return new ModelCall(
            _at,
            head.First,
            path.Length > LongestPath ? path[..LongestPath] + "…" : path,
            Kind,
            null,
            _status,
            null,
            null,
            _firstByte,
            time.GetElapsedTime(_start),
            _error
        );
    }
}
