using Codexctl.Engines;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>
/// Exchanges a stopped container for one of another image, with its Codex homes. The old one goes only when a box of the new image took
/// the homes and its Codex answered; from then on the homes lie on the host, and the next run takes them in whatever happens.
/// </summary>
public sealed class ContainerMove(SessionRunner runner, SessionServices services, IExportingEngine engine)
{
    private static readonly TimeSpan _answer = TimeSpan.FromMinutes(2);

    /// <summary>Others hold the lease for a moment to see whether it is free.</summary>
    private static readonly TimeSpan _lookedAt = TimeSpan.FromSeconds(1);

    /// <param name="request">The container as it is: <see cref="ExistingContainer"/>.</param>
    /// <param name="image">What it is to be made from.</param>
    /// <param name="report">Gets what is being done now.</param>
    /// <returns>What the new container's Codex says of its version.</returns>
    /// <exception cref="UserError">The container is in use, or the new one does not work.</exception>
    public async Task<string> MoveAsync(RunRequest request, string image, Action<string> report, CancellationToken cancel)
    {
        var name = request.Name!;
        var files = services.Paths.Container(engine.Name, name);
        files.Prepare();
        if (IsUnfinished(files))
        {
            // What an earlier move still carries comes in, and a login that a killed run left comes out.
            report("finishing what was interrupted");
            await OpenAsync(request, cancel);
            if (IsUnfinished(files))
            {
                throw new UserError(
                    $"The container {name} cannot be moved: what an interrupted run or upgrade left could not be finished.",
                    "What is in the way was said above.",
                    "codexctl doctor shows more."
                );
            }
        }
        request = request with { Image = image };
        string version;
        using (
            var alone =
                await FileLock.TakeAsync(files.Lease, shared: false, _lookedAt, services.Clock, cancel)
                ?? throw new UserError($"The container {name} is in use.", null, $"Stop it first: codexctl stop --name {name}")
        )
        {
            var packed = Path.Combine(Paths.MakePrivate(files.Move), "packed.tar");
            try
            {
                report("reading the old container");
                await PackAsync(name, packed, cancel);
                report("trying the new image");
                version = await TryAsync(request with { Name = null, Temporary = true }, packed, cancel);
                File.Move(packed, files.Luggage);
            }
            catch
            {
                Directory.Delete(files.Move, recursive: true);
                throw;
            }
            using (alone.ShareWithChildren())
            {
                await engine.RemoveAsync(name, force: false, CancellationToken.None);
            }
        }
        report("making the new container");
        try
        {
            await OpenAsync(request, CancellationToken.None);
        }
        catch (Exception error) when (error is UserError or ProcessError or ImageMissingException)
        {
            throw new UserError(
                $"The old container {name} is gone, and the new one could not be made.",
                error.Message,
                $"Its sessions are kept ({files.Luggage}); codexctl run makes the container, with them."
            );
        }
        return !File.Exists(files.Luggage)
            ? version
            : throw new UserError(
                $"The new container {name} did not take its sessions.",
                $"They are kept: {files.Luggage}",
                "codexctl run tries it again."
            );
    }

    private static bool IsUnfinished(ContainerPaths files) => File.Exists(files.Luggage) || File.Exists(files.LoginInside);

    private async Task OpenAsync(RunRequest request, CancellationToken cancel)
    {
        await using var session = await runner.OpenTriedAsync(request, cancel);
        await session.FinishAsync(cancel);
    }

    private async Task PackAsync(string name, string packed, CancellationToken cancel)
    {
        var export = packed + ".export";
        try
        {
            await engine.ExportAsync(name, export, cancel);
            HomeLuggage.Pack(export, packed);
        }
        catch (InvalidDataException error)
        {
            throw new UserError(
                $"What {engine.Name} exported of the container {name} cannot be read; it is as it was.",
                error.Message,
                $"To begin anew without its sessions: codexctl rm --name {name}, then codexctl run"
            );
        }
        finally
        {
            File.Delete(export);
        }
    }

    /// <summary>A box of the new image that goes away again takes the homes, and its Codex answers.</summary>
    private async Task<string> TryAsync(RunRequest request, string luggage, CancellationToken cancel)
    {
        await using var session = await runner.OpenTriedAsync(request, cancel);
        var said = await HomeLuggage.UnpackAsync(session, luggage, cancel);
        if (said.ExitCode == 0)
        {
            said = await session.CaptureAsync(["codex", "--version"], _answer, cancel);
        }
        await session.FinishAsync(cancel);
        return said.ExitCode == 0
            ? said.Output.Trim()
            : throw new UserError(
                "Codex does not answer in a container of the new image; the old one is as it was.",
                $"{said.Output.Trim()} {said.Error.Trim()}".Trim(),
                $"Build its image anew: codexctl build --rebuild --image {request.Image}"
            );
    }
}
