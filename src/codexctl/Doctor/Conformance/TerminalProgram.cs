using System.Text;
using Codexctl.Processes;

namespace Codexctl.Doctor.Conformance;

/// <summary>A program on a terminal of its own: what is typed, what is shown.</summary>
internal sealed class TerminalProgram : IDisposable
{
    private readonly Pty _terminal;
    private readonly TimeProvider _clock;
    private readonly StringBuilder _shown = new();
    private readonly byte[] _before = new byte[256];
    private readonly int _hold;
    private readonly Thread _reader;
    private volatile bool _closed;

    public TerminalProgram(
        CommandLine command,
        IReadOnlyDictionary<string, string> environment,
        string folder,
        TerminalSize size,
        TimeProvider clock
    )
    {
        _clock = clock;
        _terminal = Pty.Open(size);
        // Held open by us, so that its settings can still be read when the program has ended.
        _hold = Libc.OpenFile(_terminal.Name, Libc.OpenReadWrite | Libc.OpenNoControllingTerminal | Libc.OpenCloseOnExec);
        Trial.Expect(_hold >= 0, "the terminal cannot be opened");
        _ = Libc.GetTerminalAttributes(_hold, _before);
        // The program gets our own open terminal, because what it does to its flags (O_NONBLOCK) is seen only there; the one
        // opened for it makes the terminal its controlling one.
        Process = Spawn.Start(
            new SpawnRequest(command.File, command.Arguments)
            {
                Environment = environment,
                WorkingDirectory = folder,
                NewSession = true,
                Descriptors = [(_hold, 0), (_hold, 1), (_hold, 2)],
                Opened = [(9, _terminal.Name, Libc.OpenReadWrite)],
            }
        );
        _reader = new Thread(Read) { IsBackground = true, Name = "terminal" };
        _reader.Start();
    }

    public SpawnedProcess Process { get; }

    /// <summary>Everything that was printed so far.</summary>
    public string Shown
    {
        get
        {
            lock (_shown)
            {
                return _shown.ToString();
            }
        }
    }

    public void Type(string text) => Libc.WriteAll(_terminal.Descriptor, Encoding.UTF8.GetBytes(text));

    public void Resize(TerminalSize size) => _terminal.Resize(size);

    /// <summary>
    /// Waits until something is shown, a minute at most. What a program prints last can be read here only after its end, so an ended
    /// one gets some more seconds.
    /// </summary>
    public async Task ShowsAsync(string text)
    {
        var started = _clock.GetTimestamp();
        long? ended = null;
        while (!Shown.Contains(text, StringComparison.Ordinal))
        {
            ended ??= Process.Exited.IsCompleted ? _clock.GetTimestamp() : null;
            Trial.Expect(
                _clock.GetElapsedTime(started) < TimeSpan.FromMinutes(1)
                    && (ended is not { } end || _clock.GetElapsedTime(end) < TimeSpan.FromSeconds(5)),
                $"the terminal never showed {text}: {Said.Short(Shown)}"
            );
            await Task.Delay(TimeSpan.FromMilliseconds(20), _clock);
        }
    }

    public async Task<int> EndAsync()
    {
        try
        {
            return await Process.Exited.WaitAsync(TimeSpan.FromSeconds(60), _clock);
        }
        catch (TimeoutException)
        {
            throw new BrokenPromiseException($"the program on the terminal did not end: {Said.Short(Shown)}");
        }
    }

    /// <summary>Whether the terminal's settings are as they were before, and reading from it waits as it did.</summary>
    public bool IsAsBefore
    {
        get
        {
            Span<byte> now = stackalloc byte[256];
            now.Clear();
            _ = Libc.GetTerminalAttributes(_hold, now);
            return now.SequenceEqual(_before) && Libc.IsBlocking(_hold);
        }
    }

    /// <summary>As the person does who closes the window.</summary>
    public void Close() => Dispose();

    public void Dispose()
    {
        if (!_closed)
        {
            _closed = true;
            // A read that waits would keep the terminal open, and nobody would hear of its end.
            _reader.Join(TimeSpan.FromSeconds(2));
            _ = Libc.Close(_hold);
            _terminal.Dispose();
        }
    }

    private void Read()
    {
        var buffer = new byte[4096];
        var decoder = Encoding.UTF8.GetDecoder();
        var text = new char[4096];
        Libc.PollDescriptor[] readable = [new(_terminal.Descriptor, Libc.PollIn)];
        while (!_closed)
        {
            if (Libc.Poll(readable, milliseconds: 50) == 0)
            {
                continue;
            }
            var count = Libc.Read(_terminal.Descriptor, buffer);
            if (count <= 0)
            {
                return;
            }
            var length = decoder.GetChars(buffer.AsSpan(0, count), text, flush: false);
            lock (_shown)
            {
                _shown.Append(text, 0, length);
            }
        }
    }
}
