using Codexctl.Processes;

namespace Codexctl.Tests.Fakes;

/// <summary>Answers the command lines that were registered; an unknown call fails, and so does an answer that nobody asked for.</summary>
public sealed class FakeProcesses : IProcesses, IDisposable
{
    private readonly Queue<(string Prefix, ProcessResult Result)> _expected = new();

    public List<CommandLine> Calls { get; } = [];

    public FakeProcesses Expect(string prefix, string output = "", string error = "", int code = 0)
    {
        _expected.Enqueue((prefix, new ProcessResult(code, output, error)));
        return this;
    }

    /// <summary>Programs that are not installed.</summary>
    public HashSet<string> Missing { get; } = new(StringComparer.Ordinal);

    public string? Find(string program) => Missing.Contains(program) ? null : "/usr/bin/" + program;

    public Task<ProcessResult> CaptureAsync(
        CommandLine command,
        TimeSpan limit,
        string? input = null,
        CancellationToken cancel = default
    ) => Task.FromResult(Next(command));

    public Task<int> StreamAsync(CommandLine command, Action<string> onLine, CancellationToken cancel = default)
    {
        var result = Next(command);
        foreach (var line in (result.Output + result.Error).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            onLine(line);
        }
        return Task.FromResult(result.ExitCode);
    }

    public Task<int> AttachAsync(CommandLine command) => Task.FromResult(Next(command).ExitCode);

    public Task<(int ProcessId, string Ready)> DetachAsync(
        CommandLine command,
        string log,
        TimeSpan limit,
        CancellationToken cancel = default
    ) => Task.FromResult((1, Next(command).Output));

    public void Dispose() => _expected.ShouldBeEmpty("these calls were expected and never came");

    private ProcessResult Next(CommandLine command)
    {
        Calls.Add(command);
        _expected.Count.ShouldBeGreaterThan(0, $"unexpected call: {command.Display}");
        var (prefix, result) = _expected.Dequeue();
        command.Display.ShouldStartWith(prefix);
        return result;
    }
}
