using System.Text;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>
/// One command from its start to its end. The connection's thread reads what the front end sends; a second one moves the
/// command's bytes. When the connection drops first, the command and all that it started are ended.
/// </summary>
internal static class ExecSession
{
    /// <summary>In the environment of every process of a session, so that those that left its process group are found too.</summary>
    public const string Marker = "CODEXCTL_EXEC";

    private static int _counter;

    public static void Run(ExecRequest request, FrameSocket frames, Func<bool> doorAnswers)
    {
        if (request.Environment.GetValueOrDefault(Box.NoDoorVariable) != "1" && !doorAnswers())
        {
            Refuse(frames, "codexctl: the door does not answer", Box.DoorSilent);
            return;
        }
        var mark = $"{Interlocked.Increment(ref _counter)}.{request.Session}";
        var environment = BoxEnvironment.Complete(request.Environment, request.Terminal is not null);
        environment[Marker] = mark;
        BoxEnvironment.PrepareCodexHome(environment);

        var command = request.Command;
        if (BoxEnvironment.StrayLogin(environment) is { } stray)
        {
            if (BoxEnvironment.IsCodex(command))
            {
                Refuse(frames, $"codexctl: {stray}", ExitCodes.BeforeCommand);
                return;
            }
            frames.Send(FrameType.Error, Encoding.UTF8.GetBytes($"codexctl: {stray}\n"));
        }
        var found = ProgramLookup.Find(command[0], environment["PATH"], request.WorkingDirectory);
        if (found.Path is null)
        {
            Refuse(frames, $"codexctl: {command[0]}: {found.Problem}", found.ExitCode);
            return;
        }
        ExecPump pump;
        try
        {
            pump = ExecPump.Start(
                new SpawnRequest(found.Path, [.. command.Skip(1)])
                {
                    Environment = environment,
                    WorkingDirectory = request.WorkingDirectory,
                },
                request.Terminal,
                frames
            );
        }
        catch (SpawnException error)
            when (error.Error == 8 /* ENOEXEC: a script without its first line, which a shell runs itself */
            )
        {
            pump = ExecPump.Start(
                new SpawnRequest("/bin/sh", [found.Path, .. command.Skip(1)])
                {
                    Environment = environment,
                    WorkingDirectory = request.WorkingDirectory,
                },
                request.Terminal,
                frames
            );
        }
        catch (SpawnException error)
        {
            Refuse(frames, $"codexctl: {error.Message}", error.Error == Libc.ErrorNoEntry ? ExitCodes.NotFound : ExitCodes.NotExecutable);
            return;
        }
        catch (IOException error)
        {
            Refuse(frames, $"codexctl: {error.Message}", ExitCodes.BeforeCommand);
            return;
        }

        try
        {
            Listen(frames, pump);
        }
        finally
        {
            if (!pump.Process.Exited.IsCompleted)
            {
                SessionReaper.End(pump.Process, mark);
            }
            pump.Join();
        }
    }

    private static void Listen(FrameSocket frames, ExecPump pump)
    {
        frames.Send(FrameType.Grant, ExecRequest.FirstGrant);
        while (frames.TryReceive(out var type, out var content))
        {
            switch (type)
            {
                case FrameType.Input:
                    pump.Input(content);
                    break;
                case FrameType.InputEnd:
                    pump.InputEnd();
                    break;
                case FrameType.Resize when ExecRequest.DecodeSize(content) is { } size:
                    pump.Resize(size);
                    break;
                case FrameType.Signal when content.Length == 1:
                    pump.Signal(content[0]);
                    break;
                default:
                    throw new InvalidDataException($"A frame of type {(byte)type} has no place here.");
            }
        }
    }

    private static void Refuse(FrameSocket frames, string message, int exitCode)
    {
        frames.Send(FrameType.Error, Encoding.UTF8.GetBytes(message + "\n"));
        frames.Send(FrameType.Exit, exitCode);
    }
}
