using Codexctl.Auth;
using Codexctl.Engines;
using Codexctl.Engines.Apple;
using Codexctl.Engines.Bubblewrap;
using Codexctl.Images;
using Codexctl.Processes;

namespace Codexctl.Commands;

/// <summary>What goes, in this order, what stays, and what could not be looked at.</summary>
/// <param name="Kept">What it is, and how it goes; null for what belongs to others.</param>
public sealed record Removal(
    IReadOnlyList<Removal.Thing> Things,
    IReadOnlyList<(string What, string? How)> Kept,
    IReadOnlyList<string> Problems
)
{
    /// <summary>One thing that codexctl made.</summary>
    public sealed record Thing(string What, Func<CancellationToken, Task> RemoveAsync);

    private const string WithPurge = "--purge removes it";

    private static readonly string[] _engines = [AppleEngine.EngineName, "docker", "podman", BubblewrapEngine.EngineName];

    /// <summary>Looks and changes nothing.</summary>
    /// <param name="images">The only images that go, by name; null for all.</param>
    public static async Task<Removal> FindAsync(App app, bool purge, IReadOnlyList<string>? images, CancellationToken cancel)
    {
        var search = new Search(app, purge, images);
        foreach (var name in _engines)
        {
            await search.EngineAsync(name, cancel);
        }
        await search.LoginAsync(cancel);
        search.Files();
        return new Removal(search.Things, search.Kept, search.Problems);
    }

    private sealed class Search(App app, bool purge, IReadOnlyList<string>? images)
    {
        /// <summary>All that codexctl writes into its folders; in a folder that the person chose, other files may be too.</summary>
        private static readonly string[] _state =
        [
            .. _engines,
            "auth",
            "build",
            "proxy",
            "trust.json",
            "import",
            "imports.json",
            "settings.lock",
            "codex-pin.json",
            "crash.log",
        ];

        private static readonly string[] _cache = ["codex", "npm", "build"];

        private readonly Paths _paths = app.Paths;

        /// <summary>The folders of containers that were there, for their sockets in /tmp.</summary>
        private readonly HashSet<string> _roots = new(StringComparer.Ordinal);

        public List<Thing> Things { get; } = [];

        public List<(string What, string? How)> Kept { get; } = [];

        public List<string> Problems { get; } = [];

        public async Task EngineAsync(string name, CancellationToken cancel)
        {
            var known = Directory.Exists(_paths.EngineState(name));
            if (name == AppleEngine.EngineName && !OperatingSystem.IsMacOS() && !known)
            {
                // A program `container` is somebody else's there.
                return;
            }
            var engine = app.Engines.Named(name);
            try
            {
                var containers = await engine.ListAsync(cancel);
                var ours = containers.Where(IsOurs).ToList();
                foreach (var container in ours)
                {
                    _roots.Add(_paths.Container(name, container.Name).Root);
                    var running = container.State == ContainerState.Stopped ? "" : " (running)";
                    Things.Add(new Thing($"container {container.Name} of {name}{running}", token => RemoveAsync(engine, container, token)));
                }
                if (engine is IImageEngine stocked)
                {
                    await ImagesAsync(stocked, [.. containers.Except(ours)], cancel);
                }
            }
            catch (Exception error) when (error is UserError or ProcessError)
            {
                // An engine that was never used here is none of our business.
                if (known)
                {
                    Problems.Add($"{name} was not looked at: {error.Message}");
                }
            }
        }

        public async Task LoginAsync(CancellationToken cancel)
        {
            try
            {
                var vault = new LoginVault(await app.Stores.ChooseAsync(Store()), _paths.Login, app.Clock);
                if (await vault.Store.ReadAsync(cancel) is null)
                {
                    return;
                }
                var what = $"the login in {vault.Store.Display}";
                if (!purge)
                {
                    Kept.Add((what, "codexctl auth logout or --purge removes it"));
                    return;
                }
                Things.Add(
                    new Thing(
                        what,
                        async token =>
                        {
                            await vault.RemoveAsync(token);
                            app.Stores.Forget(vault.Store);
                        }
                    )
                );
            }
            catch (UserError error)
            {
                Problems.Add($"the stored login: {error.Message}");
            }
        }

        public void Files()
        {
            Sockets();
            Folder(_paths.State, _state, app.Environment["CODEXCTL_STATE_DIR"] is not null, purge ? _ => false : IsThePersons);
            Folder(_paths.Cache, _cache, app.Environment["CODEXCTL_CACHE_DIR"] is not null, _ => false);
            if (app.Environment["CODEXCTL_CONFIG"] is null)
            {
                if (Directory.Exists(_paths.Config) && purge)
                {
                    Things.Add(
                        new Thing(
                            $"folder {_paths.Config}",
                            Now(() =>
                            {
                                Remove(_paths.Config);
                                RemoveEmptyAbove(_paths.Config);
                            })
                        )
                    );
                }
                else if (Directory.Exists(_paths.Config))
                {
                    Kept.Add(($"folder {_paths.Config}", WithPurge));
                }
            }
            else if (File.Exists(_paths.ConfigFile))
            {
                // What is beside a file that the person put somewhere is the person's.
                if (purge)
                {
                    Things.Add(new Thing($"file {_paths.ConfigFile}", Now(() => File.Delete(_paths.ConfigFile))));
                }
                else
                {
                    Kept.Add(($"file {_paths.ConfigFile}", WithPurge));
                }
            }
        }

        private bool IsOurs(ContainerInfo container) =>
            container.IsOurs && (container.Label(ContainerLabels.State) ?? _paths.StateId) == _paths.StateId;

        /// <summary>As `rm --force` does it, but without the settings: what cannot be read must not keep anything here.</summary>
        private async Task RemoveAsync(IContainerEngine engine, ContainerInfo container, CancellationToken cancel)
        {
            var files = _paths.Container(engine.Name, container.Name);
            Paths.MakePrivate(_paths.EngineState(engine.Name));
            using var turn = await app.Gateways.TakeTurnAsync(engine.Name, app.Terminal.Say, cancel);
            if (File.Exists(files.Pinned))
            {
                File.Delete(files.Pinned);
            }
            if (!await app.Gateways.StopAsync(engine.Name, container.Name, cancel) && container.State != ContainerState.Stopped)
            {
                await engine.StopAsync(container.Name, cancel);
            }
            await engine.RemoveAsync(container.Name, force: true, cancel);
            files.RemoveAllButRecords();
        }

        private async Task ImagesAsync(IImageEngine engine, IReadOnlyList<ContainerInfo> others, CancellationToken cancel)
        {
            // Containers that go keep no image.
            var stock = ImageStock.From(await engine.ListImagesAsync(ImageLabels.Name, cancel), others);
            foreach (var image in stock.Images.Where(image => images?.Contains(image.Name, StringComparer.Ordinal) ?? true))
            {
                var what = $"image {image.Reference} of {engine.Name}";
                if (image.UsedBy.Count > 0)
                {
                    Kept.Add(
                        (
                            what,
                            $"in use by {string.Join(", ", image.UsedBy)}, which another state directory of codexctl or somebody else made"
                        )
                    );
                    continue;
                }
                Things.Add(new Thing(what, token => engine.RemoveImageAsync(image.Reference, token)));
            }
        }

        private void Sockets()
        {
            foreach (var engine in _engines.Select(_paths.EngineState).Where(Directory.Exists))
            {
                _roots.UnionWith(Directory.EnumerateDirectories(engine));
            }
            var found = _roots
                .Select(root => Path.Combine(Paths.SharedSockets, Paths.Hash(root, 16)))
                .Where(folder => Directory.Exists(folder) && Libc.OwnerOf(folder) == Libc.GetUserId())
                .ToList();
            if (found.Count > 0)
            {
                Things.Add(
                    new Thing(
                        $"sockets in {Paths.SharedSockets}",
                        Now(() =>
                        {
                            found.ForEach(Remove);
                            RemoveEmpty(Paths.SharedSockets);
                        })
                    )
                );
            }
        }

        /// <summary>Our entries of a folder, then the folder itself when nothing else is in it.</summary>
        private void Folder(string folder, string[] names, bool chosen, Func<string, bool> keep)
        {
            if (!Directory.Exists(folder))
            {
                return;
            }
            var entries = Directory.EnumerateFileSystemEntries(folder).Order(StringComparer.Ordinal).ToList();
            var ours = chosen ? entries.Where(entry => names.Contains(Path.GetFileName(entry), StringComparer.Ordinal)).ToList() : entries;
            var kept = ours.SelectMany(entry => Held(entry, keep)).ToList();
            Kept.AddRange(kept.Select(path => (path, (string?)WithPurge)));
            Kept.AddRange(entries.Except(ours, StringComparer.Ordinal).Select(path => (path, (string?)"not codexctl's")));
            Things.Add(
                new Thing(
                    kept.Count == 0 && entries.Count == ours.Count ? $"folder {folder}" : $"folder {folder}, but for what is kept",
                    Now(() =>
                    {
                        // Again, for what came since: records that the ends of runs wrote, locks.
                        foreach (var entry in Directory.EnumerateFileSystemEntries(folder))
                        {
                            if (!chosen || names.Contains(Path.GetFileName(entry), StringComparer.Ordinal))
                            {
                                RemoveAllBut(entry, keep);
                            }
                        }
                        RemoveEmpty(folder);
                    })
                )
            );
        }

        /// <summary>Recordings, receipts, the login, and what the person approved.</summary>
        private bool IsThePersons(string path) =>
            path == _paths.Login
            || path == _paths.Trust
            || path == _paths.Proxy
            || (
                Path.GetFileName(path) is "record" or "receipt"
                && Path.GetDirectoryName(Path.GetDirectoryName(Path.GetDirectoryName(path))) == _paths.State
            );

        private string Store()
        {
            try
            {
                return app.Settings.AuthStore;
            }
            catch (UserError)
            {
                // Settings that cannot be read must not keep anything here.
                return "auto";
            }
        }

        /// <summary>What below a path is kept; looks no deeper than a container's folder, because the box may have written what is there.</summary>
        private IEnumerable<string> Held(string path, Func<string, bool> keep) =>
            keep(path) ? [path]
            : IsAbove(path)
                ? Directory.EnumerateFileSystemEntries(path).Order(StringComparer.Ordinal).SelectMany(below => Held(below, keep))
            : [];

        private void RemoveAllBut(string path, Func<string, bool> keep)
        {
            if (keep(path))
            {
                return;
            }
            if (!IsAbove(path))
            {
                Remove(path);
                return;
            }
            var gateway = new ContainerPaths(path).GatewayLock;
            if (File.Exists(gateway))
            {
                using var free =
                    FileLock.TryTake(gateway) ?? throw new IOException($"A gateway still uses {path}; its engine was not looked at.");
            }
            foreach (var below in Directory.EnumerateFileSystemEntries(path))
            {
                RemoveAllBut(below, keep);
            }
            if (IsEmpty(path))
            {
                Directory.Delete(path);
            }
        }

        /// <summary>An engine's folder, or a container's in it.</summary>
        private bool IsAbove(string path) =>
            new DirectoryInfo(path) is { Exists: true, LinkTarget: null }
            && _engines.Any(engine => path == _paths.EngineState(engine) || Path.GetDirectoryName(path) == _paths.EngineState(engine));

        /// <summary>The folder when it is empty, and then what was made on the way to it below the home: ~/.local/state, ~/.local.</summary>
        private void RemoveEmpty(string folder)
        {
            if (IsEmpty(folder))
            {
                Directory.Delete(folder);
                RemoveEmptyAbove(folder);
            }
        }

        private void RemoveEmptyAbove(string folder)
        {
            for (
                var above = Path.GetDirectoryName(folder);
                above?.StartsWith(app.Environment.Home + "/.", StringComparison.Ordinal) == true && IsEmpty(above);
                above = Path.GetDirectoryName(above)
            )
            {
                Directory.Delete(above);
            }
        }

        private static bool IsEmpty(string folder) => Directory.Exists(folder) && !Directory.EnumerateFileSystemEntries(folder).Any();

        private void Remove(string path)
        {
            if (File.Exists(path) || new FileInfo(path).LinkTarget is not null)
            {
                File.Delete(path);
            }
            else if (OperatingSystem.IsLinux())
            {
                // A box's home may hold names and depths that the library cannot remove.
                TreeRemoval.Remove(path);
            }
            else if (Directory.Exists(path))
            {
                Directory.Delete(path, recursive: true);
            }
        }

        private static Func<CancellationToken, Task> Now(Action action) =>
            _ =>
            {
                action();
                return Task.CompletedTask;
            };
    }
}
