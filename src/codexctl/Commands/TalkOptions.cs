using System.CommandLine;
using System.Globalization;
using Codexctl.Processes;

namespace Codexctl.Commands;

/// <summary>`--quiet`, `--verbose` and `--timing`: how much codexctl says of itself, on standard error, with every command.</summary>
public sealed class TalkOptions
{
    private readonly List<ProgramRun> _runs = [];
    private readonly Terminal.Terminal _terminal;
    private readonly TimeProvider _clock;
    private readonly long _started;
    private readonly bool _verbose;
    private readonly bool _timing;

    /// <param name="words">The command line without what belongs to the box.</param>
    public TalkOptions(IReadOnlyList<string> words, Terminal.Terminal terminal, TimeProvider clock)
    {
        (_terminal, _clock, _started) = (terminal, clock, clock.GetTimestamp());
        _verbose = words.Contains("--verbose", StringComparer.Ordinal);
        _timing = words.Contains("--timing", StringComparer.Ordinal);
        terminal.Quiet = words.Contains("--quiet", StringComparer.Ordinal) && !_verbose;
    }

    public static void AddTo(RootCommand root)
    {
        // Read from the words before anything is parsed; here so that the parser knows them and help shows them.
        foreach (
            var (name, description) in ((string, string)[])
                [
                    ("--quiet", "Say nothing but errors"),
                    ("--verbose", "Show the programs that codexctl runs"),
                    ("--timing", "Show at the end what took how long"),
                ]
        )
        {
            root.Options.Add(new Option<bool>(name) { Description = description, Recursive = true });
        }
    }

    /// <summary>The processes, watched where somebody wants to know.</summary>
    public IProcesses Watch(IProcesses processes) =>
        _verbose || _timing ? new WatchedProcesses(processes, _clock, Begun, Ended) : processes;

    /// <summary>The table of `--timing`: every program, and what was codexctl's own.</summary>
    public void Finish()
    {
        if (!_timing)
        {
            return;
        }
        var whole = _clock.GetElapsedTime(_started);
        _terminal.Talk("codexctl: timing, in milliseconds\n   began    took  what\n");
        lock (_runs)
        {
            foreach (var run in _runs.OrderBy(run => run.Began))
            {
                _terminal.Talk($"{Number(run.Began)} {Number(run.Took)}  {run.Command.Verb} ({run.Result})\n");
            }
        }
        _terminal.Talk($"{Number(TimeSpan.Zero)} {Number(whole)}  everything\n");
    }

    private static string Number(TimeSpan time) => time.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture).PadLeft(7);

    private void Begun(CommandLine command)
    {
        if (_verbose)
        {
            _terminal.Talk($"+ {command.Display}\n");
        }
    }

    private void Ended(ProgramRun run)
    {
        lock (_runs)
        {
            _runs.Add(run);
        }
    }
}
