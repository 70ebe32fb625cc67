using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>
/// Exchanges a stopped container for one of another image, with its Codex homes. The old one keeps its name until the new one
/// answered, so that a failure at any point leaves it as it was.
/// </summary>
public sealed class ContainerMove(SessionServices services, IMovingEngine engine, GatewayTurn turn)
{
    private const string New = ".new";
    private const string Old = ".old";
    private static readonly TimeSpan _answer = TimeSpan.FromMinutes(2);

    /// <summary>Others hold the lease for a moment to see whether it is free.</summary>
    private static readonly TimeSpan _lookedAt = TimeSpan.FromSeconds(1);

    private static readonly string[] _homes = [Box.LocalCodexHome, Box.OnlineCodexHome];

    /// <param name="request">The container as it shall be: <see cref="ExistingContainer"/> with the new image.</param>
    /// <param name="name">The container's name, which the new one gets.</param>
    /// <returns>What the new container's Codex says of its version.</returns>
    /// <exception cref="UserError">The container is in use, or the new one does not work.</exception>
    public async Task<string> MoveAsync(RunRequest request, string name, CancellationToken cancel)
    {
        using var inTurn = await turn(cancel);
        var files = services.Paths.Container(engine.Name, name);
        files.Prepare();
        using var alone =
            await FileLock.TakeAsync(files.Lease, shared: false, _lookedAt, services.Clock, cancel)
            ?? throw new UserError($"The container {name} is in use.", null, $"Stop it first: codexctl stop --name {name}");
        await ClearAsync(name, cancel);
        var luggage = Paths.MakePrivate(Path.Combine(files.Root, "move"));
        try
        {
            services.PrepareFiles(request, files);
            await ExtraMounts.CheckAsync(request, services.Gateways, engine.Name, name);
            await engine.CreateAsync(ContainerSpecs.For(request, name, files) with { Name = name + New, HostName = name }, cancel);
            await CarryAsync(name, luggage, cancel);
            var version = await TryAsync(request, name + New, cancel);
            await ExchangeAsync(name);
            return version;
        }
        catch (Exception error) when (error is not UserError { Message: ExchangeFailed })
        {
            await engine.RemoveAsync(name + New, force: true, CancellationToken.None);
            throw;
        }
        finally
        {
            Directory.Delete(luggage, recursive: true);
        }
    }

    /// <summary>Gives back its name to a container whose move was killed between the two renames; true when there was one.</summary>
    public static async Task<bool> MendAsync(IMovingEngine engine, IReadOnlyList<string> names, CancellationToken cancel)
    {
        var found = await engine.InspectAsync([.. names, .. names.Select(name => name + Old)], cancel);
        foreach (var name in names)
        {
            if (found.All(container => container.Name != name) && found.Any(container => container.Name == name + Old && container.IsOurs))
            {
                await engine.RenameAsync(name + Old, name, cancel);
                return true;
            }
        }
        return false;
    }

    /// <summary>What an earlier move left that was killed.</summary>
    private async Task ClearAsync(string name, CancellationToken cancel)
    {
        var left = await engine.InspectAsync([name + New, name + Old], cancel);
        if (left.FirstOrDefault(one => !one.IsOurs) is { } foreign)
        {
            throw new UserError(
                $"The name {foreign.Name} is taken by a container that is not codexctl's.",
                $"An upgrade of {name} needs it for a moment.",
                $"Rename that container: {engine.Name} rename {foreign.Name} NAME"
            );
        }
        if (left.Count == 2)
        {
            // Killed between the renames, and a run made a fresh one since: which sessions are wanted, only the person knows.
            throw new UserError(
                $"An earlier upgrade of {name} was killed, and a new {name} was made since.",
                $"The sessions from before are in {name}{Old}.",
                $"To go on with them: codexctl rm --name {name}, then repeat. To throw them away: {engine.Name} rm {name}{Old}"
            );
        }
        foreach (var one in left)
        {
            await engine.RemoveAsync(one.Name, force: true, cancel);
        }
    }

    private const string ExchangeFailed = "The new container could not take the old one's name.";

    private async Task CarryAsync(string name, string luggage, CancellationToken cancel)
    {
        foreach (var home in _homes)
        {
            if (await engine.CopyOutAsync(name, home, luggage, cancel))
            {
                await engine.CopyInAsync(name + New, Path.Combine(luggage, Path.GetFileName(home)), Box.Home, cancel);
            }
        }
    }

    /// <summary>The new container answers, and its homes belong to its user.</summary>
    private async Task<string> TryAsync(RunRequest request, string container, CancellationToken cancel)
    {
        await engine.StartAsync(container, cancel);
        var owner = $"{request.User.UserId}:{request.User.GroupId}";
        var owned = await RunAsync(
            ["sh", "-c", $"for home in {string.Join(' ', _homes)}; do [ ! -d $home ] || chown -Rh {owner} $home; done"],
            root: true
        );
        var said = owned.ExitCode == 0 ? await RunAsync(["codex", "--version"], root: false) : owned;
        await engine.StopAsync(container, cancel);
        return said.ExitCode == 0
            ? said.Output.Trim()
            : throw new UserError(
                "Codex does not answer in the new container; the old one is as it was.",
                $"{said.Output.Trim()} {said.Error.Trim()}".Trim(),
                $"Build its image anew: codexctl build --rebuild --image {request.Image}"
            );

        Task<ProcessResult> RunAsync(IReadOnlyList<string> command, bool root) =>
            engine.CaptureAsync(
                new ExecSpec(
                    container,
                    command,
                    request.User,
                    root,
                    Terminal: false,
                    new Dictionary<string, string>(request.Environment, StringComparer.Ordinal) { [Box.NoDoorVariable] = "1" },
                    $"move{(root ? 1 : 2)}"
                ),
                _answer,
                cancel: cancel
            );
    }

    /// <summary>Not to be interrupted: two renames, and back when the second fails.</summary>
    private async Task ExchangeAsync(string name)
    {
        await engine.RenameAsync(name, name + Old);
        try
        {
            await engine.RenameAsync(name + New, name);
        }
        catch (Exception error) when (error is ProcessError or UserError)
        {
            await engine.RenameAsync(name + Old, name);
            await engine.RemoveAsync(name + New, force: true);
            throw new UserError(ExchangeFailed, error.Message, "The old one is as it was. Try again.");
        }
        try
        {
            await engine.RemoveAsync(name + Old, force: true);
        }
        catch (Exception error) when (error is ProcessError or UserError)
        {
            // The exchange is done; the next one clears it away.
            services.Say($"the old container could not be removed ({error.Message}): {engine.Name} rm {name}{Old}");
        }
    }
}

/// <summary>Takes the turn in which containers are looked up, made and removed.</summary>
public delegate Task<IDisposable> GatewayTurn(CancellationToken cancel);
