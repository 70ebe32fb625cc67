using System.Text;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>A command on the person's own streams.</summary>
internal sealed class PersonStreams(bool readsInput) : IExecStreams, IDisposable
{
    private readonly StandardStreams _streams = new(readsInput);

    public int ReadInput(Span<byte> buffer) => _streams.Read(buffer);

    public void StopInput() => _streams.Stop();

    public bool Write(bool error, ReadOnlySpan<byte> bytes) => StandardStreams.Write(error, bytes);

    public void Dispose() => _streams.Dispose();
}

/// <summary>A command whose words are collected. 64 MB of each output are kept, the rest is dropped.</summary>
internal sealed class CollectedStreams(string? input) : IExecStreams
{
    private const int Largest = 64 * 1024 * 1024;

    public MemoryStream Output { get; } = new();

    public MemoryStream Error { get; } = new();

    private ReadOnlyMemory<byte> _input = Encoding.UTF8.GetBytes(input ?? "");

    public int ReadInput(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _input.Length);
        _input.Span[..count].CopyTo(buffer);
        _input = _input[count..];
        return count;
    }

    public void StopInput() { }

    public bool Write(bool error, ReadOnlySpan<byte> bytes)
    {
        var target = error ? Error : Output;
        target.Write(bytes[..(int)Math.Min(bytes.Length, Largest - target.Length)]);
        return true;
    }
}
