namespace Codexctl.Gateway.Egress;

/// <summary>Why a request gets an answer of ours in place of the host's.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Refused">Whether a rule refused it (and not the network).</param>
/// <param name="Reason">In words, without a full stop; recorded.</param>
/// <param name="Mend">The sentence that says what to do; null when nothing helps.</param>
/// <param name="Hint">The same in few words for the status line, which is all that many clients show.</param>
internal sealed class EgressFailure(int status, bool refused, string reason, string? mend = null, string? hint = null) : Exception(reason)
{
    public int Status => status;

    public bool Refused => refused;

    public string? Mend => mend;

    public string? Hint => hint;
}

/// <summary>A peer went away in the middle of what it was sending.</summary>
internal sealed class PrematureEndException(string message, Exception? inner = null) : IOException(message, inner);
