using System.Runtime.InteropServices;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>Runs a command of a box on the person's terminal or pipes: signals, window size, the terminal's state.</summary>
internal static class ExecRunner
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(2);

    /// <summary>Blocks until the command ends. Takes the connection over.</summary>
    public static int Run(ExecClient client, ExecRequest request, bool terminal)
    {
        using var owned = client;
        // A terminal as input of a command without one would be read to an end that never comes (`codexctl run … | tee log`).
        using var streams = new PersonStreams(terminal || Libc.IsTerminal(0) == 0);
        using var raw = terminal ? RawTerminal.Enter() : null;
        var left = 0;

        void Forward(PosixSignalContext context, int signal)
        {
            context.Cancel = true;
            client.Signal(signal);
        }
        void Leave(PosixSignalContext context, int signal)
        {
            context.Cancel = true;
            if (Interlocked.CompareExchange(ref left, signal, 0) == 0)
            {
                client.Signal(signal);
                // The command may still say good-bye; then the connection's end ends it.
                _ = Task.Delay(Farewell).ContinueWith(_ => client.Leave(), TaskScheduler.Default);
            }
        }
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Forward(context, Libc.SigInt));
        using var quit = PosixSignalRegistration.Create(PosixSignal.SIGQUIT, context => Forward(context, 3));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Leave(context, Libc.SigTerm));
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context => Leave(context, Libc.SigHup));
        using var resize =
            terminal && !OperatingSystem.IsWindows()
                ? PosixSignalRegistration.Create(
                    PosixSignal.SIGWINCH,
                    _ =>
                    {
                        if (Libc.GetWindowSize(0) is { } size)
                        {
                            client.Resize(size);
                        }
                    }
                )
                : null;

        var exitCode = client.Run(request, streams);
        if (left != 0 && !client.EndedProperly)
        {
            exitCode = 128 + left;
        }
        if (terminal && (!client.EndedProperly || exitCode > 128))
        {
            RawTerminal.ResetScreen();
        }
        return exitCode;
    }
}
