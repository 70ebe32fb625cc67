using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>`codexctl import`: takes over what the shell script `codexctl` and agentctl left on this machine.</summary>
public static class Import
{
    public static Command Create(App app)
    {
        var containers = new Argument<string[]>("container")
        {
            Description = "Only these containers (default: all of the shell script and of agentctl)",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var apply = new Option<bool>("--apply") { Description = "Do it (default: only show what would be done)" };
        var script = new Option<string?>("--script")
        {
            Description = "The shell script codexctl, whose constants you edited",
            HelpName = "PATH",
        };
        var login = new Option<string?>("--login-from")
        {
            Description = "Also store the OpenAI login that is in this container",
            HelpName = "CONTAINER",
        };
        var engine = ContainerOptions.EngineOption();
        engine.Description = "Only this engine's containers and images (default: all that answer)";
        var json = new Option<bool>("--json") { Description = "As JSON" };
        var command = new Command("import", "Take over sessions, login and constants of the shell script codexctl or of agentctl")
        {
            containers,
            apply,
            script,
            login,
            engine,
            json,
        };
        command.SetAction(
            async (parsed, cancel) =>
            {
                var names = parsed.GetValue(containers) ?? [];
                foreach (var name in names.Append(parsed.GetValue(login)).OfType<string>())
                {
                    ContainerNames.Check(name);
                }
                using var interrupts = new Processes.Interrupts(cancel);
                var asked = new ImportSearch.Asked(parsed.GetValue(engine), parsed.GetValue(script), parsed.GetValue(login), names);
                var search = await ImportSearch.FindAsync(app, asked, interrupts.Token);
                return await RunAsync(app, search, parsed.GetValue(apply), parsed.GetValue(json), interrupts.Token);
            }
        );
        return command.WithExamples(
            ("codexctl import", "See what of the shell script or of agentctl is here, and what would be taken"),
            ("codexctl import codex-demo --apply", "Take the sessions of one container"),
            ("codexctl import --script ~/bin/codexctl.old --apply", "Take it, and the constants of the script"),
            ("codexctl import --login-from codex-demo --apply", "Also the OpenAI login of that container")
        );
    }

    private static async Task<int> RunAsync(App app, ImportSearch search, bool apply, bool json, CancellationToken cancel)
    {
        List<ImportRow> rows = [];
        foreach (var item in search.Items)
        {
            var row = item.Row;
            if (!json)
            {
                app.Terminal.WriteLine($"{row.Action, -6}{row.Kind} {row.Name}{(row.Detail is { } detail ? $": {detail}" : "")}");
            }
            if (apply && item.Take is { } take)
            {
                row = await TakeAsync(row, take, cancel);
                if (!json && row.Result is { } result)
                {
                    app.Terminal.WriteLine($"      {result}");
                }
                if (row.Problem is { } problem)
                {
                    app.Terminal.Say($"{row.Kind} {row.Name}: {problem}");
                }
            }
            rows.Add(row);
        }
        var failed = rows.Any(row => row.Problem is not null);
        if (json)
        {
            var report = new ImportReport(apply, rows, search.Problems);
            app.Terminal.WriteLine(JsonSerializer.Serialize(report, ImportJson.Default.ImportReport));
        }
        foreach (var problem in search.Problems)
        {
            app.Terminal.Say(problem);
        }
        if (!apply && rows.Any(row => row.Action == ImportRow.WouldTake))
        {
            app.Terminal.Say("nothing was changed. To take what is marked `take`: codexctl import --apply, with the same options");
        }
        else if (rows.All(row => row.Action != ImportRow.WouldTake))
        {
            app.Terminal.Say("there is nothing to take.");
        }
        return failed ? ExitCodes.Failed : ExitCodes.Ok;
    }

    private static async Task<ImportRow> TakeAsync(ImportRow row, Func<CancellationToken, Task<string>> take, CancellationToken cancel)
    {
        try
        {
            return row with { Result = await take(cancel) };
        }
        catch (UserError error)
        {
            // The others need not wait for this one.
            return row with { Problem = string.Join(' ', ((string?[])[error.Message, error.Why, error.Mend]).OfType<string>()) };
        }
        catch (ProcessError error)
        {
            return row with { Problem = $"{error.Message} {error.Tail}" };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            return row with { Problem = error.Message };
        }
    }
}

/// <param name="Applied">False when it was only shown.</param>
/// <param name="Problems">What could not be looked at.</param>
public sealed record ImportReport(bool Applied, IReadOnlyList<ImportRow> Items, IReadOnlyList<string> Problems) : VersionedJson;

/// <summary>One thing that was found.</summary>
/// <param name="Kind">container, image, login or setting.</param>
/// <param name="Action">take, done (taken earlier), skip (cannot be taken now), keep (stays as it is).</param>
/// <param name="Result">What was done; null when nothing was.</param>
/// <param name="Problem">Why it could not be done.</param>
public sealed record ImportRow(string Kind, string Name, string? Engine, string Action, string? Detail)
{
    public const string WouldTake = "take";
    public const string WasTaken = "done";
    public const string CannotNow = "skip";
    public const string Stays = "keep";

    public string? Result { get; init; }

    public string? Problem { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(ImportReport))]
internal sealed partial class ImportJson : JsonSerializerContext;
