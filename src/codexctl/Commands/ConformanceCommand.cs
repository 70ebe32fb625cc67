using System.CommandLine;
using System.Text.Json;
using Codexctl.Doctor.Conformance;
using Codexctl.Processes;

namespace Codexctl.Commands;

/// <summary>`codexctl doctor --conformance`: every promise, tried on the engine of this machine.</summary>
public static class ConformanceCommand
{
    public static async Task<int> RunAsync(App app, string? engineName, bool json, IReadOnlyList<string> only, CancellationToken cancel)
    {
        var unknown = only.Where(id => Promises.All.All(promise => promise.Id != id)).ToList();
        if (unknown.Count > 0)
        {
            throw new UserError(
                $"There is no promise named {unknown[0]}.",
                $"The promises are: {string.Join(", ", Promises.All.Select(promise => promise.Id))}.",
                null,
                ExitCodes.Usage
            );
        }
        var engine = await app.EngineAsync(engineName, cancel);
        var count = only.Count > 0 ? only.Count : Promises.All.Count;
        app.Terminal.Say($"trying {count} promises on {engine.Name}; this takes some minutes, in folders of its own.");
        var options = new TrialOptions(
            Self.Command,
            app.Environment.All,
            app.Processes,
            environment =>
                new App(environment, app.Terminal, new ProcessRunner(environment), app.Clock, app.Line).Engines.Named(engine.Name)
        );
        var run = new ConformanceRun(engine, options, app.Clock);
        var done = 0;
        var report = await run.RunAsync(
            Product.Version,
            only,
            result =>
            {
                done++;
                var detail = result.Detail is { } why ? $": {why.ReplaceLineEndings(" ")}" : "";
                app.Terminal.Talk(
                    $"{done, 3}/{count} {result.Seconds, 5:0.0} s  {ConformanceReport.Word(result.Verdict)}  {result.Promise}{detail}\n"
                );
            },
            cancel
        );
        app.Terminal.WriteLine(json ? JsonSerializer.Serialize(report, ConformanceJson.Default.ConformanceReport) : report.ToMarkdown());
        return report.Ok ? ExitCodes.Ok : ExitCodes.Failed;
    }
}
