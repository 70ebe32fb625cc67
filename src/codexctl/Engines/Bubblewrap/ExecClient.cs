using System.Buffers.Binary;
using System.Net.Sockets;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>The person's side of a command: where its bytes go and come from.</summary>
internal interface IExecStreams
{
    /// <summary>Reads some input, waiting for it; 0 at its end or when <see cref="StopInput"/> was called.</summary>
    int ReadInput(Span<byte> buffer);

    /// <summary>Makes a waiting <see cref="ReadInput"/> return, without taking what nobody has read.</summary>
    void StopInput();

    /// <summary>False when nobody takes it any more.</summary>
    bool Write(bool error, ReadOnlySpan<byte> bytes);
}

/// <summary>
/// The host's end of the exec socket. What comes from the box is bytes for the person and an exit code, never anything else:
/// whatever listens there may be the agent.
/// </summary>
internal sealed class ExecClient : IDisposable
{
    /// <summary>The box went away before the command ended, as after SIGKILL.</summary>
    public const int BoxGone = 137;

    private readonly FrameSocket _frames;
    private readonly object _gate = new();
    private long _granted;
    private bool _ended;

    private ExecClient(FrameSocket frames) => _frames = frames;

    /// <summary>Whether the command's end was heard of, and not only the connection's.</summary>
    public bool EndedProperly { get; private set; }

    /// <exception cref="SocketException">Nothing listens there.</exception>
    /// <exception cref="InvalidDataException">What listens there is not this version's box-init.</exception>
    public static ExecClient Connect(string folder, string name)
    {
        var socket = BoxSocket.Connect(folder, name);
        var frames = new FrameSocket(socket);
        try
        {
            if (!frames.TryReceive(out var type, out var content) || type != FrameType.Hello || !content.SequenceEqual(ExecRequest.Hello))
            {
                throw new InvalidDataException("The box was started by another version of codexctl.");
            }
            return new ExecClient(frames);
        }
        catch
        {
            frames.Dispose();
            throw;
        }
    }

    /// <summary>Runs the command to its end. Blocks the calling thread.</summary>
    public int Run(ExecRequest request, IExecStreams streams)
    {
        var encoded = request.Encode();
        if (encoded.Length > FrameDecoder.LargestRequest)
        {
            throw new UserError("The command and its environment are too long.", exitCode: ExitCodes.BeforeCommand);
        }
        _frames.Send(FrameType.Request, encoded);
        var input = new Thread(() => SendInput(streams), maxStackSize: 256 * 1024) { IsBackground = true, Name = "exec input" };
        input.Start();
        try
        {
            return Receive(streams);
        }
        finally
        {
            lock (_gate)
            {
                _ended = true;
                Monitor.PulseAll(_gate);
            }
            streams.StopInput();
            _frames.Shutdown();
            input.Join();
        }
    }

    public void Signal(int signal) => _frames.Send(FrameType.Signal, [(byte)signal]);

    public void Resize(TerminalSize size) => _frames.Send(FrameType.Resize, ExecRequest.EncodeSize(size));

    /// <summary>Leaves: the box ends the command.</summary>
    public void Leave() => _frames.Shutdown();

    public void Dispose() => _frames.Dispose();

    private int Receive(IExecStreams streams)
    {
        try
        {
            while (_frames.TryReceive(out var type, out var content))
            {
                switch (type)
                {
                    case FrameType.Output or FrameType.Error:
                        if (!streams.Write(type == FrameType.Error, content))
                        {
                            // As `command | head`: the reader has what it wanted.
                            EndedProperly = true;
                            return ExitCodes.Ok;
                        }
                        break;
                    case FrameType.Grant when content.Length == 4:
                        lock (_gate)
                        {
                            _granted = Math.Min(_granted + BinaryPrimitives.ReadUInt32BigEndian(content), ExecRequest.FirstGrant);
                            Monitor.PulseAll(_gate);
                        }
                        break;
                    case FrameType.Exit when content.Length == 4:
                        EndedProperly = true;
                        return BinaryPrimitives.ReadInt32BigEndian(content) & 0xff;
                    default:
                        return BoxGone;
                }
            }
        }
        catch (InvalidDataException)
        {
            // A box that does not keep to the protocol is as good as gone.
        }
        return BoxGone;
    }

    private void SendInput(IExecStreams streams)
    {
        var buffer = new byte[FrameDecoder.LargestData];
        while (true)
        {
            int room;
            lock (_gate)
            {
                while (_granted == 0 && !_ended)
                {
                    Monitor.Wait(_gate);
                }
                if (_ended)
                {
                    return;
                }
                room = (int)Math.Min(_granted, buffer.Length);
            }
            var count = streams.ReadInput(buffer.AsSpan(0, room));
            if (count <= 0)
            {
                _frames.Send(FrameType.InputEnd, []);
                return;
            }
            lock (_gate)
            {
                _granted -= count;
            }
            if (!_frames.Send(FrameType.Input, buffer.AsSpan(0, count)))
            {
                return;
            }
        }
    }
}
