using System.IO.Pipes;
using System.Text.Json;
using System.Text.Json.Nodes;
using Codexctl.Engines.Bubblewrap.InBox;
using Codexctl.Processes;

namespace Codexctl.Engines.Bubblewrap;

/// <summary>Starting boxes, and finding out whether this machine can.</summary>
public sealed partial class BubblewrapEngine
{
    internal const string ExecSocketName = "exec.sock";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ProbeLimit = TimeSpan.FromSeconds(10);

    /// <summary>What worked last; the others are not tried again.</summary>
    private Isolation? _works;

    /// <summary>Whether boxes can be made on this machine: makes the smallest one.</summary>
    /// <returns>Null when they can; else what is in the way and how to mend it.</returns>
    public async Task<UserError?> ProbeAsync(CancellationToken cancel = default)
    {
        if (!OperatingSystem.IsLinux())
        {
            return new UserError("The bubblewrap engine needs Linux.", mend: "Use `--engine docker`.");
        }
        var bwrap = await FindBwrapAsync(cancel);
        ProcessResult? result = null;
        foreach (var isolation in Ladder())
        {
            string[] user = isolation switch
            {
                Isolation.SealedUserNamespace => ["--unshare-user", "--disable-userns"],
                Isolation.UserNamespace => ["--unshare-user"],
                _ => [],
            };
            string[] arguments =
            [
                .. user,
                "--unshare-pid",
                "--unshare-net",
                "--ro-bind",
                "/",
                "/",
                "--proc",
                "/proc",
                "--dev",
                "/dev",
                "true",
            ];
            result = await processes.CaptureAsync(new CommandLine(bwrap, arguments), ProbeLimit, cancel: cancel);
            if (result.ExitCode == 0)
            {
                _works = isolation;
                return null;
            }
            if (!BwrapTrouble.IsAboutUserNamespaces(result.Error))
            {
                break;
            }
        }
        return BwrapTrouble.Explain(result!.Error, BwrapTrouble.ReadSetting);
    }

    public async Task StartAsync(string name, CancellationToken cancel = default)
    {
        var container = paths.Container(Name, name);
        if (BoxFile.Read(container) is null)
        {
            throw new UserError($"There is no container {name}.", mend: "`codexctl run` makes one.");
        }
        using var _ = await LockAsync(container);
        var file = BoxFile.Read(container) ?? throw new UserError($"The container {name} was removed meanwhile.");
        if (BoxProcess.Read(container)?.IsAlive() == true)
        {
            return;
        }
        // Rules may have become stricter, and links may lead elsewhere by now.
        MountRules.Check(file.Spec, paths);
        foreach (var mount in file.Spec.Mounts.Where(mount => !Path.Exists(mount.Source)))
        {
            throw new UserError($"{mount.Source} is not there any more.", $"The container {name} shows it as {mount.Target}.");
        }
        Paths.MakePrivate(container.Home);

        var bwrap = await FindBwrapAsync(cancel);
        var release = await codexRelease(cancel);
        var host = HostLayout.Read();
        var said = "";
        foreach (var isolation in Ladder())
        {
            var etc = Path.Combine(container.Box, "etc");
            var user = BoxArguments.UserInside(file.Spec.User.UserId, isolation);
            var group = BoxArguments.UserInside(file.Spec.User.GroupId, isolation);
            var resolver =
                file.Spec.Network == BoxNetwork.Full && File.Exists("/etc/resolv.conf") ? File.ReadAllText("/etc/resolv.conf") : null;
            var etcFiles = EtcFiles.For(name, user, group, file.Spec.Network, resolver);
            EtcFiles.Write(etc, etcFiles);
            var plan = new BoxPlan(file.Spec, host, isolation, container.Home, etc, [.. etcFiles.Select(one => one.Name)], release, own);
            var problem = await LaunchAsync(new CommandLine(bwrap, BoxArguments.Build(plan)), container, cancel);
            if (problem is null)
            {
                _works = isolation;
                return;
            }
            said = problem;
            if (!BwrapTrouble.IsAboutUserNamespaces(said))
            {
                break;
            }
        }
        throw BwrapTrouble.Explain(said, BwrapTrouble.ReadSetting);
    }

    /// <summary>The ways to isolate that are worth trying, the strictest first.</summary>
    private IReadOnlyList<Isolation> Ladder() =>
        _works is { } works ? [works]
        : Libc.GetUserId() == 0 ? [Isolation.SealedUserNamespace, Isolation.UserNamespace, Isolation.NoUserNamespace]
        : [Isolation.SealedUserNamespace, Isolation.UserNamespace];

    private async Task<string> FindBwrapAsync(CancellationToken cancel) =>
        processes.Find("bwrap") ?? Path.Combine(await codexRelease(cancel), "codex-resources", "bwrap");

    /// <summary>Null when the box is up; else what was said instead.</summary>
    private static async Task<string?> LaunchAsync(CommandLine command, ContainerPaths container, CancellationToken cancel)
    {
        var log = Path.Combine(container.Box, "log");
        File.Delete(log);
        using var status = new AnonymousPipeServerStream(PipeDirection.In, HandleInheritability.None);
        using var go = new AnonymousPipeServerStream(PipeDirection.Out, HandleInheritability.None);
        using var listener = BoxSocket.Listen(container.Box, ExecSocketName);
        using var child = Detached.Launch(
            command,
            log,
            [
                ((int)status.ClientSafePipeHandle.DangerousGetHandle(), BoxInit.StatusDescriptor),
                ((int)go.ClientSafePipeHandle.DangerousGetHandle(), BoxInit.GoDescriptor),
                ((int)listener.SafeHandle.DangerousGetHandle(), BoxInit.ListenDescriptor),
            ],
            // bwrap stays as process 1, where everybody inside can read its environment: --clearenv is for what it starts.
            bare: true
        );
        status.ClientSafePipeHandle.Dispose();
        go.ClientSafePipeHandle.Dispose();

        BoxProcess? box = null;
        // Closed only after a bwrap that hangs was killed: closing waits for the read.
        using var reader = new StreamReader(status);
        try
        {
            var line = await Task.Factory.StartNew(reader.ReadLine, TaskCreationOptions.LongRunning).WaitAsync(StartLimit, cancel);
            if (line is not null && ChildIn(line) is { } id)
            {
                box = BoxProcess.Observe(id);
                box?.Write(container);
                // Only now may anything run inside: from here on everybody can find and stop it.
                await Task.Run(() => Go(go), cancel);
            }
            var ready = await child.ReadyAsync(command, StartLimit, cancel);
            if (string.Equals(ready, BoxInit.Ready, StringComparison.Ordinal))
            {
                return null;
            }
            box?.Kill(StopLimit);
            File.Delete(BoxProcess.PathIn(container));
            await child.Process.Exited.WaitAsync(StopLimit, cancel);
            return ready + (File.Exists(log) ? await File.ReadAllTextAsync(log, cancel) : "");
        }
        catch (Exception error)
        {
            child.Process.Signal(Libc.SigKill, group: true);
            box?.Kill(StopLimit);
            if (error is TimeoutException)
            {
                throw new UserError(
                    $"bubblewrap did not make the box within {StartLimit.TotalSeconds:0} seconds.",
                    $"The program is {command.File}.",
                    "Check that it works by itself: bwrap --ro-bind / / true"
                );
            }
            throw;
        }
    }

    /// <summary>The process that bwrap's first line of status tells; null when it is no such line.</summary>
    private static int? ChildIn(string line)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject status && status["child-pid"] is JsonValue id && id.TryGetValue(out int number)
                ? number
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static void Go(AnonymousPipeServerStream go)
    {
        try
        {
            go.WriteByte(1);
            go.Flush();
        }
        catch (IOException)
        {
            // It died already; the ready pipe says so.
        }
    }
}
