namespace Codexctl.Images;

/// <summary>How a download tells what it does; drawing is the terminal's job. Called from any thread, often; must not wait.</summary>
public interface IDownloadProgress
{
    /// <param name="done">Bytes that are here, those of an earlier attempt included.</param>
    /// <param name="total">Bytes of the whole; null where the server does not say.</param>
    void Report(long done, long? total);

    /// <summary>One line for the person: what is waited for, what is tried again, what was set aside.</summary>
    void Note(string line);
}
