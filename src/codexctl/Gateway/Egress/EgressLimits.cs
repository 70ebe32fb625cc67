namespace Codexctl.Gateway.Egress;

/// <summary>What one box may take, and how long each step may last.</summary>
public sealed record EgressLimits
{
    /// <summary>Open connections at one time.</summary>
    public int Connections { get; init; } = 256;

    /// <summary>For a request's head to arrive.</summary>
    public TimeSpan Head { get; init; } = TimeSpan.FromMinutes(1);

    public TimeSpan Resolve { get; init; } = TimeSpan.FromSeconds(15);

    public TimeSpan Connect { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For the head of a plain http response.</summary>
    public TimeSpan Response { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Without a byte in either direction.</summary>
    public TimeSpan Idle { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The same, once one side has said that it sends no more.</summary>
    public TimeSpan HalfClosedIdle { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long an answer waits for the peer to take it before the connection is torn down.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>After this the next address of a host is tried as well (RFC 8305).</summary>
    public TimeSpan NextAddress { get; init; } = TimeSpan.FromMilliseconds(250);
}
