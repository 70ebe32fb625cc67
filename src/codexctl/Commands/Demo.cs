using System.CommandLine;
using System.Text.Json;
using Codexctl.Sessions;

namespace Codexctl.Commands;

/// <summary>`codexctl demo`: the main job, shown on this machine with nothing but what codexctl brings along.</summary>
public static class Demo
{
    public static Command Create(App app)
    {
        var engine = ContainerOptions.EngineOption();
        var json = new Option<bool>("--json") { Description = "One JSON object instead of the show" };
        var keep = new Option<bool>("--keep") { Description = "Keep the demo's project folder" };
        var command = new Command("demo", "Show the main job: the real Codex in a real box, on a tiny built-in model")
        {
            engine,
            json,
            keep,
        };
        command.SetAction((parsed, cancel) => RunAsync(app, parsed.GetValue(engine), parsed.GetValue(json), parsed.GetValue(keep), cancel));
        return command.WithExamples(
            ("codexctl demo", "Show the main job"),
            ("codexctl demo --engine bubblewrap --keep", "On another engine, and keep the project")
        );
    }

    private static async Task<int> RunAsync(App app, string? engineName, bool json, bool keep, CancellationToken cancel)
    {
        using var project = DemoFolder.Make(keep);
        var show = new DemoShow(app, project, json);
        var engine = await app.EngineAsync(engineName, cancel);
        show.Begin();
        DemoReport report;
        try
        {
            report = await show.RunAsync(engine, cancel);
        }
        catch (UserError error)
            when (engineName is null && engine.Capabilities.Images && error.Message.Contains("could not be built", StringComparison.Ordinal)
            )
        {
            // A machine whose engine cannot fetch the base image can still show the rest.
            app.Terminal.Fail(error.Message, error.Why, $"{error.Mend}\nGoing on with bubblewrap, which needs no image.");
            report = await show.RunAsync(await app.EngineAsync("bubblewrap", cancel), cancel);
        }
        if (json)
        {
            app.Terminal.WriteLine(JsonSerializer.Serialize(report, DemoJson.Default.DemoReport));
        }
        return report.Ok ? ExitCodes.Ok : ExitCodes.Failed;
    }
}
