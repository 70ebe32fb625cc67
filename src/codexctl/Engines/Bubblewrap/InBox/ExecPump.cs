using System.Runtime.InteropServices;
using Codexctl.Processes;
using Microsoft.Win32.SafeHandles;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>
/// A running command and the thread that moves its bytes: one poll over its outputs, its input and a wake-up pipe. A front
/// end that reads slowly slows the command down; input waits here only as far as it was granted.
/// </summary>
internal sealed partial class ExecPump
{
    // A pipe holds at most 1 MiB. More than that after the command's end comes from a process that it left behind.
    private const int LargestRest = 1024 * 1024;

    private readonly FrameSocket _frames;
    private readonly Pty? _terminal;
    private readonly Lock _gate = new();
    private readonly Queue<byte[]> _input = new();
    private readonly SafeFileHandle _wakeRead;
    private readonly SafeFileHandle _wakeWrite;
    private readonly Thread _thread;
    private readonly byte[] _buffer = new byte[FrameDecoder.LargestData];
    private SafeFileHandle? _standardInput;
    private SafeFileHandle? _output;
    private SafeFileHandle? _error;
    private int _pending;
    private int _inputOffset;
    private bool _inputEnded;

    private ExecPump(
        SpawnedProcess process,
        FrameSocket frames,
        Pty? terminal,
        SafeFileHandle input,
        SafeFileHandle output,
        SafeFileHandle? error
    )
    {
        Process = process;
        _frames = frames;
        _terminal = terminal;
        (_standardInput, _output, _error) = (input, output, error);
        (_wakeRead, _wakeWrite) = MakePipe();
        foreach (var file in (SafeFileHandle?[])[input, output, error, _wakeRead, _wakeWrite])
        {
            if (file is not null)
            {
                Libc.SetNonBlocking(Number(file));
            }
        }
        _thread = new Thread(Pump, maxStackSize: 256 * 1024) { IsBackground = true, Name = $"pump {process.Id}" };
        _thread.Start();
        _ = process.Exited.ContinueWith(_ => Wake(), TaskScheduler.Default);
    }

    public SpawnedProcess Process { get; }

    /// <exception cref="SpawnException">The program does not start.</exception>
    public static ExecPump Start(SpawnRequest request, TerminalSize? size, FrameSocket frames)
    {
        if (size is { } known)
        {
            var terminal = Pty.Open(known);
            try
            {
                return new ExecPump(terminal.Start(request), frames, terminal, terminal.Master, terminal.Master, null);
            }
            catch
            {
                terminal.Dispose();
                throw;
            }
        }
        var (childInput, input) = MakePipe();
        var (output, childOutput) = MakePipe();
        var (error, childError) = MakePipe();
        try
        {
            var process = Spawn.Start(
                request with
                {
                    Descriptors = [(Number(childInput), 0), (Number(childOutput), 1), (Number(childError), 2)],
                }
            );
            return new ExecPump(process, frames, null, input, output, error);
        }
        catch
        {
            input.Dispose();
            output.Dispose();
            error.Dispose();
            throw;
        }
        finally
        {
            childInput.Dispose();
            childOutput.Dispose();
            childError.Dispose();
        }
    }

    /// <exception cref="InvalidDataException">More than was granted.</exception>
    public void Input(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (_pending + bytes.Length > ExecRequest.FirstGrant)
            {
                throw new InvalidDataException("More input than was granted.");
            }
            if (!_inputEnded && bytes.Length > 0)
            {
                _pending += bytes.Length;
                _input.Enqueue(bytes.ToArray());
            }
        }
        Wake();
    }

    public void InputEnd()
    {
        lock (_gate)
        {
            if (_terminal is not null && !_inputEnded)
            {
                // A terminal has no end; Ctrl-D at the start of a line says so to a program that reads lines.
                _input.Enqueue([4]);
            }
            _inputEnded = true;
        }
        Wake();
    }

    public void Resize(TerminalSize size)
    {
        lock (_gate)
        {
            if (_terminal is { Master.IsClosed: false })
            {
                _terminal.Resize(size);
            }
        }
    }

    public void Signal(int signal)
    {
        if (signal is < 1 or > 31)
        {
            return;
        }
        Process.Signal(signal, group: true);
        lock (_gate)
        {
            if (_terminal is { Master.IsClosed: false, ForegroundGroup: { } group } && group != Process.Id)
            {
                _ = Libc.Kill(-group, signal);
            }
        }
    }

    /// <summary>Waits until the last byte has gone, or cannot go.</summary>
    public void Join() => _thread.Join();

    private void Pump()
    {
        try
        {
            var connected = true;
            while (!Process.Exited.IsCompleted)
            {
                connected = Round(connected);
            }
            for (var rest = LargestRest; connected && rest > 0; )
            {
                var moved = Move(ref _output, FrameType.Output, ref connected) + Move(ref _error, FrameType.Error, ref connected);
                rest = moved == 0 ? 0 : rest - moved;
            }
            _frames.Send(FrameType.Exit, Process.Exited.Result);
        }
        finally
        {
            _frames.Shutdown();
            lock (_gate)
            {
                _inputEnded = true;
                _standardInput?.Dispose();
                _output?.Dispose();
                _error?.Dispose();
                _terminal?.Dispose();
                _wakeRead.Dispose();
                _wakeWrite.Dispose();
            }
        }
    }

    /// <summary>Waits until something can be moved, and moves it once.</summary>
    private bool Round(bool connected)
    {
        bool writes;
        lock (_gate)
        {
            writes = _input.Count > 0;
            if (_inputEnded && !writes && _terminal is null)
            {
                _standardInput?.Dispose();
                _standardInput = null;
            }
        }
        Span<Libc.PollDescriptor> files =
        [
            new(Number(_wakeRead), Libc.PollIn),
            new(_output is null || !connected ? -1 : Number(_output), Libc.PollIn),
            new(_error is null || !connected ? -1 : Number(_error), Libc.PollIn),
            new(_standardInput is null || !writes ? -1 : Number(_standardInput), Libc.PollOut),
        ];
        Libc.Poll(files, Timeout.Infinite);
        if (files[0].Returned != 0)
        {
            Libc.Read(Number(_wakeRead), stackalloc byte[256]);
        }
        if (files[1].Returned != 0)
        {
            Move(ref _output, FrameType.Output, ref connected);
        }
        if (files[2].Returned != 0)
        {
            Move(ref _error, FrameType.Error, ref connected);
        }
        if (writes && (files[3].Returned != 0 || _standardInput is null))
        {
            WriteInput();
        }
        return connected;
    }

    /// <summary>One read from the command, one frame to the front end. The number of bytes.</summary>
    private int Move(ref SafeFileHandle? file, FrameType type, ref bool connected)
    {
        if (file is null)
        {
            return 0;
        }
        var count = Libc.Read(Number(file), _buffer);
        if (count > 0)
        {
            connected &= _frames.Send(type, _buffer.AsSpan(0, count));
            return count;
        }
        if (count != -Libc.ErrorAgain)
        {
            // The end; for a terminal an input/output error when its last user closed it.
            if (_terminal is null)
            {
                file.Dispose();
            }
            file = null;
        }
        return 0;
    }

    private void WriteInput()
    {
        byte[] chunk;
        lock (_gate)
        {
            chunk = _input.Peek();
        }
        var count = _standardInput is null ? -Libc.ErrorPipe : Libc.Write(Number(_standardInput), chunk.AsSpan(_inputOffset));
        if (count == -Libc.ErrorAgain)
        {
            return;
        }
        if (count < 0)
        {
            // Nobody reads it any more: it counts as taken, so that the front end goes on.
            count = chunk.Length - _inputOffset;
            if (_terminal is null)
            {
                _standardInput?.Dispose();
                _standardInput = null;
            }
        }
        lock (_gate)
        {
            _pending = Math.Max(0, _pending - count);
            _inputOffset += count;
            if (_inputOffset == chunk.Length)
            {
                _input.Dequeue();
                _inputOffset = 0;
            }
        }
        _frames.Send(FrameType.Grant, count);
    }

    private void Wake()
    {
        lock (_gate)
        {
            if (!_wakeWrite.IsClosed)
            {
                _ = Libc.Write(Number(_wakeWrite), [1]);
            }
        }
    }

    private static int Number(SafeFileHandle file) => (int)file.DangerousGetHandle();

    private static (SafeFileHandle Read, SafeFileHandle Write) MakePipe()
    {
        Span<int> files = stackalloc int[2];
        return Pipe(files, Libc.OpenCloseOnExec) == 0
            ? (new SafeFileHandle(files[0], true), new SafeFileHandle(files[1], true))
            : throw new IOException($"No pipe can be made: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    // Only ever runs inside a box, on Linux.
    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int Pipe(Span<int> files, int flags);
}
