using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Codexctl.Processes;
using Codexctl.Settings;

namespace Codexctl.Commands;

/// <summary>`codexctl config`: the settings, and where each comes from.</summary>
public static class Config
{
    private static readonly Func<Option<string?>> _workdir = () =>
        new("--workdir") { Description = "The folder whose project file counts (default: the current one)", HelpName = "PATH" };

    public static Command Create(App app) =>
        new Command("config", "Show and change the settings, and where each value comes from")
        {
            CreateList(app),
            CreateGet(app),
            CreateSet(app),
            CreateUnset(app),
            CreateEdit(app),
            CreatePath(app),
            CreateReference(app),
        }.WithExamples(
            ("codexctl config list", "Every setting, its value and where it comes from"),
            ("codexctl config set default_image codex-python", "Change one for good")
        );

    private static Command CreateList(App app)
    {
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var command = new Command("list", "Every setting, its value and where it comes from") { json, _workdir() };
        command.SetAction(parsed =>
        {
            var settings = InOrder(app.Settings);
            if (parsed.GetValue(json))
            {
                app.Terminal.WriteLine(
                    JsonSerializer.Serialize(new ConfigList([.. settings.Select(ConfigRow.From)]), ConfigJson.Default.ConfigList)
                );
                return;
            }
            Terminal.Table.Write(
                app.Terminal,
                app.Terminal.IsInteractive,
                ["SETTING", "VALUE", "FROM"],
                [.. settings.Select(found => (IReadOnlyList<string>)[found.Name, Words(found), Shown.Text(found.Origin.ToString())])]
            );
        });
        return command.WithExamples(("codexctl config list", "Every setting and where it comes from"));
    }

    private static Command CreateGet(App app)
    {
        var name = NameArgument();
        var command = new Command("get", "One setting's value; lists one entry a line") { name, _workdir() };
        command.SetAction(parsed =>
        {
            var path = Named(parsed.GetValue(name)!);
            var found = app.Settings.Values.GetValueOrDefault(string.Join('.', path));
            var words = found?.Value?.Words ?? BuiltIn(app.Settings, path);
            if (words is null)
            {
                app.Terminal.Say(
                    $"{string.Join('.', path)} is not set{(SettingsTable.Find(path)?.DefaultWords is { } usual ? $": {usual}" : "")}."
                );
                return ExitCodes.Failed;
            }
            foreach (var word in words)
            {
                app.Terminal.WriteLine(Shown.Text(word));
            }
            if (app.Terminal.IsInteractive)
            {
                app.Terminal.Say($"from: {Shown.Text((found?.Origin ?? SettingOrigin.Default).ToString())}");
            }
            return ExitCodes.Ok;
        });
        return command.WithExamples(("codexctl config get model.name", "One setting's value"));
    }

    private static Command CreateSet(App app)
    {
        var name = NameArgument();
        var value = new Argument<string[]>("value")
        {
            Description = "The value; several words, or parted by commas, for a list",
            Arity = ArgumentArity.ZeroOrMore,
            HelpName = "VALUE…",
        };
        var project = ProjectOption();
        var command = new Command("set", "Change a setting; the file keeps its comments and order") { name, value, project, _workdir() };
        command.SetAction(parsed =>
        {
            var path = Named(parsed.GetValue(name)!);
            var setting = SettingsTable.Find(path)!;
            var words = parsed.GetValue(value) ?? [];
            if (words.Length == 0 && setting.Kind != SettingKind.List)
            {
                throw Usage($"{string.Join('.', path)} needs a value.", $"codexctl config unset {string.Join('.', path)} takes it away.");
            }
            var (read, problem) = setting.Read(words);
            if (read is null)
            {
                throw Usage($"{string.Join('.', path)} cannot be {Shown.Text(string.Join(' ', words))}: {problem!.TrimEnd('.')}.", null);
            }
            var file = SettingsChange.Write(app, parsed.GetValue(project), (at, text) => SettingsEditor.Set(at, text, path, read));
            app.Terminal.Say($"{string.Join('.', path)} = {Shown.Text(read.ToToml())} in {file}");
            TellWhatWins(app, string.Join('.', path), read);
        });
        return command.WithExamples(
            ("codexctl config set engine podman", "Change a setting for good"),
            ("codexctl config set allow npm github --project", "For this folder; takes codexctl trust")
        );
    }

    private static Command CreateUnset(App app)
    {
        var name = NameArgument();
        var project = ProjectOption();
        var command = new Command("unset", "Take a setting out of the file, so that the default counts again")
        {
            name,
            project,
            _workdir(),
        };
        command.SetAction(parsed =>
        {
            var path = Named(parsed.GetValue(name)!);
            var there = true;
            var file = SettingsChange.Write(
                app,
                parsed.GetValue(project),
                (at, text) =>
                {
                    var changed = SettingsEditor.Unset(at, text, path);
                    there = changed is not null;
                    return changed;
                }
            );
            app.Terminal.Say(there ? $"{string.Join('.', path)} is no longer in {file}" : $"{string.Join('.', path)} was not in {file}");
        });
        return command.WithExamples(("codexctl config unset engine", "Back to the default"));
    }

    private static Command CreateEdit(App app)
    {
        var project = ProjectOption();
        var command = new Command("edit", "Open the settings file in your editor (VISUAL, EDITOR, else vi)") { project, _workdir() };
        command.SetAction(
            async (parsed, cancel) =>
            {
                var path = parsed.GetValue(project) ? Path.Combine(app.Folder, ProjectFile.FileName) : app.Paths.ConfigFile;
                if (!parsed.GetValue(project) && !File.Exists(path))
                {
                    PrivateFile.Write(path, "# Settings of codexctl: `codexctl config list` shows them all.\n");
                }
                if (parsed.GetValue(project))
                {
                    // The box may have put a link, a pipe or a device there, and an editor would follow.
                    _ = UntrustedFile.Read(path, ProjectFile.Largest);
                }
                var editor = (app.Environment["VISUAL"] ?? app.Environment["EDITOR"] ?? "vi").Split(
                    ' ',
                    StringSplitOptions.RemoveEmptyEntries
                );
                var code = await app.Processes.AttachAsync(new CommandLine(editor[0], [.. editor[1..], path]));
                if (code != 0)
                {
                    throw new UserError($"The editor {editor[0]} ended with exit code {code}.");
                }
                // What is wrong with it is told now, not at the next run.
                _ = app.SettingsLoader.User();
                if (app.SettingsLoader.Load(app.Folder).Project is { Problem: { } problem } && parsed.GetValue(project))
                {
                    throw problem;
                }
                return ExitCodes.Ok;
            }
        );
        return command.WithExamples(("codexctl config edit", "Open the settings in your editor"));
    }

    private static Command CreatePath(App app)
    {
        var project = ProjectOption();
        var command = new Command("path", "Where the settings file is, or would be") { project, _workdir() };
        command.SetAction(parsed =>
            app.Terminal.WriteLine(parsed.GetValue(project) ? Path.Combine(app.Folder, ProjectFile.FileName) : app.Paths.ConfigFile)
        );
        return command.WithExamples(("codexctl config path", "Where the settings are"));
    }

    private static Command CreateReference(App app)
    {
        var command = new Command("reference", "The table of docs/settings.md") { Hidden = true };
        command.SetAction(_ => app.Terminal.WriteLine(SettingsReference.Markdown().TrimEnd()));
        return command;
    }

    private static Argument<string> NameArgument()
    {
        var argument = new Argument<string>("setting")
        {
            Description = "The setting, for example engine or profiles.fast.model",
            HelpName = "SETTING",
        };
        argument.CompletionSources.Add(_ =>
            SettingsTable
                .All.Where(setting => !setting.IsPattern)
                .Select(setting => new System.CommandLine.Completions.CompletionItem(setting.Name))
        );
        return argument;
    }

    private static Option<bool> ProjectOption() =>
        new("--project") { Description = $"The project's own file, {ProjectFile.FileName} in the folder" };

    private static IReadOnlyList<string> Named(string name)
    {
        var path = name.Split('.');
        if (SettingsTable.Find(path) is null)
        {
            var near = SettingsTable.NearestTo(path);
            throw Usage(
                $"There is no setting {Shown.Text(name)}.",
                near is null ? "codexctl config list shows every setting." : $"Did you mean {Shown.Text(near)}?"
            );
        }
        return SettingsTable.ProblemWithNames(path) is { } problem ? throw Usage($"{Shown.Text(name)}: {problem}.", null) : path;
    }

    private static IReadOnlyList<string>? BuiltIn(CodexctlSettings settings, IReadOnlyList<string> path) =>
        path is ["profiles", var name, "model"] && settings.Profiles.GetValueOrDefault(name)?.Model is { } model ? [model]
        : path is ["servers", var server, "url"] && SettingsTable.UsualServers.TryGetValue(server, out var url) ? [url]
        : null;

    private static void TellWhatWins(App app, string name, SettingValue written)
    {
        if (app.Settings.Values.GetValueOrDefault(name) is { } found && !written.Same(found.Value))
        {
            app.Terminal.Say($"but here {Shown.Text(found.Origin.ToString())} wins, with {Shown.Text(found.Value?.Text ?? "nothing")}");
        }
    }

    private static IReadOnlyList<ResolvedSetting> InOrder(CodexctlSettings settings)
    {
        var order = SettingsTable
            .All.Select((setting, i) => (setting.Name, i))
            .ToDictionary(pair => pair.Name, pair => pair.i, StringComparer.Ordinal);
        return [.. settings.Values.Values.OrderBy(found => order[found.Setting.Name]).ThenBy(found => found.Name, StringComparer.Ordinal)];
    }

    private static string Words(ResolvedSetting found) =>
        found.Value is { } value
            ? (value.Words.Count == 0 ? "(empty)" : Shown.Text(value.Text))
            : $"({found.Setting.DefaultWords ?? "not set"})";

    private static UserError Usage(string what, string? mend) => new(what, null, mend, ExitCodes.Usage);
}

public sealed record ConfigList(IReadOnlyList<ConfigRow> Settings) : VersionedJson;

/// <param name="Value">A text, a number, true or false, or a list of texts; null when nothing is set and there is no default.</param>
/// <param name="Origin">default, user, project or environment.</param>
/// <param name="Source">The file or the variable.</param>
public sealed record ConfigRow(string Name, string Kind, JsonNode? Value, string Origin, string? Source, int? Line, string Help)
{
    public static ConfigRow From(ResolvedSetting found) =>
        new(
            found.Name,
            found.Setting.Kind.ToString().ToLowerInvariant(),
            Json(found.Value),
            found.Origin.Kind.ToString().ToLowerInvariant(),
            found.Origin.Source,
            found.Origin.Line,
            found.Setting.Help
        );

    private static JsonNode? Json(SettingValue? value) =>
        value?.Kind switch
        {
            null => null,
            SettingKind.List => new JsonArray([.. value.Words.Select(word => (JsonNode)word)]),
            SettingKind.Flag => JsonValue.Create(value.IsTrue),
            SettingKind.Number => JsonValue.Create(decimal.Parse(value.Text, System.Globalization.CultureInfo.InvariantCulture)),
            _ => JsonValue.Create(value.Text),
        };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ConfigList))]
internal sealed partial class ConfigJson : JsonSerializerContext;
