namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>
/// Whether the gateway has answered through the door since the box was started. Asked before each command; once it has, nothing in
/// the box can bring the opposite about again.
/// </summary>
internal sealed class DoorPing
{
    /// <summary>How long a command waits for the first answer. The gateway is there before the box.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Answered() => _answered.TrySetResult();

    /// <summary>Blocks until it has, or <see cref="Patience"/> is over.</summary>
    public bool Answers() => _answered.Task.Wait(Patience);
}
