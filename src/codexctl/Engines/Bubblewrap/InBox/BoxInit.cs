using System.Net.Sockets;
using System.Runtime.InteropServices;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap.InBox;

/// <summary>
/// codexctl as the init of a bubblewrap box: offers the door on loopback, starts the commands that front ends ask for, and
/// ends when the gateway is gone for good. Started by bwrap, never by a person.
/// </summary>
public static partial class BoxInit
{
    internal const int StatusDescriptor = 4;

    /// <summary>A byte comes here once the host has written down who we are; its end without one means that nobody would stop us.</summary>
    internal const int GoDescriptor = 5;

    /// <summary>The listening exec socket. Its name is outside the box, so the agent can neither reach nor replace it.</summary>
    internal const int ListenDescriptor = 6;

    internal const string Ready = "ready\n";

    private const int SetDumpable = 4;

    public static async Task<int> RunAsync(string[] args)
    {
        // The agent has our user: without this it could read our descriptors and memory, or attach a debugger.
        _ = ProcessControl(SetDumpable, 0, 0, 0, 0);
        foreach (var file in (ReadOnlySpan<int>)[Detached.ReadyDescriptor, GoDescriptor, ListenDescriptor])
        {
            Libc.SetCloseOnExec(file);
        }
        if (Libc.Read(GoDescriptor, new byte[1]) != 1)
        {
            return ExitCodes.Failed;
        }
        _ = Libc.Close(GoDescriptor);

        var hasDoor = args.Contains("--door", StringComparer.Ordinal);
        var door = new DoorPing();
        using var sessions = new ExecServer(
            new Socket(new SafeSocketHandle(ListenDescriptor, ownsHandle: true)),
            hasDoor ? door.Answers : () => true
        );
        var ends = new List<Task>();
        try
        {
            if (hasDoor)
            {
                // On a shared network these ports can belong to the host's own servers, which the box then reaches itself.
                var shared = args.Contains("--shared-network", StringComparer.Ordinal);
                Relay.Start(Box.ModelPort, Box.DoorSocket, shared);
                Relay.Start(Box.ProxyPort, Box.DoorSocket, shared);
                ends.Add(new AliveWatch(Box.DoorSocket, TimeProvider.System) { Taken = door.Answered }.UntilLostAsync());
            }
        }
        catch (SocketException error)
        {
            Say($"the relay cannot listen: {error.Message}\n");
            return ExitCodes.Failed;
        }
        ends.Add(sessions.RunAsync());
        Say(Ready);
        await await Task.WhenAny(ends);
        return ExitCodes.Ok;
    }

    private static void Say(string text)
    {
        _ = Libc.WriteAll(Detached.ReadyDescriptor, System.Text.Encoding.UTF8.GetBytes(text));
        _ = Libc.Close(Detached.ReadyDescriptor);
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int ProcessControl(int option, nuint a, nuint b, nuint c, nuint d);
}
