using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Engines;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>`codexctl ls`: all containers of the engine, running or not.</summary>
public static class Ls
{
    public static Command Create(App app)
    {
        var command = new Command("ls", "List all containers, running or not");
        var engineOption = ContainerOptions.EngineOption();
        var json = new Option<bool>("--json") { Description = "As JSON" };
        command.Options.Add(engineOption);
        command.Options.Add(json);
        command.SetAction((parsed, cancel) => RunAsync(app, parsed.GetValue(engineOption), parsed.GetValue(json), cancel));
        return command.WithExamples(
            ("codexctl ls", "List the containers of the engine"),
            ("codexctl ls --engine bubblewrap --json", "For programs")
        );
    }

    private static async Task<int> RunAsync(App app, string? engineName, bool json, CancellationToken cancel)
    {
        var engine = await app.EngineAsync(engineName, cancel);
        var rows = (await engine.ListAsync(cancel)).OrderBy(c => c.Name, StringComparer.Ordinal).Select(Row.From).ToList();
        if (json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize(rows, LsJson.Default.ListRow));
            return ExitCodes.Ok;
        }
        if (rows.Count == 0 && app.Terminal.IsInteractive)
        {
            app.Terminal.Say($"{engine.Name} has no containers. codexctl run makes one.");
            return ExitCodes.Ok;
        }
        Terminal.Table.Write(
            app.Terminal,
            app.Terminal.IsInteractive,
            ["NAME", "STATE", "IMAGE", "MODE", "NETWORK", "WORKDIR"],
            [
                .. rows.Select(row =>
                    (IReadOnlyList<string>)[row.Name, row.State, row.Image, row.Mode ?? "-", row.Network ?? "-", row.Workdir ?? "-"]
                ),
            ]
        );
        return ExitCodes.Ok;
    }

    /// <param name="Workdir">Null for containers of other programs.</param>
    public sealed record Row(string Name, string State, string Image, string? Mode, string? Network, string? Workdir) : VersionedJson
    {
        public static Row From(ContainerInfo container) =>
            new(
                container.Name,
                container.State.ToString().ToLowerInvariant(),
                container.Label(ContainerLabels.Image) ?? container.Image,
                container.WorkdirReadOnly switch
                {
                    true => "ro",
                    false => "rw",
                    null => null,
                },
                container.Label(ContainerLabels.Network),
                WorkdirLabel.Read(container)
            );
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(List<Ls.Row>))]
internal sealed partial class LsJson : JsonSerializerContext;
