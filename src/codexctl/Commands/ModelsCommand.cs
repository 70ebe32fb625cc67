using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Models;
using Codexctl.Settings;
using Codexctl.Terminal;

namespace Codexctl.Commands;

/// <summary>`codexctl models`: what the model server has, and getting and choosing models.</summary>
public static class ModelsCommand
{
    public static Command Create(App app)
    {
        var server = new Option<string?>("--server")
        {
            Description = "A model server by name (default: the setting model.server)",
            HelpName = "NAME",
        }.CompleteServers(app);
        var url = new Option<string?>("--model-url") { Description = "A model server by its address", HelpName = "URL" };
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var command = new Command("models", "The models of the model server: size, context, tools, whether they fit") { server, url, json };
        server.Recursive = true;
        url.Recursive = true;
        command.SetAction(
            (parsed, cancel) => ListAsync(app, Choose(app, parsed.GetValue(server), parsed.GetValue(url)), parsed.GetValue(json), cancel)
        );

        var pulled = NameArgument(app);
        var pull = new Command("pull", "Get a model; goes on where an earlier pull stopped") { pulled };
        pull.SetAction(
            async (parsed, cancel) =>
            {
                var choice = Choose(app, parsed.GetValue(server), parsed.GetValue(url));
                var name = Checked(parsed.GetRequiredValue(pulled));
                var authorization = ModelOverview.Authorization(app.Environment, choice.ApiKeyVariable);
                using var probe = choice.Probe(app.Environment, app.Clock);
                var found = await probe.DetectAsync(choice.Url, cancel);
                await ModelPulling.PullAsync(app, found, name, authorization, cancel);
                var model = await probe.FindAsync(found, name, cancel);
                app.Terminal.Say(
                    model is null ? $"{name} is there." : $"{name} is there{(model.Size is { } size ? $", {Bar.Size(size)}" : "")}."
                );
                return ExitCodes.Ok;
            }
        );

        var used = NameArgument(app);
        var use = new Command("use", "Make a model the one of every run (the setting model.name)") { used };
        use.SetAction(
            (parsed, cancel) =>
                UseAsync(
                    app,
                    Choose(app, parsed.GetValue(server), parsed.GetValue(url)),
                    Checked(parsed.GetRequiredValue(used)),
                    parsed.GetValue(server),
                    parsed.GetValue(url),
                    cancel
                )
        );
        command.Add(
            pull.WithExamples(
                ("codexctl models pull gpt-oss:20b", "Get a model; a broken download goes on where it stopped"),
                ("codexctl models pull qwen3:8b --server ollama", "Onto another server")
            )
        );
        command.Add(use.WithExamples(("codexctl models use qwen3:8b", "Every run uses this model from now on")));
        return command.WithExamples(
            ("codexctl models", "The models of your server"),
            ("codexctl models --server lmstudio", "Of another server")
        );
    }

    private static async Task<int> ListAsync(App app, ModelChoice choice, bool json, CancellationToken cancel)
    {
        var others = ModelChoice.Servers(app.Settings, app.Environment).Where(server => server.Url != choice.Url).ToList();
        var around = ModelOverview.DetectAsync(others, app.Environment, app.Clock, cancel);
        using var probe = choice.Probe(app.Environment, app.Clock);
        ModelServer server;
        IReadOnlyList<LocalModel> models;
        try
        {
            server = await probe.DetectAsync(choice.Url, cancel);
            models = await probe.DescribeAllAsync(server, cancel);
        }
        catch (UserError error)
        {
            var there = (await around)
                .Where(found => found.Server is not null)
                .Select(found => $"{found.Name} ({found.Server!.KindName} at {found.Server.Display})")
                .ToList();
            if (there.Count == 0)
            {
                throw;
            }
            throw new UserError(
                error.Message,
                error.Why,
                $"{error.Mend}\nThese do answer: {string.Join(", ", there)}. Choose one: codexctl config set model.server NAME"
            );
        }
        catch (HttpRequestException error)
        {
            throw ModelServerProbe.NotReachable(new ModelServer(ModelServerKind.OpenAiCompatible, choice.Url), error.Message);
        }
        var rows = models
            .OrderBy(model => model.Name, StringComparer.Ordinal)
            .Select(model => ModelRow.From(model, server, choice.Model))
            .ToList();
        var answering = (await around)
            .Where(found => found.Server is not null)
            .Select(found => new ServerRow(found.Name, found.Server!.Kind.Word(), found.Server.Display, found.Server.Version))
            .ToList();
        if (json)
        {
            var list = new ModelList(new ServerRow(choice.Server, server.Kind.Word(), server.Display, server.Version), rows, answering);
            app.Terminal.WriteLine(JsonSerializer.Serialize(list, ModelsJson.Default.ModelList));
            return ExitCodes.Ok;
        }
        if (app.Terminal.IsInteractive)
        {
            app.Terminal.Say($"{server.KindName}{(server.Version is { } version ? $" {version}" : "")} at {server.Display}");
            if (rows.Count == 0)
            {
                app.Terminal.Say("it has no models. Get one: codexctl models pull gpt-oss:20b");
            }
        }
        Table.Write(
            app.Terminal,
            app.Terminal.IsInteractive,
            ["MODEL", "SIZE", "CONTEXT", "TOOLS", "FITS", "LOADED", "USED"],
            [.. rows.Select(row => row.Cells())]
        );
        if (app.Terminal.IsInteractive && answering.Count > 0)
        {
            app.Terminal.Say(
                $"other servers here: {string.Join(", ", answering.Select(found => $"{found.Name} at {found.Url}"))}. See theirs: codexctl models --server NAME"
            );
        }
        return ExitCodes.Ok;
    }

    private static async Task<int> UseAsync(App app, ModelChoice choice, string name, string? server, string? url, CancellationToken cancel)
    {
        using var probe = choice.Probe(app.Environment, app.Clock);
        var found = await new ModelPreflight(probe).CheckAsync(choice.Url, name, load: false, cancel: cancel);
        SettingsChange.Write(app, project: false, (path, text) => SettingsEditor.Set(path, text, ["model", "name"], SettingValue.Of(name)));
        // The model belongs to the server on which it was looked for; in one file the address wins over the name.
        if (url is not null)
        {
            SettingsChange.Write(
                app,
                project: false,
                (path, text) => SettingsEditor.Set(path, text, ["model", "url"], SettingValue.Of(url))
            );
        }
        else if (server is not null)
        {
            SettingsChange.Write(app, project: false, (path, text) => SettingsEditor.Unset(path, text, ["model", "url"]) ?? text);
            SettingsChange.Write(
                app,
                project: false,
                (path, text) => SettingsEditor.Set(path, text, ["model", "server"], SettingValue.Of(server))
            );
        }
        app.Terminal.Say($"runs use {name} on {found.Server.KindName} now.");
        foreach (var warning in found.Warnings)
        {
            app.Terminal.Say(warning);
        }
        var now = app.SettingsLoader.Load(app.Folder);
        if (ModelChoice.From(now, app.Environment).Url is var used && used != choice.Url)
        {
            app.Terminal.Say($"but here runs ask the server at {used.Authority}: codexctl config list shows why");
        }
        if (now.ModelName != name)
        {
            app.Terminal.Say(
                $"but here {Shown.Text(now.OriginOf("model.name").ToString())} wins, with {Shown.Text(now.ModelName ?? "nothing")}"
            );
        }
        return ExitCodes.Ok;
    }

    private static ModelChoice Choose(App app, string? server, string? url) =>
        ModelChoice.From(app.Settings, app.Environment, url: url, server: server);

    private static Argument<string> NameArgument(App app) =>
        new Argument<string>("model") { Description = "For example gpt-oss:20b", HelpName = "NAME" }.CompleteModels(app);

    private static string Checked(string name) =>
        SettingsTable.Find("model.name")!.Read([name]) is (null, var problem)
            ? throw new UserError($"{Shown.Text(name)} cannot be a model: {problem}.", null, null, ExitCodes.Usage)
            : name;
}

/// <param name="Others">Other servers that answer.</param>
public sealed record ModelList(ServerRow Server, IReadOnlyList<ModelRow> Models, IReadOnlyList<ServerRow> Others) : VersionedJson;

/// <param name="Name">In the settings; null for an address that was given as such.</param>
public sealed record ServerRow(string? Name, string Kind, string Url, string? Version);

/// <param name="Size">Bytes on disk; null when the server does not tell, as everything here.</param>
/// <param name="Context">Tokens that it runs with, or would; null before it is known.</param>
/// <param name="ContextMaximum">Tokens that it was trained for.</param>
/// <param name="Fits">yes, tight, no or unknown: this machine's memory.</param>
/// <param name="Local">False when the name is all that is here and it runs elsewhere.</param>
/// <param name="Used">A run in this folder would use it.</param>
public sealed record ModelRow(
    string Name,
    long? Size,
    long? Context,
    long? ContextMaximum,
    bool? Tools,
    bool? Thinking,
    string Fits,
    bool? Loaded,
    bool Local,
    bool Used
)
{
    internal static ModelRow From(LocalModel model, ModelServer server, string used) =>
        new(
            model.Name,
            model.Size,
            model.EffectiveContext,
            model.ContextMaximum,
            model.Can("tools"),
            model.Can("thinking"),
            (server.Address.IsLoopback ? ModelOverview.Fit(model.Size, ModelOverview.Memory) : MemoryFit.Unknown)
                .ToString()
                .ToLowerInvariant(),
            server.Kind switch
            {
                ModelServerKind.Ollama or ModelServerKind.LmStudio => model.ContextLoaded is not null,
                // It serves what it has loaded, and nothing else.
                ModelServerKind.Vllm => true,
                _ => null,
            },
            model.RemoteHost is null && !(server.Kind == ModelServerKind.Ollama && OllamaNames.IsCloud(model.Name)),
            OllamaNames.Same(model.Name, used, server.Kind)
        );

    internal IReadOnlyList<string> Cells() =>
        [
            Shown.Text(Name),
            Size is { } size ? Bar.Size(size) : "-",
            (Context, ContextMaximum) switch
            {
                ({ } now, { } most) when now != most => $"{now} of {most}",
                ({ } now, _) => $"{now}",
                (_, { } most) => $"? of {most}",
                _ => "-",
            },
            Local ? Word(Tools) : "runs elsewhere",
            Fits == "unknown" ? "-" : Fits,
            Word(Loaded),
            Used ? "*" : "",
        ];

    private static string Word(bool? yes) =>
        yes switch
        {
            true => "yes",
            false => "no",
            null => "-",
        };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ModelList))]
internal sealed partial class ModelsJson : JsonSerializerContext;
