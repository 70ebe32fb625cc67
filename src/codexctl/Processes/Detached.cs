using System.Diagnostics;
using System.IO.Pipes;
using System.Text;

namespace Codexctl.Processes;

/// <summary>
/// A process in a session of its own, which outlives this one. Standard input is /dev/null, both outputs go to a log,
/// descriptor 3 is its end of the ready pipe; it inherits nothing else but what is named.
/// </summary>
internal sealed class Detached : IDisposable
{
    /// <summary>The child's number for the ready pipe.</summary>
    public const int ReadyDescriptor = 3;

    private readonly AnonymousPipeServerStream _ready;

    private Detached(SpawnedProcess process, AnonymousPipeServerStream ready)
    {
        Process = process;
        _ready = ready;
    }

    public SpawnedProcess Process { get; }

    /// <summary>Starts the process and waits until it closes the ready pipe, or dies.</summary>
    /// <returns>Its id, and what it wrote to the ready pipe ("" when it died without a word).</returns>
    /// <exception cref="UserError">The program cannot be started, or was not ready in time; it is killed then.</exception>
    public static async Task<(int ProcessId, string Ready)> StartAsync(
        CommandLine command,
        string log,
        TimeSpan limit,
        CancellationToken cancel = default
    )
    {
        using var child = Launch(command, log);
        return (child.Process.Id, await child.ReadyAsync(command, limit, cancel));
    }

    /// <param name="descriptors">Our descriptors that the child gets besides, with its numbers for them.</param>
    /// <param name="bare">Without our environment: only what the command names.</param>
    /// <exception cref="UserError">The program cannot be started.</exception>
    public static Detached Launch(
        CommandLine command,
        string log,
        IReadOnlyList<(int Source, int Target)>? descriptors = null,
        bool bare = false
    )
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!bare)
        {
            foreach (var (name, value) in new ProcessStartInfo().Environment)
            {
                environment[name] = value ?? "";
            }
        }
        foreach (var (name, value) in command.Environment)
        {
            environment.Remove(name);
            if (value is not null)
            {
                environment[name] = value;
            }
        }

        var ready = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        try
        {
            var request = new SpawnRequest(command.File, command.Arguments)
            {
                Environment = environment,
                WorkingDirectory = command.WorkingDirectory,
                Opened = [(0, "/dev/null", 0), (1, log, Libc.OpenWriteAppend), (2, log, Libc.OpenWriteAppend)],
                Descriptors = [((int)ready.ClientSafePipeHandle.DangerousGetHandle(), ReadyDescriptor), .. descriptors ?? []],
            };
            return new Detached(Spawn.Start(request), ready);
        }
        catch (SpawnException error)
        {
            ready.Dispose();
            throw new UserError($"{command.Display} cannot be started.", error.Message);
        }
        finally
        {
            // Ours must be closed for the end of the pipe to be seen.
            ready.ClientSafePipeHandle.Dispose();
        }
    }

    public async Task<string> ReadyAsync(CommandLine command, TimeSpan limit, CancellationToken cancel = default)
    {
        var text = ReadToEnd(_ready);
        try
        {
            return await text.WaitAsync(limit, cancel);
        }
        catch (Exception error) when (error is TimeoutException or OperationCanceledException)
        {
            // The death of the whole group ends the pipe, and with it the read.
            Process.Signal(Libc.SigKill, group: true);
            if (error is OperationCanceledException)
            {
                throw;
            }
            throw new UserError($"{Path.GetFileName(command.File)} was not ready within {limit.TotalSeconds:0} seconds.");
        }
    }

    public void Dispose() => _ready.Dispose();

    private static async Task<string> ReadToEnd(Stream pipe)
    {
        // A pipe's read holds a thread whatever it is called; this one may take long.
        return await Task.Factory.StartNew(
            () =>
            {
                using var reader = new StreamReader(pipe, Encoding.UTF8, leaveOpen: true);
                return reader.ReadToEnd();
            },
            TaskCreationOptions.LongRunning
        );
    }
}
