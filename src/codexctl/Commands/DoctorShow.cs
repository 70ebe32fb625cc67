using System.Text.Json;
using System.Text.Json.Serialization;
using Codexctl.Doctor;
using Codexctl.Engines;
using Codexctl.Images;
using Codexctl.Models;
using Codexctl.Sessions;
using Codexctl.Settings;
using Codexctl.Terminal;

namespace Codexctl.Commands;

/// <summary>Puts the checks together for this machine and shows what they see.</summary>
internal sealed class DoctorShow(App app, string? engineName)
{
    private IContainerEngine? _engine;

    public async Task<int> RunAsync(bool fix, bool json, bool quick, CancellationToken cancel)
    {
        var findings = await DoctorRun.RunAsync(Checks(quick, fix), fix, finding => Tell(finding, json), cancel);
        var report = DoctorReport.From(findings);
        if (json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize(report, DoctorJson.Default.DoctorReport));
        }
        else
        {
            var open = findings.Where(finding => finding is { Level: not Level.Ok, Fixed: false }).ToList();
            var fixable = open.Count(finding => finding.Fix is not null);
            app.Terminal.Say(
                open.Count == 0
                    ? "all is well."
                    : $"{Count(open, Level.Problem, "problem")}, {Count(open, Level.Warning, "warning")}{(fixable > 0 && !fix ? $"; codexctl doctor --fix mends {fixable} of them" : "")}."
            );
        }
        return report.Ok ? ExitCodes.Ok : ExitCodes.Failed;
    }

    private static string Count(List<Finding> findings, Level level, string word) =>
        findings.Count(finding => finding.Level == level) is var count && count == 1 ? $"1 {word}" : $"{count} {word}s";

    private IEnumerable<Check> Checks(bool quick, bool fix)
    {
        var broken = false;
        yield return new Check(
            "version",
            _ =>
                Task.FromResult<IReadOnlyList<Finding>>([
                    Finding.Ok("version", $"codexctl {Product.Version}, made for Codex {CodexLock.Embedded.Version}"),
                ])
        );
        yield return SettingsChecks.Settings(app.SettingsLoader, app.Paths, app.Folder);
        yield return SettingsChecks.Proxy(app.Environment);
        yield return MachineChecks.Disk(app.Paths, MachineChecks.FreeAt);
        yield return MachineChecks.Memory(ModelOverview.Memory);
        yield return new Check(
            "pin",
            cancel => MachineChecks.Pin(app.Codex, app.Paths, stop => app.CodexFilesAsync(stop)).LookAsync(cancel)
        );
        yield return new Check(
            "engine",
            async cancel =>
            {
                broken = true;
                var seen = await MachineChecks
                    .Engine(EngineAsync, (engine, stop) => EngineVersion.TellAsync(app.Processes, engine.Name, stop))
                    .LookAsync(cancel);
                broken = false;
                return seen;
            }
        );
        if (!broken)
        {
            yield return Image();
            yield return new LeftOverChecks(app.Paths, EngineAsync, app.Gateways, WorkdirLabel.Read, TakeLoginOutAsync).Check;
        }
        yield return LoginChecks.Login(app.LoginsAsync);
        yield return LoginChecks.Files(app.Paths.Login);
        yield return ModelChecks.Model(
            () => ModelChoice.From(app.Settings, app.Environment),
            cancel => ModelOverview.DetectAsync(ModelChoice.Servers(app.Settings, app.Environment), app.Environment, app.Clock, cancel),
            app.Environment,
            app.Clock,
            ModelChecks.Listeners,
            (server, name, cancel) =>
                ModelPulling.PullAsync(
                    app,
                    server,
                    name,
                    ModelOverview.Authorization(app.Environment, ModelChoice.From(app.Settings, app.Environment).ApiKeyVariable),
                    cancel
                )
        );
        if (!broken && !quick)
        {
            yield return new Check("canary", cancel => CanaryAsync(fix, cancel));
        }
    }

    private Check Image()
    {
        string name = ImageMaking.Default;
        try
        {
            name = app.Settings.DefaultImage;
        }
        catch (UserError)
        {
            // Told by the check of the settings; the usual image is looked at then.
        }
        return MachineChecks.Image(
            EngineAsync,
            name,
            (_, image) =>
                app.Images.Find(name) is not { } recipe
                || ImagePlan.StateOf(app.Images, app.Codex.Release, recipe, image) is not ImageState.Outdated,
            (engine, cancel) => ImageMaking.MakeAsync(app, engine, name, cancel)
        );
    }

    /// <summary>The real Codex in a real box on the scripted model: the demo, without a word.</summary>
    private async Task<IReadOnlyList<Finding>> CanaryAsync(bool fix, CancellationToken cancel)
    {
        var engine = await EngineAsync(cancel);
        if (!fix && engine is IImageEngine images && await images.InspectImageAsync(ImageMaking.Default, cancel) is null)
        {
            return
            [
                new Finding(
                    "canary",
                    Level.Warning,
                    "The canary turn waits for the image.",
                    "It runs the real Codex in a real box.",
                    "codexctl build, then codexctl doctor"
                ),
            ];
        }
        using var progress = new Progress(app.Terminal, "canary: a turn of the real Codex in a real box", app.Clock);
        progress.Report("");
        using var project = DemoFolder.Make(keep: false);
        var report = await new DemoShow(app, project, quiet: true).RunAsync(engine, cancel);
        return report.Ok
            ? [Finding.Ok("canary", $"a turn of Codex {report.Codex} in a box works, in {report.Seconds:0.0} s")]
            : [.. report.Problems.Select(problem => new Finding("canary", Level.Problem, problem, null, "codexctl demo shows every step"))];
    }

    private async Task TakeLoginOutAsync(IContainerEngine engine, ContainerInfo container, CancellationToken cancel)
    {
        await Lifecycle.StartAsync(app, engine, container, cancel);
        await app.Sessions(engine).StopAsync(container with { State = ContainerState.Running }, cancel);
    }

    private async Task<IContainerEngine> EngineAsync(CancellationToken cancel) => _engine ??= await app.EngineAsync(engineName, cancel);

    private void Tell(Finding finding, bool json)
    {
        if (json)
        {
            return;
        }
        var sign = finding switch
        {
            { Fixed: true } => "mended ",
            { Level: Level.Ok } => "ok     ",
            { Level: Level.Warning } => "warning",
            _ => "PROBLEM",
        };
        app.Terminal.WriteLine($"{sign}  {finding.Check}: {finding.What}");
        if (finding is { Level: not Level.Ok, Fixed: false })
        {
            foreach (var line in (finding.Why ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                app.Terminal.WriteLine($"           {line}");
            }
            foreach (var line in (finding.Mend ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                app.Terminal.WriteLine($"         → {line}");
            }
        }
    }
}

/// <param name="Ok">No problem is left; warnings may be.</param>
public sealed record DoctorReport(bool Ok, IReadOnlyList<DoctorRow> Findings) : VersionedJson
{
    internal static DoctorReport From(IReadOnlyList<Finding> findings) =>
        new(
            findings.All(finding => finding.Level != Level.Problem || finding.Fixed),
            [
                .. findings.Select(finding => new DoctorRow(
                    finding.Check,
                    finding.Level.ToString().ToLowerInvariant(),
                    finding.What,
                    finding.Why,
                    finding.Mend,
                    finding.Fix is not null,
                    finding.Fixed
                )),
            ]
        );
}

/// <param name="Level">ok, warning or problem.</param>
/// <param name="Fixable">`--fix` can mend it.</param>
public sealed record DoctorRow(string Check, string Level, string What, string? Why, string? Mend, bool Fixable, bool Fixed);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(DoctorReport))]
internal sealed partial class DoctorJson : JsonSerializerContext;
