using System.CommandLine;
using Codexctl.Engines;
using Codexctl.Processes;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>The options by which a command finds its container, shared by all that work on one.</summary>
public sealed class ContainerOptions(App app)
{
    public Option<string?> Name { get; } =
        new Option<string?>("--name") { Description = "The container (default: codex-<folder>)", HelpName = "NAME" }.CompleteContainers(
            app
        );

    public Option<string?> Engine { get; } = EngineOption();

    public Option<string?> Workdir { get; } =
        new("--workdir") { Description = "The folder whose container is meant (default: the current one)", HelpName = "PATH" };

    public static Option<string?> EngineOption() =>
        new Option<string?>("--engine")
        {
            Description = "apple, docker, podman or bubblewrap (default: the setting engine, else the first that answers)",
            HelpName = "ENGINE",
        }.CompleteFrom("apple", "docker", "podman", "bubblewrap");

    public void AddTo(Command command)
    {
        command.Options.Add(Name);
        command.Options.Add(Engine);
        command.Options.Add(Workdir);
    }

    /// <summary>The container that is meant, in one engine call.</summary>
    /// <exception cref="UserError">There is none, or it is not codexctl's.</exception>
    /// <param name="positional">The name as an argument, where a command takes it so.</param>
    public async Task<(IContainerEngine Engine, ContainerInfo Container)> FindAsync(
        App app,
        ParseResult parsed,
        CancellationToken cancel,
        string? positional = null
    )
    {
        var name = positional ?? parsed.GetValue(Name);
        if (name is not null)
        {
            ContainerNames.Check(name);
        }
        var engine = await app.EngineAsync(parsed.GetValue(Engine), cancel);
        var folder = Folder(parsed.GetValue(Workdir));
        var plain = ContainerNames.ForFolder(app.Settings.DefaultNamePrefix, folder);
        string[] names = name is not null ? [name] : [plain, ContainerNames.WithHash(plain, folder)];
        var found = await engine.InspectAsync(names, cancel);
        var container = found.FirstOrDefault(c =>
            c.IsOurs
            && (c.Label(ContainerLabels.State) ?? app.Paths.StateId) == app.Paths.StateId
            && (name is not null || WorkdirLabel.Read(c) == folder)
        );
        if (container is not null)
        {
            return (engine, container);
        }
        throw found.FirstOrDefault(c => c.Name == name) is { } foreign
            ? new UserError(
                $"The container {foreign.Name} was not made by this codexctl.",
                "codexctl never touches containers of other programs."
            )
        : names.FirstOrDefault(missing => File.Exists(app.Paths.Container(engine.Name, missing).Luggage)) is { } moving
            ? new UserError(
                $"The upgrade of {moving} was interrupted when the old container was gone already.",
                "Its sessions are kept.",
                "codexctl run makes the new container, with them."
            )
        : new UserError(
            name is null ? $"There is no container for {folder}." : $"There is no container named {name}.",
            $"The engine {engine.Name} does not know it.",
            "codexctl ls shows those that exist; codexctl run makes one."
        );
    }

    private static string Folder(string? given)
    {
        var folder = given ?? Directory.GetCurrentDirectory();
        return Libc.ResolvePath(folder) ?? throw new UserError($"{folder} cannot be found.", null, "Check the path after --workdir.");
    }
}
