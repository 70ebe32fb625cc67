using Codexctl.Engines;
using Codexctl.Engines.Apple;
using Codexctl.Images;
using Codexctl.Processes;
using Codexctl.Sessions;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>Looks for what of the shell script and of agentctl is on this machine, and changes nothing.</summary>
public sealed class ImportSearch
{
    /// <param name="Script">The shell script; null for none.</param>
    /// <param name="LoginFrom">The container whose login is wanted; null for none.</param>
    /// <param name="Containers">The only ones that count; empty for all.</param>
    public sealed record Asked(string? Engine, string? Script, string? LoginFrom, IReadOnlyList<string> Containers);

    /// <param name="Take">Takes it, and says what was done; null when there is nothing to take.</param>
    public sealed record Item(ImportRow Row, Func<CancellationToken, Task<string>>? Take = null);

    private static readonly string[] _engines = [AppleEngine.EngineName, "docker", "podman"];

    private readonly App _app;
    private readonly Asked _asked;
    private readonly ImportTaking _taking;
    private readonly List<Item> _items = [];
    private readonly List<string> _problems = [];
    private IReadOnlyList<OldConstant> _constants = [];
    private readonly HashSet<string> _found = new(StringComparer.Ordinal);

    private ImportSearch(App app, Asked asked) => (_app, _asked, _taking) = (app, asked, new ImportTaking(app));

    public IReadOnlyList<Item> Items => _items;

    /// <summary>What could not be looked at.</summary>
    public IReadOnlyList<string> Problems => _problems;

    public static async Task<ImportSearch> FindAsync(App app, Asked asked, CancellationToken cancel)
    {
        var search = new ImportSearch(app, asked);
        search.Script();
        if ((asked.Engine ?? _engines.FirstOrDefault(name => name == app.Settings.Engine)) is { } one)
        {
            await search.EngineAsync(await app.EngineAsync(one, cancel), cancel);
        }
        else
        {
            await search.EnginesAsync(cancel);
        }
        var wanted = asked.Containers.Append(asked.LoginFrom).OfType<string>();
        if (wanted.FirstOrDefault(name => !search._found.Contains(name)) is { } container)
        {
            throw new UserError(
                $"There is no container {container} of the shell script or of agentctl.",
                null,
                "codexctl import shows those that were found. Of a container of codexctl's: codexctl keychain store-from-container",
                ExitCodes.Usage
            );
        }
        await search.LoginAsync(cancel);
        return search;
    }

    private void Script()
    {
        if (_asked.Script is { } given)
        {
            var path = Libc.ResolvePath(given) ?? throw new UserError($"{given} cannot be found.", null, "Check the path after --script.");
            var content = UntrustedFile.Read(path, OldScript.Largest)!;
            _constants = OldScript.Read(UntrustedFile.Text(path, content));
            if (_constants.Count == 0)
            {
                throw new UserError(
                    $"{given} has none of the constants of the shell script.",
                    "Those are DEFAULT_IMAGE, DEFAULT_NAME_PREFIX, AUTH_NAME_PREFIX, DEFAULT_SHELL, DEFAULT_CODEX_PROFILE and DEFAULT_CODEX_CMD.",
                    "Check the path after --script.",
                    ExitCodes.Usage
                );
            }
        }
        var own = _app.SettingsLoader.User()?.Entries ?? [];
        foreach (var constant in _constants)
        {
            var name = constant.Setting.Name;
            var shown = Shown.Text(constant.Value?.ToToml() ?? "");
            ImportRow Row(string action, string detail) => new("setting", name, null, action, detail);
            _items.Add(
                constant.Value is not { } value
                    ? new Item(Row(ImportRow.CannotNow, $"line {constant.Line} of the script: {constant.Problem}"))
                : own.FirstOrDefault(entry => entry.Name == name) is { } set
                    ? new Item(
                        Row(ImportRow.Stays, $"{_app.Paths.ConfigFile}:{set.Line} has {Shown.Text(set.Value.ToToml())}; the script {shown}")
                    )
                : value.Same(constant.Setting.Default) ? new Item(Row(ImportRow.Stays, $"{shown} is the default here too"))
                : new Item(
                    Row(ImportRow.WouldTake, $"{shown}, of line {constant.Line} of the script, into {_app.Paths.ConfigFile}"),
                    _ => Task.FromResult(_taking.Setting(name, value))
                )
            );
        }
        if (_app.Environment["CODEX_SHELL"] is { } shell)
        {
            _items.Add(
                new Item(new ImportRow("setting", "default_shell", null, ImportRow.Stays, $"CODEX_SHELL={shell} is understood as it is"))
            );
        }
    }

    /// <summary>All that are installed here; one that does not answer is told, and not missed.</summary>
    private async Task EnginesAsync(CancellationToken cancel)
    {
        foreach (var name in _engines)
        {
            // Elsewhere than on a Mac a program `container` is somebody else's.
            var program = name == AppleEngine.EngineName ? AppleClient.Program : name;
            if ((name == AppleEngine.EngineName && !OperatingSystem.IsMacOS()) || _app.Processes.Find(program) is null)
            {
                continue;
            }
            try
            {
                await EngineAsync(_app.Engines.Named(name), cancel);
            }
            catch (Exception error) when (error is UserError or ProcessError)
            {
                _problems.Add($"{name} was not looked at: {error.Message}");
            }
        }
    }

    private async Task EngineAsync(IContainerEngine asked, CancellationToken cancel)
    {
        if (asked is not IExportingEngine engine)
        {
            throw new UserError(
                $"{asked.Name} has no containers of other programs.",
                null,
                "Choose apple, docker or podman, or leave --engine out.",
                ExitCodes.Usage
            );
        }
        var all = await engine.ListAsync(cancel);
        var images = await engine.ImageNamesAsync(cancel);
        var foreign = await ForeignAsync(engine, images, cancel);
        var needed = new HashSet<string>(StringComparer.Ordinal);
        var containers = all.OrderBy(c => c.Name, StringComparer.Ordinal).SelectMany(c => Container(engine, c, all, needed)).ToList();
        // First: a box cannot be made while its image's name is another program's.
        _items.AddRange(images.Where(OldContainers.IsOldImage).SelectMany(image => Image(engine, image, foreign, needed)));
        _items.AddRange(containers);
    }

    /// <summary>Of the names that are codexctl's too, those that other programs' images have.</summary>
    private async Task<Dictionary<string, ImageInfo>> ForeignAsync(
        IExportingEngine engine,
        IReadOnlyList<string> images,
        CancellationToken cancel
    )
    {
        var foreign = new Dictionary<string, ImageInfo>(StringComparer.Ordinal);
        foreach (var recipe in _app.Images.All.Where(recipe => images.Any(image => IsNamed(image, recipe.Name))))
        {
            if (
                await engine.InspectImageAsync(recipe.Name, cancel) is { } image
                && ImagePlan.StateOf(_app.Images, _app.Codex.Release, recipe, image) == ImageState.Foreign
            )
            {
                foreign[recipe.Name] = image;
            }
        }
        return foreign;
    }

    private static bool IsNamed(string image, string name) =>
        OldContainers.BareName(image) == name
        && (
            !image[(image.LastIndexOf('/') + 1)..].Contains(':', StringComparison.Ordinal)
            || image.EndsWith(":latest", StringComparison.Ordinal)
        );

    private IEnumerable<Item> Image(IExportingEngine engine, string image, Dictionary<string, ImageInfo> foreign, HashSet<string> needed)
    {
        var bare = OldContainers.BareName(image);
        if (IsNamed(image, bare) && foreign.TryGetValue(bare, out var theirs))
        {
            var kept = ImportTaking.KeptName(bare, theirs);
            yield return needed.Contains(bare)
                ? new Item(
                    new ImportRow(
                        "image",
                        image,
                        engine.Name,
                        ImportRow.WouldTake,
                        $"it keeps the name {kept}; codexctl builds its own {bare}"
                    ),
                    token => _taking.ImageAsync(engine, bare, theirs, token)
                )
                : new Item(
                    new ImportRow(
                        "image",
                        image,
                        engine.Name,
                        ImportRow.Stays,
                        $"boxes cannot be made from it; codexctl build --rebuild --image {bare} puts codexctl's own in its place"
                    )
                );
        }
        else if (bare.StartsWith("agent", StringComparison.Ordinal) && !bare.Contains("-before-codexctl", StringComparison.Ordinal))
        {
            var ours = OldContainers.OurImage(image, name => _app.Images.Find(name) is not null);
            yield return new Item(
                new ImportRow("image", image, engine.Name, ImportRow.Stays, ours is null ? null : $"codexctl's own is {ours}")
            );
        }
    }

    private IEnumerable<Item> Container(
        IExportingEngine engine,
        ContainerInfo container,
        IReadOnlyList<ContainerInfo> all,
        HashSet<string> needed
    )
    {
        ImportRow Row(string action, string? detail) => new("container", container.Name, engine.Name, action, detail);
        var kind = OldContainers.KindOf(container, Prefix("default_name_prefix"), Prefix("auth_name_prefix"));
        if (kind == OldKind.None)
        {
            yield break;
        }
        _found.Add(container.Name);
        var stopped = container.State == ContainerState.Stopped;
        var running = $"it runs; stop it with its own program first ({Program(engine)} stop {container.Name})";
        if (container.Name == _asked.LoginFrom)
        {
            var row = new ImportRow("login", container.Name, engine.Name, ImportRow.WouldTake, "the OpenAI login in it, into the store");
            yield return stopped
                ? new Item(row, token => _taking.LoginAsync(engine, container.Name, token))
                : new Item(row with { Action = ImportRow.CannotNow, Detail = running });
        }
        if (_asked.Containers.Count > 0 && !_asked.Containers.Contains(container.Name, StringComparer.Ordinal))
        {
            yield break;
        }
        if (kind == OldKind.SignIn)
        {
            yield return new Item(Row(ImportRow.Stays, "left over from a sign-in; there is nothing in it to work with"));
            yield break;
        }
        if (_taking.Done.Find(engine.Name, container) is { } taken && all.Any(other => other.IsOurs && other.Name == taken))
        {
            yield return new Item(Row(ImportRow.WasTaken, $"its sessions are in {taken}"));
            yield break;
        }
        var folder = container.WorkdirSource!;
        var image = OldContainers.OurImage(container.Image, name => _app.Images.Find(name) is not null) ?? _app.Settings.DefaultImage;
        if (!stopped)
        {
            yield return new Item(Row(ImportRow.CannotNow, running));
            yield break;
        }
        if (Refusal(folder) is { } refusal)
        {
            yield return new Item(Row(ImportRow.CannotNow, refusal));
            yield break;
        }
        needed.Add(image);
        yield return new Item(
            Row(ImportRow.WouldTake, $"its Codex sessions, for {folder}, into a box of the image {image}"),
            token => _taking.SessionsAsync(engine, container, folder, image, token)
        );
    }

    private string? Refusal(string folder)
    {
        try
        {
            _ = Workdir.Resolve(folder, _app.Paths, _app.Environment.Home, allowHome: false);
            return null;
        }
        catch (UserError error)
        {
            return $"{error.Message} {error.Why}";
        }
    }

    private string? Prefix(string setting) =>
        _constants.FirstOrDefault(constant => constant.Setting.Name == setting)?.Value is { Text.Length: > 0 } prefix ? prefix.Text : null;

    private static string Program(IContainerEngine engine) => engine.Name == AppleEngine.EngineName ? "container" : engine.Name;

    private async Task LoginAsync(CancellationToken cancel)
    {
        try
        {
            var vault = await _app.LoginsAsync();
            if (await vault.ReadAsync(cancel) is not null)
            {
                _items.Add(new Item(new ImportRow("login", vault.Store.Display, null, ImportRow.Stays, "it is used as it is")));
            }
        }
        catch (UserError error)
        {
            _problems.Add($"the stored login was not looked at: {error.Message}");
        }
    }
}
