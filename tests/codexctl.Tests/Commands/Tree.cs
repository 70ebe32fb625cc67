using System.CommandLine;
using Codexctl.Commands;
using Codexctl.Settings;
using Codexctl.Tests.Fakes;

namespace Codexctl.Tests.Commands;

/// <summary>The real command tree on a home of its own; nothing it says reaches a terminal.</summary>
public sealed class Tree : IDisposable
{
    public Tree(params (string Name, string Value)[] variables)
    {
        Home = Directory.CreateTempSubdirectory("codexctl-test-").FullName;
        var environment = variables.ToDictionary(variable => variable.Name, variable => variable.Value, StringComparer.Ordinal);
        environment["HOME"] = Home;
        Environment = new HostEnvironment(environment);
        Processes = new FakeProcesses();
        App = New([]);
    }

    public string Home { get; }

    public HostEnvironment Environment { get; }

    public FakeProcesses Processes { get; }

    public App App { get; }

    public RootCommand Root => Codexctl.Commands.Root.Create(App);

    /// <summary>As the program itself reads a command line, without its own name.</summary>
    public ParseResult Parse(params string[] words)
    {
        var line = Passthrough.Split(words);
        return Codexctl.Commands.Root.Create(New(words), line.Parsed).Parse([.. line.Parsed]);
    }

    /// <summary>What a shell gets that asks what can follow a line.</summary>
    public string[] Suggest(string line)
    {
        var output = new StringWriter();
        Parse($"[suggest:{line.Length}]", line).Invoke(new InvocationConfiguration { Output = output }).ShouldBe(0);
        return output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }

    public void Dispose()
    {
        Processes.Dispose();
        Directory.Delete(Home, recursive: true);
    }

    private App New(string[] words) =>
        new(
            Environment,
            new Codexctl.Terminal.Terminal(TextWriter.Null, TextWriter.Null, isInteractive: false, talksToPerson: false),
            Processes,
            new PatientClock(),
            Passthrough.Split(words)
        );

    /// <summary>On a busy machine the first answer takes longer than a person at the tab key would wait.</summary>
    private sealed class PatientClock : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime * 100 : dueTime, period);
    }
}
