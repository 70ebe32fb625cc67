using Codexctl.Engines;
using Codexctl.Gateway;
using Codexctl.Policy;
using Codexctl.Processes;

namespace Codexctl.Sessions;

/// <summary>Further folders of the host for a box (`mounts`, `--mount`): resolved, and refused where they would open the host.</summary>
public static class ExtraMounts
{
    /// <param name="settings">From the settings, in their order.</param>
    /// <param name="typed">From the command line; one with the target of a setting replaces it.</param>
    /// <param name="allowRisky">`--allow-risky-mounts`: holds for what was typed alone.</param>
    /// <exception cref="UserError">One of them cannot be shared.</exception>
    public static IReadOnlyList<Mount> Resolve(
        IReadOnlyList<string> settings,
        IReadOnlyList<string> typed,
        bool allowRisky,
        Workdir workdir,
        bool readOnly,
        HostPlaces places,
        string home
    )
    {
        var own = typed.Select(text => MountText.Parse(FromHere(text))).ToList();
        var kept = settings.Select(MountText.Parse).Where(mount => own.All(other => other.Target != mount.Target)).ToList();
        // Once more together: targets of both must not meet.
        _ = MountText.ParseAll([.. kept.Concat(own).Select(mount => mount.ToString())]);
        return
        [
            .. kept.Select(mount => One(mount, typed: false, allowRisky: false)),
            .. own.Select(mount => One(mount, typed: true, allowRisky)),
        ];

        Mount One(MountText mount, bool typed, bool allowRisky)
        {
            var given = mount.Source[0] == '~' ? home + mount.Source[1..] : mount.Source;
            var path =
                Libc.ResolvePath(given) ?? throw Refused(mount, "There is no such folder.", "Check the path, or create the folder first.");
            if (!Directory.Exists(path))
            {
                throw Refused(mount, "It is not a folder.", "Mount the folder that it lies in.");
            }
            var shown = path == given ? "" : $"It leads to {path}. ";
            if (places.NeverBecause(path) is { } never)
            {
                throw Refused(mount, shown + never, "Mount a folder that holds only what the box needs.");
            }
            if (HostPlaces.IsWithin(path, workdir.Path))
            {
                throw Refused(mount, shown + $"The box has it already, in {Box.Workdir}.", "Leave it out.");
            }
            if (!mount.ReadOnly && HostPlaces.IsInside(workdir.Path, path))
            {
                throw Refused(
                    mount,
                    shown
                        + $"The working folder {workdir.Path} lies in it{(readOnly ? ", which was to be read-only" : "")}: a box could put another in its place.",
                    "Mount it read-only, or run codexctl in that folder."
                );
            }
            if (!allowRisky && places.RiskyBecause(path, mount.ReadOnly) is { } risky)
            {
                throw Refused(
                    mount,
                    shown + risky,
                    typed
                        ? "Mount a folder that holds only what the box needs, or repeat with --allow-risky-mounts if you mean it."
                        : "Take it out of the settings; for one run it can be typed: --mount … --allow-risky-mounts"
                );
            }
            return new Mount(path, mount.Target, mount.ReadOnly);
        }
    }

    /// <summary>
    /// Again, right before the engine is told: engines follow links when they start a container, and whoever may write above a folder
    /// could have put a link in its place, or do it at this moment.
    /// </summary>
    /// <exception cref="UserError">A folder is not the one that it was, or may be exchanged.</exception>
    public static async Task CheckAsync(RunRequest request, GatewayLauncher gateways, string engine, string container)
    {
        CheckUnmoved([request.Workdir.Path, .. request.Mounts.Select(mount => mount.Source)], container);
        foreach (var mount in request.Mounts)
        {
            if (await gateways.WhoWritesAboveAsync(mount.Source, engine, container) is { } box)
            {
                throw new UserError(
                    $"{mount.Source} cannot be mounted now.",
                    $"The box {box} runs and may write to a folder above it: it could put another in its place at this moment.",
                    $"Stop it first (codexctl stop --name {box}), or mount the whole folder that it works in.",
                    ExitCodes.BeforeCommand
                );
            }
        }
    }

    internal static void CheckUnmoved(IEnumerable<string> folders, string container)
    {
        foreach (var folder in folders)
        {
            var now = Libc.ResolvePath(folder);
            if (now != folder)
            {
                throw new UserError(
                    $"{folder} is not what it was.",
                    now is null ? "It is gone." : $"It leads to {now} now.",
                    $"Put it back; or make the container anew: codexctl rm --name {container}, then codexctl run",
                    ExitCodes.BeforeCommand
                );
            }
        }
    }

    // As shells and engines take it; settings know no current folder.
    private static string FromHere(string text) =>
        text.Length == 0 || text[0] is '/' or '~' or ':' ? text : Path.GetFullPath(".") + "/" + text;

    private static UserError Refused(MountText mount, string why, string mend) =>
        new($"{mount.Source} cannot be mounted at {mount.Target}.", why, mend, ExitCodes.BeforeCommand);
}
